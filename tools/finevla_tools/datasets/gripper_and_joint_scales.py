"""The scale of a data set's grippers and joints, decided once over all its episodes: 0 is closed, 1 open; angles in rad.

Files rarely say it. A range that only one scale explains decides; what two scales explain, or files that contradict each
other, are refused with the option that settles it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted

KEEP, AUTO, MOTOR = "keep", "auto", "motor"
NORMALISED_UP_TO = 1.3
# What an open gripper reads (left, right) in each scale; closed is 0. Metres and millimetres are of the whole opening.
OPENED = {
    "metres": (0.1, 0.1),
    "finger-metres": (0.05, 0.05),  # how far one of two fingers moves
    "millimetres": (100.0, 100.0),
    "micrometres": (100_000.0, 100_000.0),  # the Piper's own integers
    "normalised": (1.0, 1.0),
    "percent": (100.0, 100.0),
    "motor": (3.6, 3.6),  # ARX motors
    "rdt": (4.7908, 4.7888),  # what RDT divides states by
    "rdt-action": (11.8997, 13.9231),  # and its leaders' commands
}
GRIPPERS = (AUTO, *OPENED, KEEP)
# The greatest reading that each scale explains, in rising order; None: nothing that is known reads so.
LIMITS = ((0.13, "metres"), (NORMALISED_UP_TO, "normalised"), (4.15, "motor"), (5.5, "rdt"), (8.0, None), (15.0, "rdt-action"),
          (16.0, None), (130.0, "percent"), (5_000.0, None), (130_000.0, "micrometres"), (np.inf, None))  # fmt: skip
# Readings of grippers that open fully: an episode that ends there, where others go far beyond, is of that other scale.
FULL = {"metres": (0.06, 0.115), "normalised": (0.9, 1.15)}
FULLY = 0.6  # of its scale: an episode that opens so far speaks for it
BELOW = -0.25  # of its own 0 to 1: a gripper reads no less when it is closed
TOLERATED = 4  # so many episodes that agree outvote one that does not
RAD = 7.0  # a joint reads no more in rad
ANGLES = {"deg": "degrees", "mdeg": "thousandths of a degree"}
NO_SCALE = 400_000.0  # nothing reads more than an arm in thousandths of a degree
DAMAGED, NOISE = 1000.0, 0.01  # so many times larger than all others, or than this, is damage
OUTSIDE = 0.02  # beyond 0 to 1 is said from here on

Range = tuple[float, float]


@dataclass(frozen=True)
class GripperScale:
    """One column's scale: `value = (reading - closed) / (opened - closed)`; `name` says which one it is."""

    closed: float
    opened: float
    name: str

    def apply(self, reading: float) -> float:
        """Convert a reading to an opening: 0 closed, 1 open."""
        return (reading - self.closed) / (self.opened - self.closed)


UNSCALED = GripperScale(0.0, 1.0, KEEP)


@dataclass(frozen=True)
class ScaleDecision:
    """`scales` by column; `told` are sentences for the person: what was decided of what, and what lies outside 0 to 1."""

    scales: Mapping[str, GripperScale]
    told: tuple[str, ...] = ()


def grippers(
    episodes: Mapping[str, Mapping[str, Range]], given: Mapping[str, str], where: str, opened_m: float = 0.1
) -> ScaleDecision:
    """The scales of gripper columns `<group>.<side>` (group state or action), from their ranges in every episode.

    `given` has for each group a name of `GRIPPERS` or numbers (`parse`); `opened_m` is the robot's whole opening, m.
    Raises `FineVLAError` beginning with `where` if the episodes contradict each other or fit no scale.
    """
    columns = sorted({column for ranges in episodes.values() for column in ranges})
    found: dict[str, tuple[GripperScale, ...]] = {}
    guessed: dict[str, str] = {}
    for group in dict.fromkeys(column.partition(".")[0] for column in columns):
        said = given.get(group, AUTO)
        if said != AUTO:
            found[group] = parse(said, opened_m)
        else:
            guessed[group] = _guess(episodes, group, where)
    known = [name for name in guessed.values() if name]
    for group, name in guessed.items():
        found[group] = parse(name or _likely(known, group), opened_m)
    scales = {column: found[column.partition(".")[0]][column.endswith("right")] for column in columns}
    return ScaleDecision(scales, tuple(_told(episodes, scales, guessed)))


def parse(text: str, opened_m: float = 0.1) -> tuple[GripperScale, GripperScale]:
    """The scales of the left and the right gripper.

    `text` is a name, what they read when they are open (`4.79`, `4.79,4.78`), or closed and open (`-0.3:3.5`).
    """
    if text == KEEP:
        return UNSCALED, UNSCALED
    if text in OPENED:
        factor = opened_m / 0.1 if "metres" in text else 1.0
        left, right = OPENED[text]
        return GripperScale(0.0, left * factor, text), GripperScale(0.0, right * factor, text)
    made = []
    for part in text.split(","):
        low, _, high = part.rpartition(":")
        try:
            closed, opened = float(low or 0.0), float(high)
        except ValueError:
            raise FineVLAError(
                f"gripper scale '{text}' is neither one of {', '.join(GRIPPERS)} nor what they read open, as 0.08, "
                "of the left and the right one, as 4.79,4.78, or closed and open, as 0.1:3.5"
            ) from None
        if not np.isfinite([closed, opened]).all() or closed == opened:
            raise FineVLAError(f"gripper scale '{text}': closed and open must be different numbers")
        made.append(GripperScale(closed, opened, text))
    if len(made) > 2:
        raise FineVLAError(
            f"gripper scale '{text}' has {counted(len(made), 'part')}; there are a left and a right gripper"
        )
    return made[0], made[-1]


