"""Recordings and data sets of others to LeRobot: readers give episodes, one engine converts them, writers keep them."""
