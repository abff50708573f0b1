"""`finevla serve`: a bundle behind a websocket, for openpi's and starVLA's clients and for our own policy node."""
