"""`finevla demos`: demonstrations to train from, in bulk; see `finevla_sim.demos`."""

from finevla_sim.demos import add_arguments, run

__all__ = ["add_arguments", "run"]
