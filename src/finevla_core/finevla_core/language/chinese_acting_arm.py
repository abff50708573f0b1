"""Decides which arm acts: what is said for and against each of the two."""

from finevla_core.language.chinese_grammar import Phrase
from finevla_core.language.chinese_object_description import LONG
from finevla_core.language.chinese_phrases import ChinesePhrases, is_plain
from finevla_core.language.chinese_slots import OPPOSITE, is_corrected, is_grasp, other_side, settled
from finevla_core.language.chinese_word_kinds import Kind

_BANNED = ("不能用", "不能使用", "禁用", "停用", "弃用")


def arm_of(scene: ChinesePhrases) -> tuple[str, bool]:
    """The arm that acts, and whether the text says both."""
    weights = {"left": 0, "right": 0}
    denied: set[str] = set()
    votes: list[tuple[int, str]] = []
    for place in scene.places(Kind.ARM):
        side = scene.phrases[place].side
        weight = _arm_weight(scene, place)
        if side == "other":
            side = other_side(scene, place, Kind.ARM)
        if side not in weights:
            continue
        weights[side] += weight
        if weight < -1:
            denied.add(side)
        if weight > 0:
            votes.append((place, side))
    word, is_twofold = settled(scene, votes)
    if is_corrected(scene, votes):
        return word, is_twofold
    if scene.size <= LONG and (max(weights.values()) < -1 or (word in denied and max(weights.values()) <= 1)):
        return word, True
    active = [side for side, weight in weights.items() if weight > 0]
    musts = {scene.phrases[place].side for place in scene.places(Kind.ARM) if _is_must(scene, place)} & set(weights)
    if scene.size <= LONG and musts and (set(active) - musts or len(musts) > 1):
        return word, True
    if len(active) == 2:
        best = max(weights, key=lambda side: weights[side])
        return best, scene.size <= LONG and (weights["left"] == weights["right"] or min(weights.values()) > 1)
    if active:
        return active[0], False
    if weights["left"] == weights["right"]:
        first = next(
            (phrase.side for phrase in scene.phrases if phrase.kind is Kind.ARM and phrase.side in weights), ""
        )
        return (first if weights["left"] < 0 and scene.size > LONG else ""), False
    return OPPOSITE[min(weights, key=lambda side: weights[side])], False


def _is_must(scene: ChinesePhrases, place: int) -> bool:
    """Whether an arm is said to be the one that must act."""
    but = next((p for p in reversed(scene.phrases[max(0, place - 2) : place]) if p.kind is Kind.BUT), None)
    is_told = scene.counts(place) and scene.before(place, "BUT (?: BE | USE )?")
    return is_told and but is not None and but.text == "必须"


def _is_idle_clause(scene: ChinesePhrases, clause: int) -> bool:
    """Whether a clause says, of the arm before it, that it rests ("as to the left hand, it has a day off")."""
    if clause >= len(scene.bounds):
        return False
    kinds = [phrase.kind for phrase in scene.phrases[slice(*scene.bounds[clause])]]
    nots = [place for place, kind in enumerate(kinds) if kind in (Kind.NOT, Kind.NOT_YET)]
    others = {
        Kind.OBJECT,
        Kind.ARM,
        Kind.IT,
        Kind.LEFT,
        Kind.RIGHT,
        Kind.THING,
        Kind.POST,
        Kind.BOWL,
        Kind.TABLE,
        Kind.SLIP,
    }
    if kinds and kinds[0] is Kind.IDLE:
        others -= {Kind.TABLE, Kind.LEFT, Kind.RIGHT}  # "parked at the left of the table"
    is_idle = Kind.IDLE in kinds or (bool(nots) and Kind.TOUCH in kinds[nots[0] :])
    return is_idle and not others & set(kinds)


def _is_free(scene: ChinesePhrases, place: int) -> bool:
    """Whether an arm is said to be free, which may be why it shall act."""
    return _idle(scene, place).text.startswith(("空着", "闲着", "空闲", "闲置"))


