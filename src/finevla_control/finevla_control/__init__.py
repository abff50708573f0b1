"""Safety bridge node: action chunks to controller trajectories, or not."""
