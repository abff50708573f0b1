"""Which thing of a text is to be grasped, which one is to lie below it, and which ones only stand there."""

import re

from finevla_core.language.chinese_ellipsis import complete
from finevla_core.language.chinese_grammar import PLACES
from finevla_core.language.chinese_object_description import LONG, SHORT, Role, Things, agrees
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind


def things_of(scene: ChinesePhrases) -> Things:
    """Give every thing its role and put together what is said of the target and of the object below it."""
    things = Things()
    is_held = False
    last: int | None = None
    for place, phrase in enumerate(scene.phrases):
        is_grip = phrase.kind in (Kind.SIDEWAYS, Kind.LENGTHWAYS) and not _GRIPS.isdisjoint(phrase.text)
        if (phrase.kind in (Kind.GRASP, Kind.CLOSE) or is_grip) and scene.counts(place):
            is_held = True
        if phrase.kind is not Kind.OBJECT:
            continue
        role = _role(scene, place, things, is_held, last)
        things.roles[place] = role
        if role is Role.TARGET:
            _add_target(scene, things, place, last)
        elif role is Role.BELOW:
            _add_below(scene, things, place)
        elif role is Role.BESIDE:
            things.beside = phrase
        if role is not Role.ASIDE:
            last = place
    complete(scene, things)
    return things


# What may stand between a verb and its thing: where the thing lies ("the cube on the table").
_GRIPS = frozenset("夹抓捏")
_LAYS = ("垫", "衬")  # "lay the brick under the can"
_TOUCHING = ("紧", "挨", "靠", "贴")
_BLOCKING = ("挡", "碍", "堵", "拦", "占", "顶", "贴", "卡")
_LENGTH = re.compile("[厘毫]米|公分|cm|mm|拳|指")  # "five centimetres from the ball"
_NEAR = ("靠近", "挨近", "邻近", "贴近", "靠")
_TAKES = "(?: TAKE | DO | SELECT | GRASP | LIFT | TARGET_KEY | BE | TURN | SIDEWAYS | LENGTHWAYS )"
_GOALS_OF_LIFTS = (
    "提到",
    "抬到",
    "举到",
    "升到",
    "拎到",
    "举至",
    "提至",
    "抬至",
    "升至",
    "提升到",
    "抬升到",
    "抬高到",
    "升高到",
)
_SHALL = "(?: SELECT | BUT | REQUEST | THEN | ALL )*"
_PUT_ON_TOP = "OF? TOP (?: REQUEST | THEN | SELECT | ALL )* (?: PUT | STACK )"
_WHERE = (Kind.TABLE, Kind.OF, Kind.EXIST, Kind.AT, *PLACES)


def _role(scene: ChinesePhrases, place: int, things: Things, is_held: bool, last: int | None) -> Role:
    phrase = scene.phrases[place]
    if phrase.is_many and scene.after(place, "OF? INSIDE"):
        return Role.TOPIC
    if _is_location(scene, place) or _is_spared(scene, place):
        return Role.ASIDE
    if scene.before(place, "EXCEPT") and not phrase.is_negated:
        return Role.TARGET
    if phrase.is_negated and scene.before(place, "NOT FROM") and scene.after(place, "OF? PLACE"):
        return Role.TOPIC  # only a side of it is denied
    if phrase.is_negated:
        return Role.DENIED
    is_goal = scene.before(place, "ARM (?: THEN | BUT | MOVE )* (?: MOVE | WAIT ) GOAL?") or (
        scene.before(place, "ARM .* (?: MOVE | PUT | WAIT | AT ) GOAL?") and scene.after(place, "OF? PLACE")
    )
    if not is_goal and scene.after(
        place,
        "(?: AND | LIST | OBJECT | ALL | COUNT | OF | THEN | PLACE | BUT | BE )*"
        " (?: NOT (?: BE | DO | MOVE )? (?: TOUCH | THING | IDLE | SELECT ) (?! PLACE* OF? OBJECT ) | IDLE)",
    ):
        return Role.ASIDE
    is_refused = scene.after(place, "(?: THEN | ALL )* NOT MARK? $")
    if is_refused and any(p.text in ("不要", "不用", "别", "不要了") for _, p in scene.clause(place)):
        return Role.DENIED
    if scene.after(place, "(?: THEN | ALL )* NOT (?: GRASP | LIFT | MOVE ) MARK? $"):
        return Role.DENIED
    if phrase.qualities.keys() == {"size"} and scene.after(place, "ALL"):
        return Role.ASIDE
    if scene.after(place, "BASE"):
        return Role.BELOW
    if scene.before(place, "TAKE") and scene.after(place, "STACK OBJECT OF? UNDER"):
        return Role.BELOW if scene.phrases[place + 1].text.startswith(_LAYS) else Role.BESIDE
    if scene.before(place, "OBJECT STACK") and scene.after(place, "OF? UNDER"):
        return Role.TARGET if scene.phrases[place - 1].text.startswith(_LAYS) else Role.BESIDE
    if phrase.is_remark:
        return Role.TOPIC
    if last is not None and scene.corrects(place) and not scene.before(place, "PUT | STACK | GRASP"):
        is_said_late = things.roles[last] is Role.BELOW and not things.target  # "onto the cube, I mean the ball"
        role = _corrected_role(scene, things, last)
        return role if role in (Role.TARGET, Role.BELOW) and not is_said_late else Role.TARGET
    if scene.before(place, "(?: AND | LIST )") and place - 2 in things.roles:
        return things.roles[place - 2]
    return _governed_role(scene, place, things, is_held)


