"""Camera ingest node: time-aligned images and joint state to one Observation."""
