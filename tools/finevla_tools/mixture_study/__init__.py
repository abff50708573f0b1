"""`finevla bench mixture`: policies trained with every share of fine texts on the same frames, and how steerable each is."""