def _corrected_role(scene: ChinesePhrases, things: Things, last: int) -> Role:
    """The role of what is corrected: of the last thing, or of what it denies ("onto the green one, not the green one")."""
    if things.roles[last] is not Role.DENIED:
        return things.roles[last]
    denied = scene.phrases[last].qualities
    same = [
        place for place in things.roles if place < last and denied.items() <= scene.phrases[place].qualities.items()
    ]
    return things.roles[same[-1]] if same else Role.DENIED


def _is_spared(scene: ChinesePhrases, place: int) -> bool:
    """Whether nothing is to happen to a thing by accident: "do not knock the can over"."""
    if not scene.before(head_of(scene, place), "NOT (?: TAKE | USE )"):
        return False
    return not scene.after(place, ".* (?: PUT | STACK | MOVE | GRASP | LIFT | TURN | CLEAN )")


def _is_location(scene: ChinesePhrases, place: int) -> bool:
    """Whether a thing only says where another one is: "the cube beside the ball"."""
    phrase = scene.phrases[place]
    if scene.after(place, "OF? PLACE+ OF COUNT* (?: OBJECT | IT | THING)") or scene.after(
        place, "(?: AND | LIST ) (?: OBJECT | BOWL | POST | IT ) OF? (?: BETWEEN | CENTER ) OF? COUNT* OBJECT"
    ):
        return True
    if scene.before(place, "(?: OBJECT | IT ) OF? PLACE+ (?: ALL | THEN )? EXIST COUNT*") and _is_obstacle(
        scene, place
    ):
        return True
    if scene.after(place, "OF? PLACE+ (?: ALL | THEN )? EXIST COUNT* OBJECT") and _is_obstacle(
        scene, next(p for p in range(place + 1, len(scene.phrases)) if scene.phrases[p].kind is Kind.OBJECT)
    ):
        return False  # "beside the cube a ball is in the way"
    if scene.before(place, "(?: OBJECT | IT ) (?: BUT | ALL | THEN )* AT") and scene.after(
        place, "(?: AND | LIST ) (?: OBJECT | BOWL | POST ) OF? (?: BETWEEN | CENTER )"
    ):
        return True
    if scene.after(place, "OF? PLACE+ (?: ALL | THEN )? EXIST COUNT* OBJECT"):
        verb = next(phrase for phrase in scene.phrases[place:] if phrase.kind is Kind.EXIST)
        return not verb.text.startswith(_TOUCHING)
    if scene.before(place, "(?: ^ | ACT | TAKE | USE | REQUEST ) EXIST") and scene.after(place, "OBJECT"):
        return True  # "the can that stands by the knob"
    if "shape" in phrase.qualities and scene.after(place, "OF OBJECT"):
        return True  # "the ball hidden by the can"
    if scene.before(place, "OBJECT OF? PLACE* EXIST") and scene.phrases[place - 1].text.startswith(_TOUCHING):
        return True
    if scene.after(place, "EXIST OF COUNT* OBJECT"):
        return True
    if scene.before(place, "(?: EXIST | MOVE )") and scene.after(place, "OF COUNT* OBJECT"):
        return True
    if scene.before(place, "(?: OBJECT | IT ) (?: BUT | ALL | THEN )* AT") and scene.after(place, "OF? PLACE"):
        return True
    if scene.before(place, "(?: PUT | STACK | MOVE )") and scene.after(
        place, "OF? (?: FACE | HERE )+ COUNT* OBJECT OF? PLACE"
    ):
        return True
    is_goal = scene.before(place, "(?: PUT | STACK | MOVE | GOAL | FROM )")
    return not is_goal and scene.after(place, "OF? PLACE+ COUNT* OBJECT")


