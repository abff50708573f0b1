"""Pages for people, once: blocks of data and drawings in, one HTML file out; one style for all of them."""
