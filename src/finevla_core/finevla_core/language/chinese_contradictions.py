"""Contradictions of a Chinese text: two words for one slot, a thing wanted and denied, an object below itself."""

from finevla_core.language.chinese_ellipsis import is_for_other_arm
from finevla_core.language.chinese_object_description import SHORT, Role, Things
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.reader_result import Reading

_DOWN = ("放下", "放下来", "放下去")
_STILL = ("保持", "不变", "静止", "一动不动")
_ANY = ("任何", "一切", "所有", "所有的")
_BRIEF = 16  # characters, in which there are no steps


def refused(sentence: str, *words: str) -> Reading:
    """Return a reading that is refused by one sentence for the operator, with the words that are not known."""
    return Reading(refusal=sentence, unknown=words, certainty=0.0)


def stacked_wrongly(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a text that says both of two objects to be the lower one, or puts one onto itself."""
    if task != "stack":
        return None
    if any(scene.phrases[p].qualities == things.target and scene.after(p, "BASE") for p in things.roles):
        return refused("You contradict yourself about which object shall lie below.")
    for place in things.roles:
        ends = [p for p in range(place + 1, min(place + 4, len(scene.phrases))) if p in things.roles]
        is_raised = scene.after(place, "(?: SELECT | BUT | BE | THEN )* (?: AT | SELECT ) TOP (?: MARK | $ )")
        if (
            is_raised
            and scene.phrases[place].qualities == things.below
            and scene.before(place, "^ (?: BUT | AND )*")
            and scene.size <= SHORT
            and not scene.corrects(place)
            and any(p < place for p, role in things.roles.items() if role is Role.BELOW)
        ):
            return refused("You contradict yourself about which object shall lie below.")
        is_upside = scene.after(place, "(?: AT | EXIST ) OBJECT OF? TOP") and bool(ends)
        if (
            is_upside
            and scene.phrases[place].qualities == things.below
            and scene.phrases[ends[0]].qualities == things.target
        ):
            return refused("You contradict yourself about which object shall lie below.")
    if scene.size <= SHORT and scene.has("STACK GOAL? OBJECT OF? TOP (?: THEN | AND )+ STACK GOAL? OBJECT"):
        return refused("One thing at a time: you say two objects to put it on.")
    if things.target == things.below and len(things.target) > 1 and scene.size <= SHORT:
        return refused("I cannot put an object on itself: say of two alike which is the small one.")
    return None


def denied_and_wanted(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a text that wants a thing taken and not taken, or taken and left where it is."""
    if task in ("reach", "clean") or scene.size > SHORT:
        return None
    for place, role in things.roles.items():
        phrase = scene.phrases[place]
        if (
            role is Role.DENIED
            and phrase.qualities == things.target
            and scene.before(place, "NOT .* GRASP | NOT TOUCH")
            and not is_for_other_arm(scene, place)
        ):
            return refused(f"You contradict yourself about '{phrase.text}'.")
        is_still = scene.after(place, "IDLE (?: MARK | $ )") and scene.phrases[place + 1].text.startswith(_STILL)
        is_left = is_still or scene.after(place, "(?: ALL | BUT )* NOT TOUCH (?: MARK | $ )")
        is_named = len(phrase.qualities) > 1 or (task == "turn" and len(scene.places(Kind.OBJECT)) > 1)
        is_known = is_named or scene.places(Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE)
        if role is Role.ASIDE and is_left and is_known and phrase.qualities == things.target:
            return refused(f"You contradict yourself about '{phrase.text}'.")
    return _gripper(scene, task) or _taken_back(scene, task) or _kept(scene, things)


def _gripper(scene: ChinesePhrases, task: str) -> Reading | None:
    """Refuse what the gripper cannot do: grasp while it stays open, put down without opening."""
    if scene.places(Kind.KEEP_OPEN) and not scene.before(scene.places(Kind.KEEP_OPEN)[0], "ARM AND | IDLE"):
        return refused("You contradict yourself: you want it grasped with the gripper open all the time.")
    if any(scene.phrases[p].is_negated and scene.before(p, ".* NOT") for p in scene.places(Kind.CLOSE)):
        return refused("You contradict yourself: you want it grasped and the gripper not closed.")
    if scene.has("GRASP OBJECT THEN OPEN (?: OBJECT | IT )") and scene.size <= _BRIEF:
        return refused("You contradict yourself: you want it held and let go.")
    if scene.has("(?: ARM | FINGER ) NOT OPEN CLAUSE (?: GRASP | TAKE )"):
        return refused("You contradict yourself: you want it grasped and the gripper not opened.")
    if task in ("place", "stack") and scene.has("(?: CLAUSE | BUT ) NOT OPEN MARK* $"):
        return refused("You contradict yourself: you want it put down and not let go.")
    if scene.places(Kind.KEEP_HELD) and task in ("place", "stack"):
        return refused("You contradict yourself: you want it put down and held all the time.")
    return None


def _taken_back(scene: ChinesePhrases, task: str) -> Reading | None:
    """Refuse a text that wants a thing taken up, and put down or not taken up at its end."""
    lifts = [place for place in scene.places(Kind.LIFT, Kind.GRASP) if scene.counts(place)]
    downs = [place for place in scene.places(Kind.PUT) if scene.counts(place) and scene.phrases[place].text in _DOWN]
    if task == "pick" and lifts and downs and lifts[0] < downs[-1] and not scene.before(downs[-1], "ARM"):
        return refused("You contradict yourself: you want it held and put down.")
    is_changed = bool(scene.places(Kind.CORRECTION, Kind.HESITATION))
    left = [p for p in scene.places(Kind.GRASP) if scene.phrases[p].is_negated and scene.after(p, "MARK | $")]
    if task == "pick" and lifts and not is_changed and any(_is_kept_down(scene, place) for place in left):
        return refused("You contradict yourself: you want it taken and not taken.")
    return None


def _kept(scene: ChinesePhrases, things: Things) -> Reading | None:
    """Refuse a text that wants a thing moved, and left where it is or not touched."""
    for place in scene.places(Kind.LIFT):
        if scene.phrases[place].is_negated and scene.phrases[place].text.startswith(("离", "脱离")):
            return refused("You contradict yourself: you want it lifted and left on the table.")
    for place in scene.places(Kind.OBJECT):
        is_kept = scene.after(place, "(?: BUT | ALL )* IDLE TABLE") or (
            scene.before(place, "(?: ARM | FINGER ) NOT TOUCH") and not is_for_other_arm(scene, place)
        )
        if is_kept and scene.phrases[place].qualities.items() <= things.target.items():
            return refused("You contradict yourself: you want it moved and left where it is.")
    if any(
        phrase.is_negated and scene.before(place, "NOT (?: GRASP | TOUCH )") and not is_for_other_arm(scene, place)
        for place, phrase in enumerate(scene.phrases)
        if phrase.kind is Kind.IT
    ):
        return refused("You contradict yourself: you want it moved and not touched.")
    for place in scene.places(Kind.OBJECT):
        is_all = (
            scene.before(place, "NOT (?: GRASP | LIFT | TOUCH | MOVE ) ALL") and scene.phrases[place - 1].text in _ANY
        )
        if is_all and scene.phrases[place].qualities.items() <= things.target.items():
            return refused("You contradict yourself: you want it moved and not touched.")
    for place in scene.places(Kind.THING):
        is_any = scene.before(place, "^ NOT (?: GRASP | LIFT | TOUCH | MOVE ) ALL") and scene.after(
            place, "(?: MARK | $ )"
        )
        if is_any and scene.phrases[place - 1].text in _ANY:
            return refused("You contradict yourself: you want it moved and nothing touched.")
    if scene.has("(?: OBJECT | BOWL ) CLAUSE? BUT SELECT? IDLE TABLE (?: MARK | $ )"):
        return refused("You contradict yourself: you want it moved and left on the table.")
    stays = [place for place in scene.places(Kind.IT) if scene.after(place, "IDLE") and scene.counts(place)]
    if any(scene.phrases[place + 1].text.startswith(("留", "待", "保持")) for place in stays):
        return refused("You contradict yourself: you want it moved and left where it is.")
    return None


def _is_kept_down(scene: ChinesePhrases, place: int) -> bool:
    """Whether it is said of the thing that is wanted, not of another thing or of an arm, that it is not to be taken up."""
    kinds = {phrase.kind for _, phrase in scene.clause(place)}
    is_taking_up = scene.phrases[place].text.endswith(("起", "起来"))
    return is_taking_up and not kinds & {Kind.ARM, Kind.OBJECT, Kind.THING, Kind.OTHER}


def contradiction(doubts: dict[str, bool], wrong_side: str) -> Reading | None:
    """Refuse a text that says two words for one of these slots, or a side that the hand cannot come from."""
    if wrong_side:
        return refused(f"I cannot come from '{wrong_side}': I come from above, from a side or from the far side.")
    name = next((name for name, is_twofold in doubts.items() if is_twofold), None)
    return None if name is None else refused(f"You contradict yourself about the {name}: say one.")
