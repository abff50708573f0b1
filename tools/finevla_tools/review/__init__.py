"""Review of annotations by people: the database, the local server, and its page."""
