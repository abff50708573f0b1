"""Faults on purpose: what goes wrong, what is promised then, and what really happens, on a simulated stack of its own.

`drill_types` says what a drill is, `drill_catalogue` lists them, `message_relay` and `fault_injection` do the damage,
`drill_recorder` and `drill_judge` look at what came of it; `foreign_publisher` takes part in the graph as somebody else, and
`status_imposters`, `command_intruders`, `operator_requests`, `message_floods` and `node_terminations` are what hostile clients
do, of which `hostile_drills` lists the drills; `drill_session` runs one after the other, `drill_report` writes it down.
"""
