"""`finevla motions`: plans for many goals without pictures, to learn how to move; see `finevla_sim.motions`."""

from finevla_sim.motions import add_arguments, run

__all__ = ["add_arguments", "run"]
