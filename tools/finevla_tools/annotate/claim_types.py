"""One claim of a sentence, and what was told before it: the arm, whether it holds something, what the clause before was of."""

from dataclasses import dataclass

SIDES = ("left", "right")
OTHER = {"left": "right", "right": "left"}
OPPOSITE = {**OTHER, "forward": "backward", "backward": "forward", "up": "down", "down": "up"}
AXIS = {"left": "y", "right": "y", "forward": "x", "backward": "x", "up": "z", "down": "z"}


@dataclass(frozen=True)
class Claim:
    """One claim: `kind` says what `value` is. `arm` is left, right, both or "" (not said); `at_s` a time or None.

    Kinds: arm, idle, close, open, hold, held (from when to when), miss, lose, direction, extent, approach, rotation, angle,
    count, attempt (which one succeeds), one of attempts, failed attempts, no retry, together, in turn. A close or open has
    the value "try", "shut" (on what is not said) or "place" where less is told than that something was grasped or let go; a
    miss has "left" where all that is told is a thing that stays where it was, "state" where a gripper only is empty.
    `denied` turns a claim round: `does not close the gripper`. `bare` is an opening of fingers alone, that may prepare a
    grasp, or a grasp so prepared; `part` counts the tellings of the motion in a text, for a summary tells it once more.
    """

    kind: str
    value: str
    words: str
    arm: str = ""
    at_s: float | None = None
    denied: bool = False
    hedged: bool = False
    carried: bool = True
    bare: bool = False
    part: int = 0


@dataclass
class Told:
    """What a text has told up to a clause."""

    arm: str = ""
    holds: bool = False
    at_s: float | None = None
    carried: bool = False
    turned: bool = False
    let_go: bool = False
    is_ready: bool = False
    part: int = 0
    names_arms: bool = False
