"""Policy node (lifecycle): instruction and observation to ActionChunk."""
