"""`finevla bench steer`: SteerBench, a benchmark of steerability with frozen scenes, partial credit and signed results."""