def _is_obstacle(scene: ChinesePhrases, place: int) -> bool:
    """Whether a thing is said to be in the way of the one before it."""
    following = scene.phrases[place + 1] if place + 1 < len(scene.phrases) else None
    return following is not None and following.kind is Kind.EXIST and following.text.startswith(_BLOCKING)


def head_of(scene: ChinesePhrases, place: int) -> int:
    """Where the words begin that say where a thing lies ("the cube on the table", "the ball beside the left bowl")."""
    start = scene.bounds[scene.phrases[place].clause][0]
    at = place
    has_of = scene.phrases[place].text[:1] in "那这"
    while at > start:
        kind = scene.phrases[at - 1].kind
        has_of = has_of or kind is Kind.OF
        is_marked = at < place and scene.phrases[at].kind in (*_WHERE, Kind.BOWL, Kind.POST, Kind.OBJECT)
        is_near = kind is Kind.MOVE and is_marked and scene.phrases[at - 1].text.startswith(_NEAR)
        is_thing = kind in (Kind.POST, Kind.BOWL) or (kind in (Kind.OBJECT, Kind.IT) and is_marked and has_of)
        if kind not in _WHERE and not is_thing and not is_near:
            break
        at -= 1
    return at


def _governed_role(scene: ChinesePhrases, place: int, things: Things, is_held: bool) -> Role:
    """The role that the words before a thing give it, or else the words behind it."""
    if scene.is_behind(place, Kind.COLON, Kind.UNDER, Kind.DOWN, Kind.BELOW_KEY) or scene.before(
        place, "BELOW_KEY | UNDER BE"
    ):
        return Role.BELOW
    if scene.is_behind(place, Kind.COLON, Kind.OBJECT) and (
        things.target or scene.after(place, "OF? TOP") or scene.places(Kind.STACK)
    ):
        return Role.BELOW  # "the cube -> the brick"
    if scene.before(place, "FINGER (?: SELECT | ALL | THEN | BUT )* (?: PUT | STACK | AT ) GOAL?"):
        return Role.TARGET
    if (
        things.below
        and scene.before(place, "(?: ^ BE | (?: CORRECTION | NOT ) BE? )")
        and scene.after(place, "OF? TOP (?: MARK | $ )")
    ):
        return Role.BELOW  # "(onto the brick -) no, onto the cube"
    if scene.before(place, "(?: OUTSIDE | UNKNOWN | TABLE | BOWL | POST | ARM ) BE"):
        return Role.ASIDE
    if scene.before(place, "BE") and scene.after(place, "(?: LIST | AND ) OBJECT"):
        return Role.TOPIC
    if scene.before(place, "^ TABLE? OF? (?: LEFT | RIGHT | FAR | NEAR | CENTER ) (?: ALL | BUT )* BE"):
        return Role.TOPIC  # "on the left is the ball"
    if scene.before(place, f"OBJECT {_SHALL} (?: MOVE | GOAL )") and scene.after(place, "OF? TOP"):
        return Role.BELOW  # "the brick shall get to the top of the can"
    if scene.before(place, "FROM") and scene.after(place, "OF? (?: TOP | INSIDE ) (?: GRASP | LIFT ) OBJECT"):
        taken = next(p for p in range(place + 1, len(scene.phrases)) if scene.phrases[p].kind is Kind.OBJECT)
        if not agrees(scene.phrases[taken].qualities, scene.phrases[place].qualities):
            return Role.ASIDE  # what it is taken down from
    if scene.before(place, "TAKE OBJECT FROM") and scene.after(place, "OF? PLACE"):
        return Role.ASIDE  # where it is taken from
    if scene.before(place, "NOT_YET TOUCH") and scene.phrases[place - 1].text.startswith(("管", "理", "考虑")):
        return Role.ASIDE
    if scene.before(place, "NOT_YET TOUCH") and "动" not in scene.phrases[place - 1].text:
        return Role.TOPIC
    if scene.before(place, "TAKE ARM (?: OPEN | THEN | MOVE )* (?: PUT | STACK ) GOAL?"):
        return Role.TARGET
    is_first = not things.target and Role.TOPIC not in things.roles.values()
    if is_first and scene.before(place, "ARM (?: OPEN | THEN | MOVE | ALL )* (?: PUT | STACK ) GOAL?"):
        return Role.TARGET  # the hand is put above it
    head = head_of(scene, place)
    if scene.before(head, _TAKES) and not scene.phrases[head - 1].text.endswith(_GOALS_OF_LIFTS):
        return Role.TARGET
    if scene.before(place, "USE") and not scene.after(place, "OF? PLACE"):
        return Role.TARGET
    if scene.before(place, "GOAL") and scene.after(place, _PUT_ON_TOP):
        return Role.BELOW
    if scene.before(place, "STACK") and scene.after(place, "(?: MOVE | GOAL ) OBJECT OF? TOP"):
        return Role.TARGET  # "stack the cube onto the brick"
    if scene.before(head, "(?: STACK | PUT ) GOAL?"):
        is_left = bool(things.below) and not things.target and not scene.after(place, "OF? TOP")
        return Role.TARGET if is_left else _put_role(scene, things, place, head)
    return _reached_role(scene, place, things, is_held) or _topic_role(scene, place)


