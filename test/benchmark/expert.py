"""Demonstrations of the scripted expert, for benchmarks that play them again."""

from finevla_sim.demonstrator import Demonstration, Demonstrator
from finevla_sim.tasks import TASKS, mixture
from finevla_tools.demonstrate import DemonstrationRequest, Performer


def record(episodes: int, first: int) -> list[Demonstration]:
    """Undisturbed ones without pictures, of the seeds from `first` on; an episode alone would lack the expert's chunks."""
    kept: list[Demonstration] = []
    original = Demonstrator.demonstrate

    def keep(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        kept.append(original(self, *args, **kwargs))
        return kept[-1]

    Demonstrator.demonstrate = keep  # type: ignore[method-assign]
    performer = Performer(DemonstrationRequest(mixture(",".join(TASKS)), "easy", False, False))
    for seed in range(first, first + episodes):
        performer.perform(seed)
    Demonstrator.demonstrate = original  # type: ignore[method-assign]
    return kept
