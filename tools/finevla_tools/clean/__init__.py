"""Cleaning: what is wrong with which episode of a data set, said with value, threshold and reason; nothing is deleted."""