def _reached_role(scene: ChinesePhrases, place: int, things: Things, is_held: bool) -> Role | None:
    """The role of a thing that the hand goes to, empty or not."""
    phrase = scene.phrases[place]
    head = head_of(scene, place)
    if scene.before(place, "ROUND") and scene.phrases[place - 1].text.endswith("到"):
        return Role.TARGET
    if scene.before(head, "(?: MOVE | WAIT | DOWN | GOAL | LIFT )") or scene.before(place, "AT"):
        is_new = bool(things.target) and not agrees(phrase.qualities, things.target)
        is_carried = is_held or (scene.after(place, "OF? TOP") and scene.before(place, "(?: USE | TAKE ) OBJECT .*"))
        return Role.BELOW if is_carried and is_new else Role.TARGET
    is_aligned = scene.before(place, "AND") and scene.after(place, "OF? TOP? MOVE")
    if is_held and is_aligned and not agrees(phrase.qualities, things.target):
        verb = next(p for p in scene.phrases[place:] if p.kind is Kind.MOVE)
        if verb.text.startswith("对"):
            return Role.BELOW  # "it is aligned with the brick and lowered"
    if scene.before(place, "FROM"):
        return Role.TARGET if not scene.after(place, ".* (?: ROUND | OVER | PASS )") else Role.TOPIC
    return None


def _topic_role(scene: ChinesePhrases, place: int) -> Role:
    """The role of a thing without a verb before it."""
    if scene.before(place, "EXIST (?: COUNT | ALL )*"):
        return Role.TOPIC
    is_measured = scene.phrases[place - 1].text.startswith(("离", "距")) and bool(
        _LENGTH.search(scene.phrases[place].tail)
    )
    if scene.before(place, "(?: ROUND | OVER | TOUCH | PASS )") and not is_measured:
        return Role.ASIDE
    if scene.after(place, _PUT_ON_TOP):
        return Role.BELOW
    is_moved = scene.after(
        place,
        "(?: (?! TAKE | NOT | EXIST | WAIT | USE ) . )*"
        " (?: PUT | STACK | GRASP | LIFT | TURN | CLOCKWISE | COUNTERCLOCKWISE )",
    )
    if scene.after(place, f"{_SHALL} (?: MOVE | GOAL ) (?: OBJECT OF? TOP | BOWL )"):
        return Role.TARGET
    return (
        Role.TARGET
        if is_moved and not scene.after(place, ".* (?: GRASP | PUT | STACK ) OBJECT (?! OF? TOP )")
        else Role.TOPIC
    )


