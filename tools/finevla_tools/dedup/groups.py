"""Group episodes for comparison: by task, by data set or all together; different arms are never compared."""

from collections.abc import Sequence
from dataclasses import dataclass

from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted

BY = ("task", "dataset", "all")
NO_TASK = "(no task)"


@dataclass(frozen=True)
class Item:
    """What determines an episode's group: task texts, data set, arms and number of values per arm."""

    tasks: tuple[str, ...]
    dataset: str
    arms: tuple[str, ...]
    size: int  # D


@dataclass(frozen=True)
class Group:
    """Episodes to compare with each other; `members` are their numbers, ascending."""

    name: str
    members: tuple[int, ...]
    arms: tuple[str, ...]

    @property
    def pairs(self) -> int:
        """Number of pairs of members, N (N - 1) / 2."""
        return len(self.members) * (len(self.members) - 1) // 2


def task_of(tasks: Sequence[str]) -> str:
    """Return an episode's task as one text: its texts joined by "; ", `(no task)` if all are blank."""
    return "; ".join(text for text in tasks if text.strip()) or NO_TASK


def grouped(items: Sequence[Item], by: str) -> list[Group]:
    """Return the groups, largest first, ties by name; names include the arms where members of a task differ in them.

    Raises `FineVLAError` if `by` is unknown.
    """
    if by not in BY:
        raise FineVLAError(unknown("grouping", by, BY))
    found: dict[str, dict[tuple[tuple[str, ...], int], list[int]]] = {}
    for number, item in enumerate(items):
        name = {"task": task_of(item.tasks), "dataset": item.dataset, "all": "all"}[by]
        found.setdefault(name, {}).setdefault((item.arms, item.size), []).append(number)
    groups = []
    for name, kinds in found.items():
        for (arms, size), members in kinds.items():
            said = "" if len(kinds) == 1 else f" [{' and '.join(arms)}, {counted(size, 'value')}]"
            groups.append(Group(name + said, tuple(members), arms))
    return sorted(groups, key=lambda group: (-len(group.members), group.name))
