"""Settles what verbs of several kinds mean in an English text, and what is denied, before roles are given."""

from finevla_core.language.english_clauses import Act, Parse
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_sets import word_set

_MOVES = frozenset(("put", "stack", "throw"))
_BACKWARDS = word_set("top crown crowns crowned crowning cap caps capped surmount surmounts surmounted")
_DENIED = frozenset(
    (
        "disregarded",
        "ignored",
        "irrelevant",
        "left alone",
        "untouched",
        "of no interest",
        "spared",
        "excluded",
        "avoided",
        "skipped",
        "off limits",
    )
)
_HEADINGS = word_set("""
    distractors distractor neighbours neighbors obstacles bystanders ignored untouched ignore avoid others excluded
    irrelevant background surroundings
    """)
_LEFT_ALONE = (
    "touch",
    "moved",
    "disturb",
    "knock",
    "bump",
    "grasp",
    "grab",
    "pick",
    "taken",
    "lift",
    "displac",
    "shift",
)
_MAY_NOT = frozenset(
    ("must not", "should not", "shall not", "may not", "can not", "need not", "is not to", "are not to", "ought not to")
)
_MODAL = word_set("must should shall can may need does do will")
_BE = word_set("is are was were be")


def settle(parse: Parse) -> None:
    """Settle verbs and denials.

    Args:
        parse: what the text is made of; its verbs and mentions are changed.
    """
    for act in parse.acts:
        if act.value in _MOVES:
            _hand_moves(parse, act)
        if act.value == "clean":
            _rids(parse, act)
        if act.text in _BACKWARDS:
            _crowns(parse, act)
        if act.value == "state" or act.text == "rest":
            _makes(parse, act)
        if act.text == "lay" and act.subject is not None and act.subject.kind == "object" and not act.is_command:
            _set_value(parse, act, "state")
    listed = _listed(parse)
    for m in parse.mentions:
        if m.kind == "object" and not m.is_negated and (m.start in listed or _is_denied(parse, m)):
            m.is_negated = True


def _ruled(parse: Parse, act: Act) -> list[Mention]:
    return [m for m in parse.mentions if m.verb_at == act.at]


def _set_value(parse: Parse, act: Act, value: str) -> None:
    act.value = value
    for m in _ruled(parse, act):
        m.verb = value


def _hand_moves(parse: Parse, act: Act) -> None:
    """ "Bring it over the can", where "it" is the gripper: the hand moves."""
    objects = [m for m in act.objects if not m.is_dead]
    done = [act.subject] if act.is_passive and act.subject is not None else []
    moved = objects or done
    if not moved:
        is_hand = act.subject is not None and act.subject.kind in ("arm", "finger") and not act.is_passive
        if act.value == "stack" and is_hand:
            _set_value(parse, act, "reach")
        return
    named = any(m.kind in ("object", "all") and m.start < act.at for m in parse.mentions)
    hands = any(m.kind in ("arm", "finger") and m.start < act.at for m in parse.mentions)
    is_hand = all(m.kind in ("arm", "finger") or (m.kind == "pronoun" and hands and not named) for m in moved)
    if is_hand and any(m.kind in ("object", "pronoun") and m.prep for m in _ruled(parse, act)):
        _set_value(parse, act, "reach")


def _makes(parse: Parse, act: Act) -> None:
    """ "Make the block sit on the brick": it is put there."""
    if act.form not in ("base", "ing") or act.is_negated or act.is_command:
        return
    makers = (
        ("make", "let", "have", "get") if act.form == "base" else ("would like", "would love", "like", "want", "need")
    )
    before = [a for a in parse.acts if a.at < act.at and a.clause == act.clause and a.text in makers]
    things = [m for a in before[-1:] for m in a.objects if m.kind == "object" and m.end == act.at]
    if things and any(m.prep in ("on", "in") for m in _ruled(parse, act)):
        _set_value(parse, act, "put")
        act.objects = things
        things[0].verb, things[0].verb_at, things[0].is_subject = "put", act.at, False


def _listed(parse: Parse) -> set[int]:
    """Places of all that stands under a heading of things that do not matter: "Distractors: blue cube, red ball."."""
    places: set[int] = set()
    for start, end in parse.sentences:
        for i in range(start, end - 1):
            if parse.tokens[i].text in _HEADINGS and parse.tokens[i + 1].text == ":":
                places |= set(range(i, end))
    return places


def _rids(parse: Parse, act: Act) -> None:
    """ "Rid the table of the red can": one thing is taken away."""
    ruled = _ruled(parse, act)
    things = [m for m in ruled if m.kind == "object" and m.prep == "of" and not m.is_plural and (m.colors or m.shapes)]
    if things and any(m.kind == "table" for m in ruled):
        _set_value(parse, act, "pick")
        things[0].prep = ""
        act.objects = [things[0]]


def _crowns(parse: Parse, act: Act) -> None:
    """ "Crown the brick with the ball": the ball goes on the brick."""
    below = [m for m in act.objects if m.kind == "object"]
    above = [m for m in _ruled(parse, act) if m.kind == "object" and m.prep == "with"]
    if below and above:
        below[0].prep, above[0].prep = "on", ""
        act.objects = [above[0]]


def _is_denied(parse: Parse, m: Mention) -> bool:
    """Whether "... is not" or "... is to be ignored" follows."""
    tokens = parse.tokens
    for i in range(m.end, min(m.end + 9, len(tokens))):
        if tokens[i].kind == "break":
            return False
        if tokens[i].text in _MODAL and [t.kind for t in tokens[i + 1 : i + 3]] in (["neg"], ["neg", "break"]):
            return True  # "the blue one must not"
        if tokens[i].text in _BE and i + 2 <= len(tokens):
            after = tokens[i + 1 : i + 4]
            if after and after[0].kind == "neg" and (len(after) < 2 or after[1].kind == "break"):
                return True
            return any(t.text in _DENIED for t in after)
        if (
            " ".join(t.text for t in tokens[i : i + 2]) in _MAY_NOT
            and tokens[i + 2 : i + 3]
            and tokens[i + 2].text == "be"
        ):
            return tokens[i + 3 : i + 4] != [] and tokens[i + 3].text.startswith(_LEFT_ALONE)
    return False