def range_of(readings: NDArray[np.floating]) -> Range | None:
    """The least and the greatest finite reading, but for one or two that are far from all others: damage; None of none."""
    found = readings[np.isfinite(readings)].ravel()
    if not found.size:
        return None
    third = np.sort(abs(found))[-3] if found.size > 3 else abs(found).max()
    found = found[abs(found) <= DAMAGED * max(third, NOISE)]
    return float(found.min()), float(found.max())


def without_damaged(episodes: Mapping[str, Mapping[str, Range]]) -> dict[str, dict[str, Range]]:
    """Without what only a damaged episode says: it must not decide for all the others."""
    found: dict[str, dict[str, Range]] = {}
    for column in {c for ranges in episodes.values() for c in ranges}:
        most = {e: max(map(abs, ranges[column])) for e, ranges in episodes.items() if column in ranges}
        usual = max(sorted(most.values())[(len(most) - 1) // 2], NOISE)
        far = {e for e, reading in most.items() if reading > DAMAGED * usual}
        if len(far) * TOLERATED > len(most):  # so many are another scale
            far = {e for e in far if most[e] > NO_SCALE}
        for episode in most:
            if episode not in far:
                found.setdefault(episode, {})[column] = episodes[episode][column]
    return {e: found[e] for e in episodes if e in found}


def highest(episodes: Mapping[str, Mapping[str, Range]], group: str) -> float:
    """The greatest reading of a group's grippers."""
    columns = (column for ranges in episodes.values() for column in ranges.items())
    return max((high for column, (_, high) in columns if column.startswith(f"{group}.")), default=-np.inf)


def _guess(episodes: Mapping[str, Mapping[str, Range]], group: str, where: str) -> str:
    """The scale of a group's grippers; empty where they open too little to tell."""
    tops = {name: highest({name: ranges}, group) for name, ranges in episodes.items()}
    low = min(r[0] for ranges in episodes.values() for c, r in ranges.items() if c.startswith(f"{group}."))
    top = max(tops.values())
    name = next(name for limit, name in LIMITS if top <= limit)
    option = "--gripper" if group == "state" else "--gripper-action"
    if name is None or low < BELOW * parse(name)[0].opened:
        raise FineVLAError(
            f"{where}: its grippers' {group}s read {low:.4g} to {top:.4g}, which is no scale that is known; say what "
            f"they read closed and open, as {option} {low:.4g}:{top:.4g}"
        )
    if name == "metres" and top < FULL["metres"][0]:
        return ""
    smaller = {n: ends for n, ends in FULL.items() if ends[1] < FULLY * parse(name)[0].opened}
    odd = {e: n for e, high in tops.items() for n, ends in smaller.items() if ends[0] <= high <= ends[1]}
    agree = sum(high >= FULLY * parse(name)[0].opened for high in tops.values())
    if len(odd) * TOLERATED > agree:
        episode, other = next(iter(odd.items()))
        one = max(tops, key=lambda e: tops[e])
        raise FineVLAError(
            f"{where}: the episodes' grippers are of different scales: {group}s of '{one}' reach {tops[one]:.4g} "
            f"({name}), those of '{episode}' {tops[episode]:.4g} ({other}); convert them apart, or say the scale of "
            f"all with {option} {name}"
        )
    return name


def _likely(known: Sequence[str], group: str) -> str:
    """The scale of grippers that hardly open: the other group's; metres, where nobody opens them."""
    if not known:
        return "metres"
    return {"rdt-action": "rdt", "rdt": "rdt-action"}.get(known[0], known[0]) if group == "state" else known[0]


def _told(
    episodes: Mapping[str, Mapping[str, Range]], scales: Mapping[str, GripperScale], guessed: Mapping[str, str]
) -> Sequence[str]:
    told = []
    for group in dict.fromkeys(column.partition(".")[0] for column in scales):
        mine = [c for c in scales if c.startswith(f"{group}.")]
        low = min(r[c][0] for r in episodes.values() for c in mine if c in r)
        high = max(r[c][1] for r in episodes.values() for c in mine if c in r)
        names = dict.fromkeys(scales[c].name for c in mine)
        opened = dict.fromkeys(f"{scales[c].opened:.6g}" for c in mine)
        how = "" if group not in guessed else ", by their range" if guessed[group] else ", though they hardly open"
        many = f"{len(episodes)} episode{'s' * (len(episodes) != 1)}"
        told.append(
            f"grippers of the {group}: {' and '.join(names)}{how} ({low:.4g} to {high:.4g} in {many}; "
            f"{' and '.join(opened)} is open)"
        )
        for column in mine:
            scale = scales[column]
            if scale.name == KEEP:
                continue
            ends = [scale.apply(end) for r in episodes.values() if column in r for end in r[column]]
            if min(ends) < -OUTSIDE or max(ends) > 1 + OUTSIDE:
                side = column.partition(".")[2]
                told.append(
                    f"the {side} gripper of the {group} goes beyond 0 to 1: {min(ends):.3f} to {max(ends):.3f}; it is not cut"
                )
    return told


def angle_unit(most: Sequence[float], where: str) -> str:
    """What joints read in, by each episode's greatest reading: `rad`, `deg`, or `mdeg`, the Piper's own thousandths.

    Half of the episodes decide, for some hardly move and one may be damaged; raises `FineVLAError` where it is no angle.
    """
    middle = sorted(most)[(len(most) - 1) // 2]
    for unit, limit in (("rad", RAD), ("deg", 400.0), ("mdeg", 400_000.0)):
        if middle <= limit:
            return unit
    raise FineVLAError(f"{where}: joints read up to {middle:.4g}, which is no angle in rad, degrees or 0.001 degrees")
