"""Long work, once: output that appears whole, resuming, journals, the parallel map and how far it is."""
