"""`finevla drills`: see `finevla_sim.drills`."""

from finevla_sim.drills import add_arguments, run

__all__ = ["add_arguments", "run"]
