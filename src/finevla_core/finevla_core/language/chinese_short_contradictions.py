"""Contradictions inside one short Chinese sentence: the same act, thing, size or supporting object wanted and denied."""

from finevla_core.language.chinese_contradictions import refused
from finevla_core.language.chinese_ellipsis import is_for_other_arm
from finevla_core.language.chinese_grammar import Phrase
from finevla_core.language.chinese_object_description import SHORT, Role, Things, agrees
from finevla_core.language.chinese_object_roles import head_of
from finevla_core.language.chinese_phrases import MARKS, ChinesePhrases, is_plain
from finevla_core.language.chinese_slots import place_of
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.reader_result import Reading

_BUTS = (
    "但",
    "但是",
    "却",
    "而",
    "反而",
    "只是",
    "必须",
    "应该",
    "应当",
)  # those that begin a denial, not an exception
# The acts of each task that a denial can take back.
_ACTS = {
    "reach": (Kind.MOVE, Kind.WAIT),
    "pick": (Kind.GRASP, Kind.LIFT, Kind.CLOSE),
    "place": (Kind.PUT, Kind.GRASP, Kind.LIFT),
    "stack": (Kind.STACK, Kind.PUT, Kind.GRASP, Kind.LIFT),
    "turn": (Kind.TURN,),
    "clean": (Kind.CLEAN, Kind.PUT),
}
_GENERAL = frozenset("抓拿取夹")  # a denied verb that begins with one of these denies all grasping
_GOAL = "GOAL? (?: BOWL OF? INSIDE? | OBJECT OF? PLACE? | TOP | INSIDE | HERE )"
_BEFORE = (
    "^ (?: BUT | REQUEST | ARM | AND )* (?: TAKE? (?: OBJECT | IT | TABLE ) (?: ALL | BUT )* )?"
    " (?: ACT (?: OBJECT | IT )? AND? )? NOT"
)
_AFTER = f"(?: OBJECT | IT | TABLE )? (?: {_GOAL} )? (?: MARK | $ )"


