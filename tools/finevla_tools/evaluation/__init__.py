"""`finevla evaluate`: trials as data, run in closed loop in parallel, counted with intervals, and shown."""
