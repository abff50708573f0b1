"""Decides the task of a text, and the bowl that something is to end in."""

from itertools import pairwise

from finevla_core.language.chinese_object_description import LONG, Role, Things
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind

_LIFTS = (
    "拎",
    "举",
    "提",
    "托",
    "抱",
    "捧",
    "吊",
    "拿",
    "离",
    "脱离",
    "悬空",
)  # of things; the arm itself is raised with others
_MASSES = frozenset(
    """
    零碎 杂物 散件 零零碎碎 瓶瓶罐罐 杂七杂八 七零八碎 零碎东西 零零散散 玩意们 大大小小 那堆 这堆 一堆 这摊 那摊 一摊
    物品们 东西们 玩意儿们 散物 杂件 小零碎 破烂 家当 什物 杂碎
    """.split()  # noqa: SIM905
)
_WHOLES = ("全", "统统", "通通", "所有", "一切", "悉数", "一个不", "一件不", "一样不", "一概", "一律", "一股脑")
CALLED_OFF = "over"  # the value of a "not" that takes back what was said before
_CLOSE_BY = ("跟前", "面前", "眼前", "前头那里")
OPPOSITE = {"left": "right", "right": "left"}


def settled(scene: ChinesePhrases, votes: list[tuple[int, str]]) -> tuple[str, bool]:
    """The word that most speaks for, a corrected one not, and whether two different words were said.

    `votes` are the places of what was said, in order.
    """
    last = ""
    previous = -1
    is_twofold = False
    for place, word in votes:
        if last and word != last and not scene.is_corrected(previous, place):
            is_twofold = True
            continue
        last, previous = word, place
    return last, is_twofold and scene.size <= LONG


def is_corrected(scene: ChinesePhrases, votes: list[tuple[int, str]]) -> bool:
    """Whether one of the words was replaced by another one."""
    return any(first[1] != second[1] and scene.is_corrected(first[0], second[0]) for first, second in pairwise(votes))


def task_of(scene: ChinesePhrases, things: Things) -> str:
    """The task, from verbs that count and from where things are to go."""
    if is_clean(scene, things):
        return "clean"
    if (
        any(scene.counts(place) for place in scene.places(Kind.TURN, Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE))
        and things.target.get("shape", "knob") == "knob"
    ):
        return "turn"
    if things.below and not _is_put_elsewhere(scene, things):
        return "stack"
    if is_placed(scene):
        return "place"
    if _is_only_neared(scene):
        return "reach"
    if any(is_grasp(scene, place) for place in scene.places(Kind.GRASP, Kind.CLOSE, Kind.SIDEWAYS, Kind.LENGTHWAYS)):
        return "pick"
    if any(scene.counts(place) and scene.phrases[place].text.startswith(_LIFTS) for place in scene.places(Kind.LIFT)):
        return "pick"
    if _is_other_grasped(scene, things) or any(
        scene.counts(place) and scene.phrases[place].text in ("顶抓", "俯抓", "顶夹")
        for place in scene.places(Kind.FROM_TOP)
    ):
        return "pick"
    if any(set(scene.phrases[p].text) & set("拿抓夹取") for p in scene.places(Kind.TARGET_KEY)) and not scene.has(
        "MOVE | WAIT"
    ):
        return "pick"  # "what is to be taken is the ball"
    if _is_wanted(scene):
        return "pick"
    is_lifted = any(
        scene.counts(place)
        and (
            scene.before(place, "(?: OBJECT | IT ) (?: THEN | ALL )*")
            or scene.after(place, "OBJECT | IT")
            or (
                scene.phrases[place].text in ("抬", "升")
                and scene.before(place, "^")
                and scene.after(place, "MARK | $")
            )
        )
        for place in scene.places(Kind.LIFT)
    )
    return "pick" if is_lifted else "reach"


def _is_wanted(scene: ChinesePhrases) -> bool:
    """Whether the speaker says that he wants a thing, and nothing of where the hand shall go."""
    wishes = ("我要", "我只要", "我只想要", "我就要", "我想要", "咱要", "我们要", "咱们要")
    return not scene.has("MOVE | WAIT") and any(
        scene.counts(place) and scene.phrases[place].text.startswith(wishes) and scene.after(place, "OBJECT")
        for place in scene.places(Kind.SELECT)
    )


