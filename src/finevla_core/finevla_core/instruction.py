"""What the operator says: a raw goal, an optional fine text, and the ten factors of FineVLA as data.

Checked here, once: whoever holds an `Instruction` may trust it.
"""

import dataclasses
import unicodedata
import uuid
from dataclasses import dataclass, field, fields

from finevla_core.errors import FineVLAError, quoted

MAX_TEXT = 8000  # characters; some 1,300 English words, six times the longest fine text of the published data sets
# All texts of one instruction in UTF-8: what was said by service or action must fit into the message that announces it.
MAX_BYTES = 48 * 1024
MAX_STEPS = 16
EMPTY_FACTOR = "factor '{name}' is given but empty; leave it out, or say what is meant"

ACTORS = ("left_arm", "right_arm", "both_arms")
APPROACHES = ("top", "left", "right", "front", "back")


@dataclass(frozen=True)
class Factors:
    """The ten dimensions of a fine-grained instruction, each slot optional (None or empty = not said).

    Slot names are those of RoboFine-Bench's capabilities (arXiv 2605.27284).
    """

    action_sequence: tuple[str, ...] = ()
    active_actor: str | None = None
    target_category: str | None = None
    target_color: str | None = None
    target_material: str | None = None
    target_shape_or_size: str | None = None
    initial_pose: str | None = None
    initial_workspace_location: str | None = None
    initial_relation: str | None = None
    initial_state: str | None = None
    final_pose: str | None = None
    final_workspace_location: str | None = None
    final_relation: str | None = None
    final_state: str | None = None
    contact_region: str | None = None
    approach_direction: str | None = None
    translation_direction: str | None = None
    translation_extent: str | None = None
    rotation_direction: str | None = None
    rotation_angle: str | None = None
    path_shape: str | None = None
    base_motion: str | None = None
    torso_motion: str | None = None
    camera_motion: str | None = None
    interaction_type: str | None = None
    affected_object: str | None = None
    effect: str | None = None
    failure: str | None = None
    retry: str | None = None
    recovery_result: str | None = None
    attempt_count: str | None = None

    def __post_init__(self) -> None:
        if len(self.action_sequence) > MAX_STEPS:
            raise FineVLAError(f"action_sequence has {len(self.action_sequence)} steps; say it in at most {MAX_STEPS}")
        for name, value in self.said().items():
            for text in value if isinstance(value, tuple) else (value,):
                if not text.strip():
                    raise FineVLAError(EMPTY_FACTOR.format(name=name))
                _check_text(text, f"factor '{name}'")
        _check_choice("active_actor", self.active_actor, ACTORS)
        _check_choice("approach_direction", self.approach_direction, APPROACHES)

    def said(self) -> dict[str, str | tuple[str, ...]]:
        """The slots that carry a value, in the order of the ten dimensions."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name))}


@dataclass(frozen=True)
class Instruction:
    """One checked instruction; `id` is unique, `stamp_ns` is when it was said.

    `history` is what was said before it in this episode, oldest first (`finevla_core.instruction_history`); no message has it.
    """

    raw: str
    fine: str = ""
    factors: Factors = field(default_factory=Factors)
    id: str = ""
    stamp_ns: int = 0
    history: tuple["Instruction", ...] = ()

    def __post_init__(self) -> None:
        if not self.raw.strip() and not self.fine.strip():
            raise FineVLAError("the instruction is empty; say what to do, e.g. 'reach the red cube with the left arm'")
        for name, text in (("raw", self.raw), ("fine", self.fine)):
            _check_text(text, f"the instruction's {name} text")
        if len(self.id) > 128:
            raise FineVLAError(f"the instruction's id has {len(self.id)} characters; at most 128 are allowed")
        if not self.id.isprintable():
            raise FineVLAError(
                f"the instruction's id is {quoted(self.id)}; give one of printable signs on one line, or none"
            )
        words = [t for v in self.factors.said().values() for t in (v if isinstance(v, tuple) else (v,))]
        size = sum(len(text.encode()) for text in (self.raw, self.fine, *words))
        if size > MAX_BYTES:
            raise FineVLAError(f"the instruction has {size} bytes with its factors; at most {MAX_BYTES} are allowed")

    def stamped(self, stamp_ns: int) -> "Instruction":
        """This instruction with an id and a stamp, made up where they are missing."""
        return dataclasses.replace(self, id=self.id or uuid.uuid4().hex[:12], stamp_ns=self.stamp_ns or stamp_ns)

    def prompt(self) -> str:
        """The text a policy reads: the fine text if there is one, else the raw one, then the factors in words."""
        return ". ".join(part.rstrip(". ") for part in (self.fine.strip() or self.raw.strip(), *self._factor_phrases()))

    def factor_text(self) -> str:
        """The factors in words, as they stand in `prompt`; empty if none is given."""
        return ". ".join(part.rstrip(". ") for part in self._factor_phrases())

    def _factor_phrases(self) -> list[str]:
        factors = self.factors
        said = list(factors.action_sequence)
        if factors.active_actor:
            said.append(f"use the {factors.active_actor.replace('_', ' ')}")
        target = [t for t in (factors.target_color, factors.target_shape_or_size, factors.target_category) if t]
        if target:
            said.append(f"the target is the {' '.join(target)}")
        phrases = {
            "approach from the {}": factors.approach_direction,
            "grip it at its {}": factors.contact_region,
            "carry it {}": factors.path_shape,
            "turn it {}": factors.rotation_direction,
            "put it in the {}": factors.final_workspace_location,
            "put it {}": factors.final_relation,
        }
        said.extend(phrase.format(word) for phrase, word in phrases.items() if word)
        return said


def same_words(one: Instruction, other: Instruction) -> bool:
    """Whether two instructions say the same, whatever their ids and stamps, and whatever was said before them."""
    return (one.raw, one.fine, one.factors) == (other.raw, other.fine, other.factors)


def _check_text(text: str, where: str) -> None:
    if len(text) > MAX_TEXT:
        raise FineVLAError(f"{where} has {len(text)} characters; at most {MAX_TEXT} are allowed")
    check_signs(text, where)


def check_signs(text: str, where: str) -> None:
    """Refuse what is no text: broken UTF-8, and control signs other than newline and tab.

    Args:
        text: What somebody said or typed.
        where: Begins the sentence, "the instruction's raw text".

    Raises:
        FineVLAError: One sentence that names the code point and its place, counted from 1.
    """
    if "\ufffd" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise FineVLAError(f"{where} is not valid UTF-8; send it again in UTF-8")
    plain = text.replace("\r\n", "\n\n")  # Windows ends its lines so
    for place, sign in enumerate(plain, 1):
        if unicodedata.category(sign) == "Cc" and sign not in "\n\t":
            raise FineVLAError(f"{where} has the control sign U+{ord(sign):04X} at character {place}; remove it")


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise FineVLAError(f"factor '{name}' is '{value}'; it must be one of {', '.join(choices)}")
