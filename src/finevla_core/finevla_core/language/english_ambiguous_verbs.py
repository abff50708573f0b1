"""Settles what verbs of several kinds mean in an English text, and what is denied, before roles are given."""

from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_parse_types import Act, Parse
from finevla_core.language.english_word_tables import word_set

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
        "not needed",
        "not wanted",
        "not required",
        "unneeded",
        "unwanted",
        "passed over",
        "left out",
        "omitted",
        "neglected",
        "overlooked",
        "off limits",
    )
)
_STEERS = ("nudg", "push", "pull", "drag", "roll", "tilt", "walk", "run", "tip", "bump", "shoot", "launch", "hang",
           "wrap", "fold", "swap")  # fmt: skip
_WRAPS = ("wrap", "fold", "curl", "lock", "hook")
_LIFTS = ("pull", "drag", "draw", "tug", "jerk")
_HAULS = ("pull", "drag", "draw", "tug", "jerk", "push", "roll", "kick")
_UP = frozenset(("up", "upwards", "upward", "skywards", "skyward", "aloft", "into the air", "up into the air"))
_GETS = ("get", "got", "receiv", "take", "accept", "hold", "collect", "gather", "claim", "hous", "obtain", "acquir")
_PARTS = {"object": "thing", "all": "thing", "arm": "hand", "finger": "hand"}
_TELEGRAM = 16  # tokens
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
_WHO_MEANS = word_set("i we you he she they that which to meant wanted needed . , ; ! -") | {"i mean", "i meant"}
_MODAL = word_set("must should shall can may need does do will")
_BE = word_set("is are was were be")


def settle(parse: Parse) -> None:
    """Settle verbs and denials.

    Args:
        parse: what the text is made of; its verbs and mentions are changed.
    """
    first: dict[str, int] = {}  # where a thing and a hand are named first
    for m in parse.mentions:
        first.setdefault(_PARTS.get(m.kind, ""), m.start)
    for act in parse.acts:
        if act.text.startswith(("slip", "tumbl", "drop")) and not act.is_command:
            _slips(parse, act)
        if act.value in _MOVES:
            _hand_moves(parse, act, first)
        if act.value in ("cannot", "squeeze") and act.text.startswith(_STEERS):
            _steers(parse, act)
        if act.value == "cannot" and act.text.startswith(_LIFTS):
            _hauls_up(parse, act)
        if act.value in ("cannot", "pick", "put", "reach"):
            _turns_by(parse, act)
        if act.value == "release":
            _lets_fall(parse, act)
        if act.value in ("pick", "be", "want", "state"):
            _receives(parse, act)
        if act.value == "stack" and len(parse.tokens) <= _TELEGRAM:
            _stacks_two(parse, act)
        if act.text.startswith(("draw", "drew")) and [t.text for t in parse.tokens[act.at + 1 : act.at + 2]] in (
            ["a"],
            ["an"],
        ):
            act.value = "cannot"  # "draw a circle"
        if act.text.startswith("get") and act.value == "pick":
            _gets_there(parse, act)
        if act.value == "clean":
            _rids(parse, act)
        if act.text in _BACKWARDS:
            _crowns(parse, act)
        if act.value == "state" or act.text == "rest":
            _makes(parse, act)
        if act.text == "lay" and act.subject is not None and act.subject.kind == "object" and not act.is_command:
            _set_value(parse, act, "state")
    for m in parse.mentions:
        if m.kind == "object" and (act_ := _fronted_act(parse, m)) is not None:
            m.is_negated, m.verb_at = True, act_.at
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


def _slips(parse: Parse, act: Act) -> None:
    """ "Else it slips": what a thing does by itself."""
    is_own = act.subject is not None and act.subject.kind in ("object", "pronoun") and not act.is_passive
    if is_own and not act.objects and not any(m.prep in ("in", "on", "to") for m in _ruled(parse, act)):
        _set_value(parse, act, "happen")


def _hand_moves(parse: Parse, act: Act, first: dict[str, int]) -> None:
    """ "Bring it over the can", where "it" is the gripper: the hand moves."""
    objects = [m for m in act.objects if not m.is_dead]
    done = [act.subject] if act.is_passive and act.subject is not None else []
    moved = objects or done
    if not moved:
        is_hand = act.subject is not None and act.subject.kind in ("arm", "finger") and not act.is_passive
        if act.value == "stack" and is_hand:
            _set_value(parse, act, "reach")
        return
    named = act.at > first.get("thing", act.at)
    hands = act.at > first.get("hand", act.at)
    is_hand = all(m.kind in ("arm", "finger") or (m.kind == "pronoun" and hands and not named) for m in moved)
    if is_hand and any(m.kind in ("object", "pronoun") and m.prep for m in _ruled(parse, act)):
        _set_value(parse, act, "reach")


def _steers(parse: Parse, act: Act) -> None:
    """ "Nudge your hand over the can": what the robot cannot do to things it can do to its own hand."""
    moved = [m for m in act.objects if not m.is_dead]
    if moved and all(m.kind in ("arm", "finger") for m in moved):
        _set_value(parse, act, "close" if act.text.startswith(_WRAPS) else "reach")


