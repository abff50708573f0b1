"""Breaks Chinese speech that was written down without marks into clauses, where a new step begins."""

from finevla_core.language.chinese_grammar import Phrase, compile_rule, letters
from finevla_core.language.chinese_kinds import Kind

_MARKS = (Kind.CLAUSE, Kind.SENTENCE, Kind.COLON, Kind.ASK)
_RUN = 14  # phrases; shorter clauses are left as they are
# What ends a step, and what begins the next one.
_STEP = (
    "(?: GRASP | CLOSE | LIFT | MOVE | PUT | STACK | OPEN | DOWN | ROUND | OVER | WAIT | TURN | SIDEWAYS | LENGTHWAYS )"
    " (?: OBJECT | IT | BOWL | POST | TABLE )? OF? PLACE*"
)
_BREAKS = (
    (f"(?:{_STEP} | IDLE )", "(?: THEN | BUT )* (?: ARM | OPEN | CLOSE | LIFT | DOWN | NOT | NOT_YET | TAKE | USE )"),
    (f"(?:{_STEP})", "THEN (?: MOVE | FROM | PUT | ARM | GRASP | OPEN | WAIT )"),
    ("(?: LIFT | PLACE | BOWL PLACE? )", "(?: MOVE | ARM NOT | OPEN )"),
    ("NOT (?: TOUCH | IDLE | GRASP | MOVE )", "(?: OTHER | ARM | WAIT | PUT | THEN | TAKE | USE | OBJECT (?! NOT ) )"),
    ("NOT USE", "ARM (?: TAKE | OPEN | GRASP | MOVE )"),
    ("(?: IDLE | WAIT )", "(?: OTHER | ARM | THEN | TAKE )"),
    ("OBJECT", "OBJECT NOT TOUCH"),
    (f"(?:{_STEP} | BUT MOVE | IDLE | TOUCH )", "REMARK"),
    ("(?: QUESTION | NOT ) SLIP", "NOT"),
    ("CASE", "BUT"),
    ("(?: PASS | ROUND | OVER | POST )", "(?: FROM | ROUND | LIFT | NOT | THEN | REMARK? NOT FROM )"),
    ("SIZE", "ARM"),
    ("(?: OPEN | CLOSE | MOVE )", "OBJECT (?: NOT | MOVE | IDLE )"),
    (
        "(?: GRASP | LIFT | MOVE | CLOSE | OPEN | PUT ) THEN",
        "(?: LIFT | DOWN | MOVE | NOT | WAIT | ARM | OPEN | GRASP )",
    ),
)


def with_breaks(phrases: list[Phrase]) -> list[Phrase]:
    """Put marks between the steps of clauses that are too long to be one."""
    broken: list[Phrase] = []
    run: list[Phrase] = []
    for phrase in phrases:
        if phrase.kind in _MARKS:
            broken.extend((*_broken(run), phrase))
            run = []
        else:
            run.append(phrase)
    return [*broken, *_broken(run)]


def _broken(run: list[Phrase]) -> list[Phrase]:
    if len(run) < _RUN:
        return run
    text = letters(run)
    ends: set[int] = set()
    for before, after in _BREAKS:
        rule = compile_rule(f"(?:{before}) (?={after})")
        at = 0
        while (match := rule.search(text, at)) is not None:
            ends.add(match.end())
            at = match.start() + 1
    broken: list[Phrase] = []
    for place, phrase in enumerate(run):
        if place in ends:
            broken.append(Phrase(Kind.CLAUSE, ","))
        broken.append(phrase)
    return broken
