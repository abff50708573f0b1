"""The domain, free of ROS and torch: instructions, observations, chunks, bundles, safety."""