def _is_put_elsewhere(scene: ChinesePhrases, things: Things) -> bool:
    """Whether it was corrected that something is put on an object: "onto the cube - no, into the bowl"."""
    belows = [place for place, role in things.roles.items() if role is Role.BELOW]
    bowls = [place for place in scene.places(Kind.BOWL) if _bowl_weight(scene, place) > 1]
    return bool(belows and bowls) and belows[-1] < bowls[-1] and scene.is_corrected(belows[-1], bowls[-1])


def _is_only_neared(scene: ChinesePhrases) -> bool:
    """Whether a long text says that nothing is grasped, and speaks of grasping only as of something to come."""
    if scene.size <= LONG:
        return False
    acts = scene.places(Kind.GRASP, Kind.CLOSE)
    held = [p for p in acts if scene.counts(p)]
    lifts = [p for p in scene.places(Kind.LIFT) if scene.counts(p) and held and p > held[0]]
    is_denied = any(scene.phrases[p].is_negated for p in acts) or scene.has("NOT OBJECT? (?: GRASP | CLOSE )")
    return is_denied and not lifts and bool(scene.places(Kind.WAIT, Kind.MOVE))


def _is_other_grasped(scene: ChinesePhrases, things: Things) -> bool:
    """Whether it is another thing that is not to be grasped: "do not take the red one, I want the blue one"."""
    denied = [
        place
        for place, role in things.roles.items()
        if role is Role.DENIED and scene.before(place, "NOT REQUEST? GRASP")
    ]
    return bool(denied) and any(
        scene.before(place, "SELECT | BE") for place, role in things.roles.items() if role is Role.TARGET
    )


def is_grasp(scene: ChinesePhrases, place: int) -> bool:
    """Whether a word counts that means to grasp, and is not taken back later ("no, do not grasp it")."""
    phrase = scene.phrases[place]
    is_manner = phrase.kind in (Kind.SIDEWAYS, Kind.LENGTHWAYS)
    if not scene.counts(place):
        return False
    is_verb = (
        scene.after(place, "OBJECT | IT")
        or "它" in phrase.text
        or any(scene.counts(p) for p in scene.places(Kind.LIFT))
    )
    if is_manner and not (is_verb and set(phrase.text) & set("夹抓捏持")):
        return False
    later = [p for p in scene.places(Kind.GRASP, Kind.LIFT) if p > place]
    return not _is_called_off(scene, place, Kind.GRASP, Kind.LIFT) and not (
        later and scene.phrases[later[-1]].is_negated and scene.is_corrected(place, later[-1])
    )


def _is_called_off(scene: ChinesePhrases, place: int, *kinds: Kind) -> bool:
    """Whether it is said later that this is not to be done any more: "(grasp it -) don't grasp it after all"."""
    return any(
        p > place
        and (
            scene.phrases[p - 1].value == CALLED_OFF
            or (
                scene.size <= LONG
                and scene.phrases[p].is_negated
                and scene.is_corrected(place, p)
                and not scene.after(p, "GOAL? BOWL")
            )
            or (
                scene.size <= LONG
                and scene.before(p, "^ NOT")
                and scene.after(p, "CLAUSE")
                and _is_neared(scene, p + 2)
            )
        )
        for p in scene.places(*kinds)
    )


def _is_neared(scene: ChinesePhrases, place: int) -> bool:
    """Whether a clause begins there that only has the hand go near something."""
    following = scene.phrases[place].kind if place < len(scene.phrases) else None
    return following in (Kind.MOVE, Kind.WAIT) and scene.after(
        place, "(?: IT | OBJECT | PLACE | OF | WAIT )* (?: MARK | $ )"
    )


