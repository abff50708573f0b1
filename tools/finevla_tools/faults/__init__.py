"""Faults on purpose: what goes wrong, what is promised then, and what really happens, on a simulated stack of its own.

`drill` says what a drill is, `catalogue` lists them, `relay` and `inject` do the damage, `record` and `judge` look at what
came of it, `session` runs one after the other, `report` writes it down.
"""
