"""Reads English and Chinese sentences about things on a table: words to slots, unknown words by name. No learning, no ROS."""

READERS = ("tabletop",)  # the readers that a bundle's manifest can name; see `finevla_core.language.reader`