def said_and_denied(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a short text that says the same both ways and does not correct itself."""
    if scene.size > SHORT:
        return None
    if scene.last_correction >= 0:
        return _act(scene, things, task)
    return (
        _act(scene, things, task)
        or _thing(scene, things, task)
        or _size(scene, things, task)
        or _support(scene, things, task)
        or _identity(scene, things)
    )


def _act(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse an act that is wanted and, in a clause that says nothing else, denied."""
    kinds = _ACTS[task]
    wanted = [place for place in scene.places(*kinds, *_ways(task)) if scene.counts(place)]
    for place in scene.places(*kinds):
        verb = scene.phrases[place]
        same = [
            other
            for other in wanted
            if _is_same_act(scene.phrases[other], verb) and not scene.is_corrected(min(place, other), max(place, other))
        ]
        if verb.is_negated and not verb.is_remark and same and _is_plain(scene, things, task, place):
            return refused(f"You contradict yourself: you want it and do not want it ('{verb.text}').")
    return None


def _ways(task: str) -> tuple[Kind, ...]:
    """What else says that the act of a task is wanted."""
    return (Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE) if task == "turn" else ()


def _is_same_act(wanted: Phrase, denied: Phrase) -> bool:
    """Whether two verbs are of one act: "do not throw it, put it ..." is no contradiction."""
    if denied.kind in (Kind.CLEAN, Kind.TURN):
        return True
    if wanted.kind is Kind.CLEAN:
        return denied.text.startswith(("收", "清", "理"))
    if denied.kind is Kind.GRASP and wanted.kind in (Kind.GRASP, Kind.LIFT):
        return wanted.text[0] == denied.text[0] or denied.text[0] in _GENERAL
    return wanted.kind is denied.kind and wanted.text[0] == denied.text[0]


def _is_plain(scene: ChinesePhrases, things: Things, task: str, place: int) -> bool:
    """Whether a clause denies an act as such: not its manner, not to the other arm, not of another thing or bowl."""
    before = _BEFORE if scene.before(place, "NOT") else f"{_BEFORE} TAKE (?: OBJECT | IT )"
    if not (scene.before(place, before) and scene.after(place, _AFTER)):
        return False
    clause = [phrase for _, phrase in scene.clause(place) if phrase.kind not in MARKS]
    start = scene.bounds[scene.phrases[place].clause][0]
    leading = scene.phrases[start - 1].tail if start > 0 else ""
    if not all(is_plain(tail) for tail in (leading, *(phrase.tail for phrase in clause))):
        return False
    if any(phrase.kind is Kind.BUT and phrase.text not in _BUTS for phrase in clause):
        return False
    if not any(phrase.kind in (Kind.OBJECT, Kind.BOWL, Kind.IT, Kind.ARM) for phrase in clause):
        clause = list(scene.phrases[scene.bounds[max(0, scene.phrases[place].clause - 1)][0] : start])
        clause = [
            phrase for phrase in clause if phrase.kind is Kind.BOWL
        ]  # what is denied may be of the bowl before it
    return all(_is_meant(scene, things, task, phrase) for phrase in clause)


def _is_meant(scene: ChinesePhrases, things: Things, task: str, phrase: Phrase) -> bool:
    """Whether an arm, a bowl or a thing is one that the text wants, as far as it says."""
    if phrase.kind is Kind.ARM:
        others = {p.side for p in scene.phrases if p.kind is Kind.ARM and p is not phrase}
        return not phrase.side or not others or others == {phrase.side}
    if phrase.kind is Kind.BOWL:
        return task != "stack" and (not phrase.side or place_of(scene)[0] == f"{phrase.side}_bowl")
    if phrase.kind is Kind.OBJECT:
        return any(phrase.qualities.items() <= thing.items() for thing in (things.target, things.below))
    return True


def _thing(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a thing that is denied with the same words with which it is wanted."""
    verb = "MOVE | TOUCH" if task == "reach" else "GRASP | LIFT | TOUCH | TURN"
    for place, role in things.roles.items():
        phrase = scene.phrases[place]
        is_denied = role is Role.DENIED and (
            scene.before(place, f"NOT (?: BE | SELECT )? (?: {verb} )? ")
            or scene.after(place, f"(?: ALL | BUT | THEN )* NOT (?: {verb} )? (?: MARK | $ )")
        )
        is_there = scene.after(place, "OF? PLACE | OF") and not scene.after(place, "HERE (?: MARK | $ )")
        is_elsewhere = is_there or head_of(scene, place) != place
        if not is_denied or is_elsewhere or is_for_other_arm(scene, place) or not is_plain(phrase.tail):
            continue
        for other, its_role in things.roles.items():
            wanted = scene.phrases[other].qualities
            is_whole = wanted == phrase.qualities
            is_taken_back = other < place and scene.phrases[place - 1].text.endswith("是")
            is_part = (
                is_taken_back or not phrase.qualities.keys() <= {"shape"}
            ) and phrase.qualities.items() <= wanted.items()
            is_wanted = its_role is Role.TARGET or (its_role is Role.TOPIC and agrees(wanted, things.target))
            if is_wanted and (is_whole or is_part) and head_of(scene, other) == other:
                return refused(f"You contradict yourself about '{phrase.text}'.")
    return None


def _size(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a thing that is wanted big and small."""
    if task in ("stack", "clean"):
        return None
    wanted = [place for place, role in things.roles.items() if _is_size_wanted(scene, place, role)]
    for first in wanted:
        for second in wanted:
            one, other = scene.phrases[first].qualities, scene.phrases[second].qualities
            rest = {name: word for name, word in one.items() if name != "size"}
            if one["size"] != other["size"] and agrees(rest, other):
                return refused(
                    f"You contradict yourself about the size: '{scene.phrases[first].text}'"
                    f" and '{scene.phrases[second].text}'."
                )
    return None


def _is_size_wanted(scene: ChinesePhrases, place: int, role: Role) -> bool:
    """Whether a thing of some size is one that is asked for, not one that only lies there."""
    phrase = scene.phrases[place]
    return (
        "size" in phrase.qualities
        and role in (Role.TARGET, Role.TOPIC)
        and scene.counts(place)
        and is_plain(phrase.tail)
        and scene.before(place, "(?: ^ | TAKE | GRASP | LIFT | SELECT | BE | USE | BUT )")
        and scene.after(place, "(?: MARK | $ | GRASP | LIFT | PUT | TAKE )")
    )


def _support(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse an object that something is to be put on and not to be put on."""
    if task != "stack":
        return None
    for place, role in things.roles.items():
        phrase = scene.phrases[place]
        is_denied = role is Role.DENIED and scene.before(place, "NOT (?: STACK | PUT ) GOAL?")
        if is_denied and phrase.qualities == things.below and scene.after(place, "OF? TOP? (?: MARK | $ )"):
            return refused(f"You contradict yourself about '{phrase.text}'.")
    belows = [
        scene.phrases[place]
        for place, role in things.roles.items()
        if role is Role.BELOW
        and scene.before(place, "(?: STACK | PUT | MOVE ) GOAL?")
        and scene.after(place, "OF? TOP (?: MARK | $ )")
    ]
    other = next((phrase for phrase in belows if not agrees(phrase.qualities, things.below)), None)
    denied = [scene.phrases[place].qualities for place, role in things.roles.items() if role is Role.DENIED]
    if other is None or other.qualities in denied:
        return None
    return refused(f"One thing at a time: you say two objects to put it on ('{other.text}').")


def _identity(scene: ChinesePhrases, things: Things) -> Reading | None:
    """Refuse a thing that is said to be another one: "the red one must be the blue cube", "a ball-shaped cube"."""
    for place in things.roles:
        phrase = scene.phrases[place]
        if not scene.counts(place) or phrase.tail:
            continue
        if scene.after(place, "BUT? BE OBJECT"):
            other = next(p for p in scene.phrases[place + 1 : place + 4] if p.kind is Kind.OBJECT)
        elif (
            scene.after(place, "OF OBJECT") and phrase.text.endswith(("形", "状")) and not scene.phrases[place + 1].tail
        ):
            other = scene.phrases[place + 2]
        else:
            continue
        if not agrees(phrase.qualities, other.qualities):
            return refused(f"You say two things of one object: '{phrase.text}' and '{other.text}'.")
    return None
