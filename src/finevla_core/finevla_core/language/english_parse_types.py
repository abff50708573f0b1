"""What an English text is made of: verbs, cues and unknown words, each with its place, and all that stands in the text."""

from dataclasses import dataclass, field

from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_tokens import EnglishToken


@dataclass(slots=True, eq=False)
class Act:
    """A verb in the text."""

    value: str
    text: str
    form: str
    at: int
    sentence: int
    clause: int
    is_negated: bool = False
    is_side: bool = False
    is_hypothetical: bool = False
    is_passive: bool = False
    is_command: bool = False  # base form where a clause begins
    is_dropped: bool = False  # taken back
    is_repair: bool = False
    is_modal: bool = False  # after "should", "must" and their like
    subject: Mention | None = None
    objects: list[Mention] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Cue:
    """A phrase that says how: `slot` is approach, turn or grasp."""

    slot: str
    value: str
    at: int
    sentence: int
    clause: int
    verb: str = ""
    is_negated: bool = False
    is_dead: bool = False
    is_repair: bool = False
    is_hypothetical: bool = False


@dataclass(slots=True, eq=False)
class Unknown:
    """A word that no table has, outside of noun phrases."""

    text: str
    sentence: int
    is_side: bool
    is_first: bool  # where a clause begins: a command, perhaps
    clause: int = 0
    prep: str = ""
    act: Act | None = None  # that rules in its clause
    is_object: bool = False  # right after the verb
    is_aside: bool = False  # alone between commas
    is_predicate: bool = False  # "that is striped"
    is_statement: bool = False  # in a clause that only says how things are
    at: int = -1


@dataclass
class Parse:
    """What a text is made of."""

    tokens: list[EnglishToken]
    mentions: list[Mention] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    sentences: list[tuple[int, int]] = field(default_factory=list)
