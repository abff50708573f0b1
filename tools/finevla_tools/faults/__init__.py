"""Faults on purpose: what goes wrong, what is promised then, and what really happens, on a simulated stack of its own.

`drill` says what a drill is, `catalogue` lists them, `relay` and `inject` do the damage, `record` and `judge` look at what
came of it; `stranger` takes part in the graph as somebody else, and `imposters`, `intruders`, `people`, `floods` and `endings`
are what hostile clients do, of which `hostile` lists the drills; `session` runs one after the other, `report` writes it down.
"""
