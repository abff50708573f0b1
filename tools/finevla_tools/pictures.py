"""`finevla pictures`: still pictures of scenes with the place of every object; see `finevla_sim.pictures`."""

from finevla_sim.pictures import add_arguments, run

__all__ = ["add_arguments", "run"]