def _idle(scene: ChinesePhrases, place: int) -> Phrase:
    """The next word behind a place that says that something rests."""
    return next(phrase for phrase in scene.phrases[place:] if phrase.kind is Kind.IDLE)


def _is_told_to_stay(scene: ChinesePhrases, place: int) -> bool:
    """Whether an arm is to stay where it is while the other one, which is named too, acts."""
    stay = next(phrase for phrase in scene.phrases[place:] if phrase.kind is Kind.WAIT)
    sides = {scene.phrases[p].side for p in scene.places(Kind.ARM)}
    return stay.text.startswith(("待着", "呆着", "等着", "候着", "别走")) and {"left", "right"} <= sides


_DEEDS = (
    *(Kind.GRASP, Kind.LIFT, Kind.PUT, Kind.STACK, Kind.MOVE, Kind.TURN, Kind.CLEAN),
    *(Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE),
)


def _is_standby(scene: ChinesePhrases, place: int) -> bool:
    """Whether an arm is to stand by while what was said before is done: "grasp the ball, the left arm on standby"."""
    stay = next(phrase for phrase in scene.phrases[place:] if phrase.kind is Kind.WAIT)
    arms = {scene.phrases[p].side for p in scene.places(Kind.ARM) if p < place and scene.counts(p)}
    is_done = any(p < place and scene.counts(p) for p in scene.places(*_DEEDS))
    return stay.text.startswith(("待命", "待机", "候命")) and is_done and scene.phrases[place].side not in arms


def _named_weight(scene: ChinesePhrases, place: int) -> int | None:
    """What the words directly around an arm make of it, None if they leave it open."""
    phrase = scene.phrases[place]
    if scene.after(place, "(?: ARM | AND | LIST )* QUESTION | (?: HERE | BESIDE | BACK ) OF? COUNT* OBJECT"):
        return 0
    is_near = scene.before(place, "(?: EXIST | MOVE | NEAR )") and scene.after(place, "OF COUNT* OBJECT")
    if is_near and scene.phrases[place - 1].text.startswith(("靠近", "挨", "靠", "紧", "离", "邻近")):
        return 0  # "the brick that is near your left hand"
    if scene.after(place, "(?: ACT | IT | OBJECT | ARM | LIST | AND )* EITHER") and not scene.before(place, "EXCEPT"):
        return 0
    if phrase.is_negated and scene.before(place, "NOT OPEN"):
        return 0  # it shall not let go
    if phrase.is_negated:
        return 3 if scene.after(place, "(?: ALL | THEN )* IDLE") and scene.before(place, "NOT USE") else -3
    if scene.after(place, "ROUND (?: MARK | $ )") or scene.before(place, "IDLE OF"):
        return -2
    if scene.before(place, "(?: ^ | BUT | THEN | AND ) IDLE") and scene.phrases[place - 1].text in _BANNED:
        return -3
    if phrase.is_remark or (
        scene.after(place, "AND ARM ALL? OPEN") or (scene.before(place, "ARM AND") and scene.after(place, "ALL? OPEN"))
    ):
        return 0
    if scene.before(place, "IDLE OF BE"):
        return -2
    if scene.before(
        place, "(?: TOUCH | DO | GRASP | PUT | TURN ) OBJECT? OF (?: ALL | THEN )* BE | (?: ^ | WHICH ) OF BE"
    ):
        return 3
    if scene.after(place, "REMARK (?: (?! ACT | TAKE | DO ) . )* MARK"):
        return 0  # "the right one has just been repaired"
    if scene.after(place, "REMARK GRASP"):
        return -1  # it holds something already
    if scene.before(place, "BUT") and scene.phrases[place - 1].text in ("只", "只是", "仅", "仅仅", "必须"):
        return 3
    if scene.before(place, "BUT BE") and scene.phrases[place - 2].text == "必须":
        return 3
    return None