def _put_role(scene: ChinesePhrases, things: Things, place: int, head: int) -> Role:
    """What is behind "put": the thing that is put, the one that it is put on, or one that it cannot be put beside."""
    verb = next(phrase for phrase in reversed(scene.phrases[:head]) if phrase.kind in (Kind.PUT, Kind.STACK))
    is_goal = (
        verb.text.endswith(("到", "在", "至", "于", "进"))
        or scene.before(head, "GOAL | OBJECT (?: ALL | THEN | BUT | ARM | USE )* (?: PUT | STACK )")
        or scene.before(place, "AT")
    )
    if scene.after(place, "OF? (?: TOP | CENTER )"):
        return Role.BELOW
    if is_goal and scene.after(
        place, "(?: AND | LIST ) (?: TABLE | POST | BOWL | OBJECT ) OF? (?: BETWEEN | CENTER ) (?! OF )"
    ):
        return Role.BESIDE
    is_in = verb.text.endswith(("进", "入"))
    if is_in and not things.target and any(other < place for other in scene.places(Kind.BOWL)):
        return Role.TARGET  # "into the left bowl put the can"
    if is_in and things.target:
        return Role.BESIDE  # into an object
    if scene.after(
        place, "OF? (?: BESIDE | LEFT | RIGHT | FRONT | BACK | NEAR | FAR | UNDER | HERE | INSIDE | BETWEEN )"
    ):
        is_hand = scene.size > LONG and not things.target and not scene.before(head, "(?: TAKE | USE ) OBJECT .*")
        return Role.BESIDE if is_goal and not is_hand else Role.TARGET
    return Role.BELOW if verb.kind is Kind.STACK or is_goal or verb.text.endswith("上") else Role.TARGET


def _add_target(scene: ChinesePhrases, things: Things, place: int, last: int | None) -> None:
    phrase = scene.phrases[place]
    if agrees(phrase.qualities, things.target):
        things.target.update(phrase.qualities)
        return
    targets = [other for other, role in things.roles.items() if role is Role.TARGET and other < place]
    if scene.is_corrected(targets[-1], place):
        if "shape" in phrase.qualities and "color" in phrase.qualities:
            things.target.clear()
        things.target.update(phrase.qualities)
    elif things.below and agrees(phrase.qualities, things.below):
        things.below.update(phrase.qualities)
        things.roles[place] = Role.BELOW
    elif scene.before(head_of(scene, place), "(?: TAKE | GRASP | LIFT )") and all(
        _is_above(scene, other) for other in targets
    ):
        things.below = dict(things.target)
        things.target = dict(phrase.qualities)
        things.roles.update(dict.fromkeys(targets, Role.BELOW))
    elif scene.size > SHORT and not _is_taken(scene, place):
        things.roles[place] = Role.ASIDE
    elif scene.size > SHORT and not any(_is_taken(scene, other) for other in targets):
        things.roles.update(dict.fromkeys(targets, Role.ASIDE))
        things.target = dict(phrase.qualities)
    elif things.conflict is None:
        things.conflict = (scene.phrases[targets[-1]], phrase)


def _is_taken(scene: ChinesePhrases, place: int) -> bool:
    """Whether a verb says of a thing that it is to be grasped or turned, not only that the hand goes near it."""
    head = head_of(scene, place)
    return scene.before(head, "(?: TAKE | GRASP | LIFT | TURN | TARGET_KEY )") or (
        head == place and scene.before(place, "SELECT | TARGET_KEY COLON")
    )


def _is_above(scene: ChinesePhrases, place: int) -> bool:
    """Whether a thing is spoken of as what something goes onto."""
    is_taken = scene.before(head_of(scene, place), "(?: TAKE | GRASP | LIFT | SELECT | FROM | WAIT )")
    return scene.after(place, "OF? TOP") and not is_taken


def _add_below(scene: ChinesePhrases, things: Things, place: int) -> None:
    phrase = scene.phrases[place]
    if things.target and phrase.qualities.items() <= things.target.items() and not scene.after(place, "OF? TOP"):
        things.roles[place] = Role.TARGET
        return
    if agrees(phrase.qualities, things.below):
        things.below.update(phrase.qualities)
        return
    if scene.before(place, "(?: AND | LIST )") and scene.size <= SHORT and not scene.places(Kind.NOT):
        things.conflict = (scene.phrases[place - 2], phrase)
    belows = [other for other, role in things.roles.items() if role is Role.BELOW and other < place]
    if scene.is_corrected(belows[-1], place) and not ("shape" in phrase.qualities and "color" in phrase.qualities):
        things.below.update(phrase.qualities)
    else:
        things.below = dict(phrase.qualities)
