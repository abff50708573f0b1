"""Breaks Chinese speech that was written down without marks into clauses, where a new step begins."""

from dataclasses import replace

from finevla_core.language.chinese_grammar import Phrase, compile_rule, letters
from finevla_core.language.chinese_phrases import MARKS
from finevla_core.language.chinese_tokens import ChineseToken
from finevla_core.language.chinese_word_kinds import Kind

_RUN = 14  # phrases; shorter clauses are left as they are
_RUN_ALONE = 4  # the same for a text that has no marks at all
# Particles that close a clause, and words that open one, in a text without marks.
_CLOSING = frozenset("了 吧 呢 啊 嘛 呀 哦 啦 噢 喽 呗 咯 哈 就行 就好 就可以 就可以了 即可 就成 谢谢".split())  # noqa: SIM905
_OPENING = frozenset("所以 可是 不过 但是 但 因此 于是 然而 然后 接着 随后 可 那就 因为 而是 反正 总之".split())  # noqa: SIM905
_EXCLAMATIONS = frozenset("啊 哦 呃 哎 噢 唉 诶 哎呀 呀".split())  # noqa: SIM905 - "oh no" where no mark tells it from "not"
_SAID = (Kind.REMARK, Kind.NOT, Kind.IDLE)  # "it is full" and the like, which close a clause when they end so
_THINGS = (Kind.COLOR, Kind.SIZE, Kind.SHAPE)
_TAKING = (Kind.GRASP, Kind.LIFT, Kind.PUT, Kind.STACK, Kind.TURN)
_BEGINS = (
    *(Kind.ARM, Kind.LEFT, Kind.RIGHT, Kind.TAKE, Kind.USE, Kind.FROM, Kind.NOT, Kind.REQUEST, Kind.THEN, Kind.COLOR),
    *(Kind.GRASP, Kind.PUT, Kind.MOVE, Kind.TURN, Kind.CLEAN, Kind.REMARK, Kind.OTHER, Kind.IT, Kind.WHICH, Kind.SIZE),
    *(Kind.TABLE, Kind.SHAPE, Kind.BUT, Kind.STACK, Kind.FINGER, Kind.SIDEWAYS, Kind.LENGTHWAYS),
)
# What ends a step, and what begins the next one.
_STEP = (
    "(?: GRASP | CLOSE | LIFT | MOVE | PUT | STACK | OPEN | DOWN | ROUND | OVER | WAIT | TURN | SIDEWAYS | LENGTHWAYS )"
    " (?: OBJECT | IT | BOWL | POST | TABLE )? OF? PLACE*"
)
_DONE = "(?: GRASP | PUT | STACK | LIFT )"
_WAYS = "(?: SIDEWAYS | LENGTHWAYS | CLOCKWISE | COUNTERCLOCKWISE )"
# Those that hold in texts of any length.
_ALWAYS = (
    (f"NOT {_DONE} GOAL? (?: OBJECT | IT | BOWL | THING ) OF? PLACE*", f"{_DONE} GOAL? (?: OBJECT | BOWL | IT )"),
    ("NOT (?: PUT | STACK ) GOAL? (?: OBJECT | BOWL ) OF? PLACE*", "(?: OBJECT | TABLE ) (?: PUT | STACK | CLEAN )"),
    (f"NOT {_WAYS}", _WAYS),
    ("NOT TOUCH", _DONE),
    ("ARM (?: ALL | THEN | BUT )* NOT TOUCH", "(?: ARM | TAKE | USE )"),
    ("(?: OBJECT | ARM | BOWL OF? INSIDE? )", "NOT (?: OBJECT | ARM | BOWL OF? INSIDE? ) $"),
    ("(?: MOVE | WAIT ) GOAL? (?: TABLE OF? )? OBJECT OF? PLACE?", "NOT (?: GRASP | CLOSE | LIFT | TOUCH )"),
    ("NOT (?: GRASP | CLOSE | LIFT )", "ARM"),
    ("NOT (?: GRASP | LIFT ) OBJECT", "ARM (?: MOVE | WAIT )"),
    ("(?: ROUND | OVER | PASS ) POST?", "NOT (?: FROM | OVER | ROUND )"),
    ("(?: OBJECT | BOWL ) OF? PLACE*", "NOT TOUCH (?: POST | THING | ALL )"),
    ("NOT FROM POST OF? FACE? (?: ROUND | OVER | PASS )", "(?: ROUND | OVER )"),
    ("NOT FROM FACE", "FROM_TOP"),
    ("(?: OBJECT | ARM | BOWL OF? INSIDE? )", "HESITATION+ (?: BE | OBJECT | ARM | BOWL | FROM | USE | PUT )"),
    ("NOT STACK", "PUT"),
    ("NOT (?: USE | SELECT )? ARM", "ARM (?: GRASP | TAKE | MOVE | FROM | TURN )"),
    ("NOT (?: USE | SELECT )? OBJECT", "(?: GRASP | TAKE ) OBJECT"),
    ("OBJECT NOT OBJECT", "(?: GRASP | TAKE )"),
    ("NOT FROM POST? OF? (?! TOP ) FACE (?: PASS | OVER )?", "(?: ROUND | OVER | FROM | ARM )"),
    ("NOT FROM POST? OF? TOP (?: PASS | OVER )?", "(?: ROUND | FROM | ARM )"),
    ("NOT OVER (?: BETWEEN OF )? POST?", "ROUND"),
    ("NOT ROUND (?: BETWEEN OF )? POST?", "OVER"),
    ("NOT LIFT", "ARM (?: MOVE | WAIT )"),
    ("PUT BOWL OF? INSIDE?", "NOT (?: FROM | OVER | ROUND | PUT )"),
    ("(?: OBJECT | ARM | BOWL | IT | TOUCH )", f"REQUEST (?: TAKE | USE | {_DONE} )"),
    ("(?: GRASP | LIFT | PUT | STACK | TURN | CLEAN )", "ARM (?: DO | USE | IDLE | MARK | $ )"),
    ("ARM IDLE", "ARM"),
    ("(?: CORRECTION | CANCEL )", "(?: OBJECT | ARM | FROM | PUT | GRASP | BOWL | BE )"),
    ("(?: OBJECT | ARM | BOWL OF? INSIDE? | GRASP | PUT | CLOCKWISE | COUNTERCLOCKWISE )", "CORRECTION"),
)
_BREAKS = (
    *_ALWAYS,
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


def is_marked(tokens: list[ChineseToken]) -> bool:
    """Whether a text has marks of its own, other than at its end."""
    return any(token.kind in MARKS for token in tokens[:-1])


def with_pauses(tokens: list[ChineseToken]) -> list[ChineseToken]:
    """Put marks into a text without marks where particles close a clause or conjunctions open one."""
    paused: list[ChineseToken] = []
    for place, token in enumerate(tokens):
        following = next((other.kind for other in tokens[place + 1 : place + 4] if other.kind is not Kind.FILLER), None)
        is_closing = token.text in _CLOSING and token.kind is Kind.FILLER
        if token.text == "了" and following in _THINGS and place > 0 and tokens[place - 1].kind in _TAKING:
            is_closing = False  # "having taken the ball"
        is_said = token.kind in _SAID and token.text.endswith(("了", "住", "下", "活", "事")) and len(token.text) > 1
        if (is_closing or is_said) and following in _BEGINS and (paused or is_said):
            if is_said:
                paused.append(token)
            paused.append(ChineseToken(Kind.CLAUSE, "", ","))
        elif token.text in _OPENING and len(paused) > 1:
            paused.extend((ChineseToken(Kind.CLAUSE, "", ","), token))
        elif token.text == "不是" and place > 0 and tokens[place - 1].text in _EXCLAMATIONS and len(paused) > 1:
            paused.extend((ChineseToken(Kind.CLAUSE, "", ","), replace(token, kind=Kind.CORRECTION)))
        else:
            paused.append(token)
    return paused


def with_breaks(phrases: list[Phrase], has_marks: bool) -> list[Phrase]:
    """Put marks between the steps of clauses that are too long to be one; sooner in a text without marks of its own."""
    least = _RUN if has_marks else _RUN_ALONE
    rules = _BREAKS if has_marks or len(phrases) >= _RUN else _ALWAYS
    broken: list[Phrase] = []
    run: list[Phrase] = []
    for phrase in phrases:
        if phrase.kind in MARKS:
            broken.extend((*_broken(run, least, rules), phrase))
            run = []
        else:
            run.append(phrase)
    return [*broken, *_broken(run, least, rules)]


def _broken(run: list[Phrase], least: int, rules: tuple[tuple[str, str], ...]) -> list[Phrase]:
    if len(run) < least:
        return run
    text = letters(run)
    ends: set[int] = set()
    for before, after in rules:
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