def _hauls_up(parse: Parse, act: Act) -> None:
    """ "Pull it up", "drag the can off the table": it is lifted."""
    things = [m for m in act.objects if m.kind in ("object", "pronoun")]
    things = [m for m in things if "knob" not in m.shapes]
    after = parse.tokens[things[-1].end : things[-1].end + 3] if things else []
    if after and (after[0].text in _UP or (len(after) > 2 and after[0].text == "off" and after[2].kind == "table")):
        _set_value(parse, act, "pick")


def _turns_by(parse: Parse, act: Act) -> None:
    """ "Nudge the dial clockwise", "flick the knob to the left": a knob is turned by whatever verb."""
    if not any("knob" in m.shapes and not m.prep for m in act.objects):
        return
    is_way = any(c.slot == "turn" and c.clause == act.clause for c in parse.cues)
    is_way = is_way or any(m.kind == "side" and m.prep == "to" and m.side for m in _ruled(parse, act))
    is_steered = act.value != "cannot" or act.text.startswith(_STEERS + _HAULS + ("flick", "tap", "stir", "bend"))
    if is_way and is_steered:
        _set_value(parse, act, "turn")


def _lets_fall(parse: Parse, act: Act) -> None:
    """ "Release the ball into the left bowl": in a text that says no more, it is put there."""
    is_short = not any(a.value in ("pick", "close", "put", "turn") and a.form != "noun" for a in parse.acts)
    things = [m for m in act.objects if m.kind == "object"]
    if is_short and things and any(m.kind == "bowl" and m.prep in ("in", "over", "on") for m in _ruled(parse, act)):
        _set_value(parse, act, "put")


def _receives(parse: Parse, act: Act) -> None:
    """ "The left bowl gets the cube", "the bowl is to receive everything": it is put there."""
    bowl = act.subject
    if act.text.startswith("hold") and not act.is_modal:
        if bowl is not None and bowl.kind == "bowl":
            _set_value(parse, act, "state")  # "the left bowl already holds two cubes"
        return
    if bowl is None or bowl.kind != "bowl" or bowl.prep or act.is_passive or not act.text.startswith(_GETS):
        return
    things = [m for m in act.objects if m.kind in ("object", "all") and not m.prep and m.start > act.at]
    if things:
        _set_value(parse, act, "put")
        bowl.prep, bowl.is_subject, act.subject, act.objects = "in", False, None, things
        bowl.verb, bowl.verb_at = "put", act.at


def _stacks_two(parse: Parse, act: Act) -> None:
    """ "stack purple cube green brick": in a telegram the second thing is below."""
    things = [m for m in act.objects if m.kind == "object" and not m.prep and m.start > act.at]
    ruled = [m for m in _ruled(parse, act) if m.kind == "object" and m.prep]
    if len(things) != 2 or ruled or things[1].determiner:
        return
    between = [t.text for t in parse.tokens[things[0].end : things[1].start]]
    if between in ([], [";"], [":"], ["-"]):
        things[1].prep = "on"
        act.objects.remove(things[1])


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


def _gets_there(parse: Parse, act: Act) -> None:
    """ "Get right above the ball": the hand goes there."""
    at = act.at + 1
    while at < len(parse.tokens) and parse.tokens[at].text in (
        "like",
        "just",
        "right",
        "straight",
        "directly",
        "somewhere",
    ):
        at += 1
    is_there = (
        at < len(parse.tokens) and parse.tokens[at].kind == "prep" and parse.tokens[at].value in ("over", "near", "to")
    )
    if is_there and not act.objects:
        _set_value(parse, act, "reach")


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


def _fronted_act(parse: Parse, m: Mention) -> Act | None:
    """ "The red can you must not touch": what must not be done to a thing that is named first; None without one."""
    after = parse.tokens[m.end : m.end + 4]
    if len(after) < 4 or after[0].text not in ("you", "we") or after[2].kind != "neg":
        return None
    is_left = after[3].kind == "verb" and after[3].text.startswith(_LEFT_ALONE)
    return next((a for a in parse.acts if a.at == m.end + 3), None) if is_left else None


def _is_denied(parse: Parse, m: Mention) -> bool:
    """Whether "... is not" or "... is to be ignored" follows."""
    tokens = parse.tokens
    for i in range(m.end, min(m.end + 9, len(tokens))):
        if tokens[i].kind == "break":
            return False
        if tokens[i].text in _MODAL and [t.kind for t in tokens[i + 1 : i + 3]] in (["neg"], ["neg", "break"]):
            return True  # "the blue one must not"
        if tokens[i].text in _BE and i + 2 <= len(tokens):
            after = tokens[i + 1 : i + 5]
            if after and after[0].kind == "neg" and (len(after) < 2 or after[1].kind == "break"):
                return True
            if (
                after
                and after[0].kind == "neg"
                and ([t.text for t in after[1:3]] == ["the", "one"] and (len(after) < 4 or after[3].text in _WHO_MEANS))
            ):
                return True  # "the big can is not the one I mean"
            return any(t.text in _DENIED for t in after)
        if (
            " ".join(t.text for t in tokens[i : i + 2]) in _MAY_NOT
            and tokens[i + 2 : i + 3]
            and tokens[i + 2].text == "be"
        ):
            return tokens[i + 3 : i + 4] != [] and tokens[i + 3].text.startswith(_LEFT_ALONE)
    return False