def is_clean(scene: ChinesePhrases, things: Things) -> bool:
    """Whether the whole table is to be cleared."""
    is_one = "color" in things.target
    if (
        not things.roles
        and not scene.places(Kind.IT)
        and any(
            scene.phrases[p].text.startswith(_WHOLES) and scene.after(p, "OF? (?: GRASP | PUT )")
            for p in scene.places(Kind.ALL)
        )
    ):
        return True
    for place in scene.places(Kind.CLEAN):
        is_put = is_one and scene.phrases[place].text.endswith("到")
        if scene.counts(place) and not is_put and not _is_freed(scene, place):
            return True
    if is_list(scene, things):
        return True
    if things.target and any(role is Role.TARGET for role in things.roles.values()):
        return False
    if not things.roles and scene.has("TABLE OF? COUNT* THING (?: ALL | THEN | BUT )* PUT BOWL"):
        return True
    masses = [
        place
        for place in scene.places(Kind.THING)
        if scene.phrases[place].text in _MASSES or "旋钮" in scene.phrases[place].text
    ]
    for place in (*scene.places(Kind.ALL, Kind.MANY), *masses):
        kinds = {phrase.kind for other, phrase in scene.clause(place) if scene.counts(other)}
        is_all = not {Role.TARGET, Role.BELOW, Role.TOPIC} & set(things.roles.values()) and scene.after(
            place, "(?: REQUEST | THEN | ALL | GOAL )* PUT BOWL"
        )
        if is_all or (
            kinds & {Kind.PUT, Kind.GRASP} and (kinds & {Kind.TABLE, Kind.THING} or scene.has("TABLE | THING"))
        ):
            return True
    return False


def is_list(scene: ChinesePhrases, things: Things) -> bool:
    """Whether all kinds of things are named that lie there: "the cubes and the balls, all of them"."""
    targets = [
        scene.phrases[place].qualities
        for place, role in things.roles.items()
        if role is Role.TARGET or (role is Role.ASIDE and things.roles.get(place - 2) is Role.TARGET)
    ]
    shapes = {qualities.get("shape") for qualities in targets if qualities.keys() == {"shape"}}
    is_open = any(scene.phrases[place].value == "and so on" for place in scene.places(Kind.ALL))
    is_run = any(scene.phrases[p].is_twice and scene.phrases[p].qualities.keys() == {"shape"} for p in things.roles)
    if (is_open or (is_run and scene.has("ALL"))) and scene.has("TABLE"):
        return True
    return len(shapes) > 1 and len(targets) == len(shapes) and scene.has("ALL") and scene.has("TABLE")


def _is_freed(scene: ChinesePhrases, place: int) -> bool:
    """Whether it is an arm that is free, not the table that is cleared."""
    return (
        not scene.after(place, "TABLE")
        and scene.before(place, "ARM (?: THEN | BUT | ALL | REQUEST )*")
        and scene.phrases[place].text.startswith(("腾", "收"))
    )


def is_placed(scene: ChinesePhrases) -> bool:
    """Whether something is to be put into a bowl, or at least to be put somewhere."""
    bowls = [place for place in scene.places(Kind.BOWL) if _bowl_weight(scene, place) > 0]
    if bowls or scene.size > LONG:
        return bool(bowls)
    is_grasped = any(scene.counts(place) for place in scene.places(Kind.GRASP, Kind.LIFT))
    for place in scene.places(Kind.PUT):
        if _is_called_off(scene, place, Kind.PUT):
            continue
        kinds = {phrase.kind for _, phrase in scene.clause(place)}
        is_told = (
            scene.counts(place)
            and not scene.after(place, "GOAL? (?: FINGER | ARM )")
            and not scene.before(place, "FINGER | ARM (?: ALL | THEN )*")
            and not scene.phrases[place].text.endswith(("下", "好", "入", "进"))
        )
        if is_told and (kinds & {Kind.OBJECT, Kind.IT} or not is_grasped):
            return True
    return False


def other_side(scene: ChinesePhrases, place: int, kind: Kind) -> str:
    """The side that "the other one" means: not the one that was spoken of before."""
    for phrase in reversed(scene.phrases[:place]):
        if phrase.kind is kind and phrase.side in OPPOSITE:
            return OPPOSITE[phrase.side]
    return ""


