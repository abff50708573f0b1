"""Who is compared with whom: groups by task, by data set, or one of all; trajectories of different arms never meet."""

from collections.abc import Sequence
from dataclasses import dataclass

from finevla_core.errors import FineVLAError, unknown

BY = ("task", "dataset", "all")
NO_TASK = "(no task)"


@dataclass(frozen=True)
class Item:
    """What decides about an episode's group: its task texts, its data set, its arms and how many values each has."""

    tasks: tuple[str, ...]
    dataset: str
    arms: tuple[str, ...]
    size: int  # D


@dataclass(frozen=True)
class Group:
    """Episodes that are compared with each other: `members` are their numbers, ascending."""

    name: str
    members: tuple[int, ...]
    arms: tuple[str, ...]

    @property
    def pairs(self) -> int:
        return len(self.members) * (len(self.members) - 1) // 2


def task_of(tasks: Sequence[str]) -> str:
    """The text that stands for an episode's task: exactly as it is, several joined, `(no task)` where nothing is said."""
    return "; ".join(text for text in tasks if text.strip()) or NO_TASK


def grouped(items: Sequence[Item], by: str) -> list[Group]:
    """Groups, the largest first, those of one size by name; a name says the arms where not all members have the same."""
    if by not in BY:
        raise FineVLAError(unknown("grouping", by, BY))
    found: dict[str, dict[tuple[tuple[str, ...], int], list[int]]] = {}
    for number, item in enumerate(items):
        name = {"task": task_of(item.tasks), "dataset": item.dataset, "all": "all"}[by]
        found.setdefault(name, {}).setdefault((item.arms, item.size), []).append(number)
    groups = []
    for name, kinds in found.items():
        for (arms, size), members in kinds.items():
            said = "" if len(kinds) == 1 else f" [{' and '.join(arms)}, {size} values]"
            groups.append(Group(name + said, tuple(members), arms))
    return sorted(groups, key=lambda group: (-len(group.members), group.name))
