"""Dedup: which trajectories of a data set say the same, and which of them to keep; by DTW, as FineVLA, for both arms."""