def place_of(scene: ChinesePhrases) -> tuple[str, bool]:
    """The bowl that something is to end in, and whether the text says both."""
    votes: list[tuple[int, str]] = []
    denied: list[str] = []
    for place in scene.places(Kind.BOWL, Kind.OTHER):
        phrase = scene.phrases[place]
        side = phrase.side
        if (
            phrase.kind is Kind.OTHER
            and scene.size > LONG
            and not scene.before(place, "PUT | MOVE | GOAL | BE | SELECT")
        ):
            continue
        if side == "other" or (phrase.kind is Kind.OTHER and not phrase.is_negated):
            side = other_side(scene, place, Kind.BOWL)
        if side not in OPPOSITE:
            continue
        if phrase.is_negated or scene.after(place, "INSIDE? ALL? NOT (?: PUT | USE )? (?: MARK | $ )"):
            denied.append(side)
        elif _bowl_weight(scene, place) > 0:
            votes.append((place, side))
    strong = [(place, side) for place, side in votes if _bowl_weight(scene, place) > 1]
    word, is_twofold = settled(scene, votes if is_corrected(scene, votes) else strong or votes)
    meant = next((p for p in scene.places(Kind.BOWL) if _is_that_bowl(scene, p)), None)
    if not word and meant is not None and (side := other_side(scene, meant, Kind.BOWL)):
        return f"{OPPOSITE[side]}_bowl", False
    is_neither = not word and len(set(denied)) == 2
    if not word and len(set(denied)) == 1:
        word = OPPOSITE[denied[0]]
    named = {scene.phrases[p].side for p in scene.places(Kind.BOWL) if scene.counts(p)}
    if (
        not word
        and len(named) == 1
        and named <= set(OPPOSITE)
        and scene.has("BOWL .* CLAUSE .* PUT (?: MOVE | GOAL? (?: HERE | INSIDE ) )? (?: MARK | $ )")
    ):
        word = named.pop()  # "the right bowl lacks a cube: put one in"
    return (f"{word}_bowl" if word else ""), is_twofold or word in denied or is_neither


def _is_that_bowl(scene: ChinesePhrases, place: int) -> bool:
    """Whether a bowl is one that was spoken of before: "into this bowl"."""
    phrase = scene.phrases[place]
    return not phrase.side and phrase.text.startswith(("这", "那", "该", "此")) and _bowl_weight(scene, place) > 1


def _bowl_weight(scene: ChinesePhrases, place: int) -> int:
    phrase = scene.phrases[place]
    if phrase.is_negated or phrase.is_remark or phrase.side == "both":
        return 0
    if scene.before(place, "TOUCH") or _is_called_off(scene, place, Kind.PUT, Kind.STACK):
        return 0
    if scene.before(place, "FROM") and scene.after(place, "OF? PLACE+ (?: TAKE | GRASP | LIFT )"):
        return 0  # where something is taken from
    if scene.before(place, "(?: AT | EXIST )") and scene.after(
        place, "OF? (?: LEFT | RIGHT | FRONT | BACK | NEAR | FAR )"
    ):
        return 0  # where something lies
    if (
        scene.before(place, "(?<! BOWL ) AND")
        or scene.phrases[min(place + 1, len(scene.phrases) - 1)].text in _CLOSE_BY
    ):
        return 0
    if scene.after(
        place,
        "AND (?: POST | OBJECT | BOWL ) OF? BETWEEN OF COUNT* OBJECT"
        " | OF? (?: PLACE )* OF? (?: OBJECT | IT ) | OF? BESIDE | OF? BETWEEN | (?: PLACE | THEN)* BE"
        " | PLACE* EXIST | ALL? NOT | (?: (?! ACT ) . )* NOT TOUCH",
    ):
        return 0
    return (
        2
        if scene.before(
            place, "BOWL AND | (?: PUT | IDLE | MOVE | GOAL | DOWN | WAIT | STACK | LIFT ) (?: GOAL | MOVE )?"
        )
        else 1
    )
