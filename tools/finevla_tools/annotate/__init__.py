"""`finevla annotate`: what motion says of an episode in the ten dimensions, as data and as words, for a person to review."""