def _arm_weight(scene: ChinesePhrases, place: int) -> int:
    phrase = scene.phrases[place]
    weight = _named_weight(scene, place)
    if weight is not None:
        return weight
    if scene.before(place, "EXCEPT") or (scene.before(place, "USE") and "用" in scene.phrases[place - 1].text):
        return 3
    if scene.size > LONG and (scene.before(place, "ARM AND") or scene.after(place, "AND ARM ALL")):
        return 0
    if scene.after(place, "(?: NOT | NOT_YET ) TOUCH (?: OBJECT | POST | BOWL )"):
        return 1
    ways = "SIDEWAYS | LENGTHWAYS | FROM | FROM_TOP | CLOCKWISE | COUNTERCLOCKWISE | OVER | ROUND"
    if scene.after(place, f"FINGER? NOT (?: {ways} )"):
        return 2  # only a way of acting is denied
    if scene.after(place, "CLAUSE | COLON") and _is_idle_clause(scene, phrase.clause + 1):
        return -2
    if scene.after(place, "NOT (?: SLIP | ACT ) (?: MARK | $ )"):
        said = scene.phrases[place + 2]
        if said.kind is Kind.SLIP or not is_plain(said.tail):
            return 1  # it shall not shake, or not go too fast
    if scene.after(place, "(?: (?! ACT | TAKE ) . )* (?: NOT | NOT_YET ) THEN? (?: GRASP | CLOSE | OPEN | PUT )"):
        return -1 if any(is_grasp(scene, p) for p in scene.places(Kind.GRASP)) else 1
    if scene.after(place, "(?: OPEN | CLOSE | ALL | THEN | BUT )+ (?: IDLE | NOT TOUCH MARK )"):
        return -2
    if scene.after(place, "NOT IDLE (?: MARK | $ )"):
        is_rhetorical = scene.phrases[place + 1].text == "不是" and not _is_free(scene, place)
        return -2 if is_rhetorical else 2  # "isn't the right hand broken?"
    if scene.after(place, "(?: ALL | THEN | BE )* IDLE (?! NOT TOUCH )") and _is_free(scene, place):
        return -1
    if scene.after(place, "(?: ALL | THEN | BUT )* IDLE OBJECT") and "不" in _idle(scene, place).text:
        return -2  # "the left hand cannot reach the can"
    if scene.after(
        place,
        "(?: (?! ACT | TAKE | OBJECT ) . )* (?: NOT | NOT_YET ) | (?: (?! ACT | FROM | TAKE ) . )* IDLE (?! INSIDE? OBJECT )",
    ):
        return -2
    if scene.after(
        place,
        "(?: ALL | THEN | AND | ARM | BUT )* (?: PUT | STACK | WAIT | IDLE | EXIST | AT ) GOAL? OF?"
        " (?: TABLE | BESIDE | LEFT | RIGHT | HERE ) (?! .* (?: FROM | MOVE | GRASP | TAKE | OBJECT ) )",
    ):
        return -1
    if (
        scene.before(place, "^ (?: BUT | THEN )*")
        and scene.after(place, "(?: ALL | THEN | BUT )* WAIT (?: REQUEST | QUESTION )* (?: MARK | $ )")
        and _is_standby(scene, place)
    ):
        return -2
    if scene.after(place, "DO (?: ALL | THEN )* (?: IDLE | WAIT )"):
        return -2
    if scene.after(place, "(?: ALL | THEN | BUT )* (?: PUT | STACK | WAIT ) IDLE"):
        return -2
    if scene.after(place, "(?: ALL | THEN | BUT )* WAIT (?: MARK | $ )") and _is_told_to_stay(scene, place):
        return -1
    if scene.before(place, "USE") or scene.after(place, "DO"):
        return 3
    if scene.after(place, "(?: (?! ACT ) . )* WAIT"):
        return 0 if scene.size > LONG else 1
    return 2 if scene.after(place, ".* ACT") else 1
