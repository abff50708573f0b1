"""What the robot cannot do with things that it knows: impossible places and ways, two jobs at once, contradictions."""

from collections.abc import Iterator

from finevla_core.language.chinese_clauses import Scene
from finevla_core.language.chinese_completion import is_for_other_arm
from finevla_core.language.chinese_kinds import Kind
from finevla_core.language.chinese_slots import is_list
from finevla_core.language.chinese_things import SHORT, Role, Things
from finevla_core.language.reading import Reading

_GOALS = ("到", "在", "于", "至", "往")  # a verb that ends so is followed by a place
_BRIEF = 16  # characters, in which there are no steps
_THROWS = ("扔", "丢", "投", "抛", "甩")


def refused(sentence: str, *words: str) -> Reading:
    """Return a refusal."""
    return Reading(refusal=sentence, unknown=words, certainty=0.0)


def limit_of(scene: Scene, things: Things, task: str) -> Reading | None:
    """Return the first thing of a text that cannot be done, None if all of it can."""
    reasons = (
        _arms,
        _beside,
        _elsewhere,
        _called_off,
        _condition,
        _thrown,
        _fixed,
        _knob,
        _pointless,
        _clean,
        _stacked,
        _twice,
        _several,
        _two_places,
        _denied,
    )
    return next((refusal for reason in reasons if (refusal := reason(scene, things, task)) is not None), None)


def _arms(scene: Scene, things: Things, task: str) -> Reading | None:
    for place in scene.places(Kind.ARM):
        phrase = scene.phrases[place]
        if phrase.side == "middle":
            return refused(f"I have no such arm ('{phrase.text}'): say the left or the right one.")
        if scene.before(place, "NOT USE? ALL") and not phrase.side and scene.size <= SHORT:
            return refused("You want it done with neither arm: say which one.")
        if (
            phrase.side == "both"
            and scene.counts(place)
            and not scene.after(place, "ALL? (?: MARK | $ )")
            and scene.size <= SHORT
            and not scene.before(place, "EXIST")
            and not scene.after(place, "ALL? IDLE")
        ):
            return refused(f"I cannot use both arms at once ('{phrase.text}'): say which one.")
    return None


def _beside(scene: Scene, things: Things, task: str) -> Reading | None:
    if things.beside is not None and scene.size <= SHORT:
        return refused(f"I cannot put things next to '{things.beside.text}': say a bowl, or on top of an object.")
    return None


def _elsewhere(scene: Scene, things: Things, task: str) -> Reading | None:
    """Refuse a place that is neither in a bowl nor on an object."""
    if scene.size <= SHORT and scene.has("EXIST (?: BOWL | POST ) PUT (?: MARK | $ )"):
        return refused("I can put things only into a bowl, not beside it.")
    if task != "clean" and scene.size <= SHORT and scene.has("STACK GOAL? BOWL (?: OF? TOP )? (?: MARK | $ )"):
        return refused("I cannot put things on a bowl: say into a bowl, or on top of an object.")
    for place in scene.places(Kind.PUT, Kind.STACK):
        verb = scene.phrases[place]
        if not scene.counts(place) or scene.size > SHORT or scene.before(place, "FINGER"):
            continue
        where = scene.phrases[min(place + 1, len(scene.phrases) - 1)].text
        if scene.after(place, "GOAL? (?: EXCEPT | TOUCH ) BOWL"):
            return refused("I can put things only into a bowl, not elsewhere.")
        if scene.after(
            place,
            "GOAL? (?: BOWL AND )? BOWL OF? (?: BESIDE | UNDER | FRONT | BACK | LEFT | RIGHT | BETWEEN | CENTER )"
            " (?! OF? COUNT* OBJECT )",
        ):
            return refused(f"I can put things only into '{where}', not beside or under it.")
        if scene.after(place, "GOAL? (?: TABLE | POST | ARM | FINGER ) (?! OF? PLACE* OF? COUNT* OBJECT )"):
            return refused(f"I cannot put things there ('{where}'): say a bowl, or on top of an object.")
        is_goal = verb.text.endswith(_GOALS) or scene.after(place, "GOAL")
        is_open = scene.after(
            place, "GOAL? (?: LEFT | RIGHT | FRONT | BACK | FAR | NEAR | BESIDE | UNDER | BETWEEN | CENTER | HERE )"
        )
        if is_goal and is_open and not scene.places(Kind.BOWL):
            return refused(f"I cannot put things there ('{where}'): say a bowl, or on top of an object.")
        if is_goal and scene.after(place, "GOAL? TOP") and not things.below:
            return refused(f"I do not know on top of what ('{verb.text}{where}').")
    if scene.size <= SHORT and scene.has(
        "(?: GRASP | PUT | STACK ) GOAL? (?: BOWL | POST ) AND (?: BOWL | POST | OBJECT ) OF? BETWEEN (?: MARK | $ )"
    ):
        return refused("I can put things only into a bowl or onto an object, not between two of them.")
    return None


def _condition(scene: Scene, things: Things, task: str) -> Reading | None:
    """Refuse what is to be done only if something is there."""
    if scene.size <= SHORT and scene.has("(?: ^ | MARK ) IF (?: TABLE? EXIST OBJECT | OBJECT BE OBJECT )"):
        return refused("I cannot decide that: say one thing to do.")
    return None


def _called_off(scene: Scene, things: Things, task: str) -> Reading | None:
    if scene.size <= SHORT and scene.has("CANCEL (?: MARK | BE | DO )* $"):
        return refused("You called it off: say what I shall do.")
    return None


def _thrown(scene: Scene, things: Things, task: str) -> Reading | None:
    for place in scene.places(Kind.PUT):
        verb = scene.phrases[place].text
        if verb.startswith(_THROWS) and scene.counts(place) and not scene.places(Kind.BOWL) and not things.below:
            return refused(f"I cannot throw things ('{verb}').", verb)
    return None


def _fixed(scene: Scene, things: Things, task: str) -> Reading | None:
    for place in scene.places(Kind.BOWL):
        if scene.phrases[place].is_twice and scene.counts(place) and scene.before(place, "(?: PUT | MOVE | GOAL )"):
            return refused(f"I know the left bowl and the right bowl, no '{scene.phrases[place].text}'.")
    for place in scene.places(Kind.BOWL, Kind.POST, Kind.TABLE):
        phrase = scene.phrases[place]
        if phrase.kind is Kind.TABLE and (scene.size > SHORT or task == "clean"):
            continue
        if scene.before(place, "USE") and scene.after(place, "GRASP OBJECT") and phrase.kind is not Kind.TABLE:
            return refused(f"I cannot use '{phrase.text}' as a tool.", phrase.text)
        verbs = "TAKE" if phrase.kind is Kind.TABLE else "GRASP | LIFT | TAKE | TURN"
        is_object = (
            not scene.phrases[place - 1].text.endswith(_GOALS)
            and scene.before(place, verbs)
            and not scene.after(place, "OF? PLACE | OF | OBJECT | THING | ALL | MANY")
        )
        if is_object and scene.counts(place):
            return refused(f"I cannot move '{phrase.text}': say one of the objects on the table.", phrase.text)
    return None


def _knob(scene: Scene, things: Things, task: str) -> Reading | None:
    if things.target.get("shape") == "knob" and task in ("pick", "place", "stack"):
        return refused("I cannot lift the knob: I can turn it or reach for it.")
    if things.below.get("shape") == "knob":
        return refused("I cannot put things on the knob.")
    is_turned = scene.size <= SHORT and any(scene.counts(place) for place in scene.places(Kind.TURN))
    if is_turned and things.target.get("shape", "knob") != "knob":
        return refused(f"I cannot turn a {things.target['shape']}: I can turn the knob.")
    return None


def _pointless(scene: Scene, things: Things, task: str) -> Reading | None:
    """Refuse a text that takes a thing and does not say what for."""
    if task != "reach":
        return None
    for place, role in things.roles.items():
        is_held = scene.after(place, ".* (?: GRASP | LIFT | MOVE )")
        if role is Role.TARGET and scene.before(place, "TAKE | USE") and not is_held:
            return refused(f"Say what I shall do with '{scene.phrases[place].text}'.")
    moved = next(
        (place for place, role in things.roles.items() if role is Role.TARGET and scene.before(place, "TAKE")), None
    )
    is_neared = moved is not None and scene.phrases[moved + 1].text.startswith(("够", "靠", "接近", "对"))
    if moved is not None and scene.after(moved, ".* MOVE") and not is_neared:
        return refused(
            f"I do not know where '{scene.phrases[moved].text}' shall go: say a bowl, or on top of an object."
        )
    return None


def _clean(scene: Scene, things: Things, task: str) -> Reading | None:
    """Refuse to clear the table in part, or with nothing touched."""
    if task != "clean" or scene.size > SHORT:
        return None
    kept = [p for p in scene.places(Kind.OBJECT) if scene.after(p, "(?: BUT | ALL | THEN )* (?: IDLE | NOT TOUCH )")]
    is_part = any(scene.phrases[p].qualities.get("shape") != "knob" for p in kept) or scene.has("EXCEPT OBJECT")
    is_part = is_part or scene.has("IDLE OBJECT (?: MARK | $ )")
    if is_part:
        return refused("I cannot clear the table of some things only: say one object, or all of them.")
    if scene.has(
        "(?: THING | ALL | TABLE ) (?: ALL | BUT )* NOT TOUCH MARK? $ | NOT TOUCH ALL* (?: THING | ALL ) MARK? $"
    ):
        return refused("You contradict yourself: you want the table cleared and nothing touched.")
    return None


def _stacked(scene: Scene, things: Things, task: str) -> Reading | None:
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
    if things.target == things.below and len(things.target) > 1 and scene.size <= SHORT:
        return refused("I cannot put an object on itself: say of two alike which is the small one.")
    return None


def _twice(scene: Scene, things: Things, task: str) -> Reading | None:
    if scene.has("OBJECT (?: AND | LIST ) OBJECT CLAUSE? ALL SELECT (?: MARK | $ )") and scene.size <= SHORT:
        return refused("One thing at a time: you say two objects.")
    for place in scene.places(Kind.FINGER):
        if scene.size <= SHORT and scene.before(place, "USE") and scene.phrases[place].text.startswith(("一", "单")):
            return refused(f"I cannot grasp with '{scene.phrases[place].text}': I have two fingers.")
    for place, role in things.roles.items():
        phrase = scene.phrases[place]
        is_meant = role in (Role.TARGET, Role.BELOW) or (role is Role.TOPIC and things.is_guess)
        if is_meant and phrase.is_twice:
            return refused(f"You say two things of one object: '{phrase.text}'.")
        is_wanted = role in (Role.TARGET, Role.TOPIC)
        is_rest = scene.phrases[place - 1].text in ("剩下", "剩余", "余下", "剩")
        is_all = scene.before(place, "(?: ^ | TAKE | GRASP | LIFT ) ALL OF?") or (
            scene.before(place, "TAKE") and scene.after(place, "ALL (?: PUT | GRASP | LIFT | STACK )")
        )
        if is_wanted and is_all and not is_rest and task != "clean" and scene.size <= SHORT:
            return refused(f"One thing at a time: you say all of '{phrase.text}'.")
        is_set = scene.after(place, "OF? (?: INSIDE | BETWEEN )")
        if role is Role.TARGET and phrase.is_many and not is_set and scene.before(place, "TAKE | GRASP"):
            return refused(f"One thing at a time: you say '{phrase.text}'.")
    return None


def _several(scene: Scene, things: Things, task: str) -> Reading | None:
    if things.conflict is not None and task != "clean":
        first, second = (phrase.text for phrase in things.conflict)
        return refused(f"One thing at a time: you say both '{first}' and '{second}'.")
    jobs = sorted(set(_jobs(scene, things, task)))
    if len(jobs) > 1:
        return refused(f"One thing at a time: you want me to {jobs[0]} and to {jobs[1]}.")
    return None


def _jobs(scene: Scene, things: Things, task: str) -> Iterator[str]:
    """The kinds of jobs that cannot be parts of one: clearing the table, turning the knob, carrying an object."""
    if task == "clean":
        yield "clear the table"
    is_all = is_list(scene, things)
    for place, role in things.roles.items():
        qualities = scene.phrases[place].qualities
        shape = qualities.get("shape", "")
        if is_all and shape != "knob":
            continue
        is_named = (
            "color" in qualities
            or scene.before(place, "STACK | TURN")
            or shape == "knob"
            or not (scene.has("CLEAN") or is_all)
        )
        if role is Role.TARGET and shape and is_named:
            yield "turn the knob" if shape == "knob" else "move an object"


def _two_places(scene: Scene, things: Things, task: str) -> Reading | None:
    bowls = [
        place
        for place in scene.places(Kind.BOWL)
        if scene.counts(place) and scene.before(place, "(?: PUT | IDLE | EXIST ) GOAL?")
    ]
    bowls = [place for place in bowls if not scene.after(place, "OF? (?: BESIDE | LEFT | RIGHT | FRONT | BACK )")]
    bowls = [place for place in bowls if scene.phrases[place].side != "both"]
    if task == "stack" and bowls and scene.size <= SHORT and not scene.places(Kind.CORRECTION):
        return refused("One thing at a time: you say both an object to put it on and a bowl.")
    return None


def _denied(scene: Scene, things: Things, task: str) -> Reading | None:
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
        is_left = scene.after(place, "(?: ALL | BUT )* NOT TOUCH MARK")
        if role is Role.ASIDE and is_left and len(phrase.qualities) > 1 and phrase.qualities == things.target:
            return refused(f"You contradict yourself about '{phrase.text}'.")
    for place in scene.places(Kind.LIFT):
        if scene.phrases[place].is_negated and scene.phrases[place].text.startswith(("离", "脱离")):
            return refused("You contradict yourself: you want it lifted and left on the table.")
    if scene.places(Kind.KEEP_OPEN) and not scene.before(scene.places(Kind.KEEP_OPEN)[0], "ARM AND | IDLE"):
        return refused("You contradict yourself: you want it grasped with the gripper open all the time.")
    if any(scene.phrases[p].is_negated and scene.before(p, ".* NOT") for p in scene.places(Kind.CLOSE)):
        return refused("You contradict yourself: you want it grasped and the gripper not closed.")
    if scene.has("GRASP OBJECT THEN OPEN (?: OBJECT | IT )") and scene.size <= _BRIEF:
        return refused("You contradict yourself: you want it held and let go.")
    if scene.has("(?: ARM | FINGER ) NOT OPEN CLAUSE (?: GRASP | TAKE )"):
        return refused("You contradict yourself: you want it grasped and the gripper not opened.")
    if task in ("place", "stack") and scene.has("CLAUSE NOT OPEN MARK* $"):
        return refused("You contradict yourself: you want it put down and not let go.")
    if scene.places(Kind.KEEP_HELD) and task in ("place", "stack"):
        return refused("You contradict yourself: you want it put down and held all the time.")
    for place in scene.places(Kind.OBJECT):
        is_kept = scene.after(place, "(?: BUT | ALL )* IDLE TABLE") or (
            scene.before(place, "(?: ARM | FINGER ) NOT TOUCH") and not is_for_other_arm(scene, place)
        )
        if is_kept and scene.phrases[place].qualities.items() <= things.target.items():
            return refused("You contradict yourself: you want it moved and left where it is.")
    if any(
        phrase.is_negated and scene.before(place, "NOT (?: GRASP | TOUCH )")
        for place, phrase in enumerate(scene.phrases)
        if phrase.kind is Kind.IT
    ):
        return refused("You contradict yourself: you want it moved and not touched.")
    if scene.has("(?: OBJECT | BOWL ) CLAUSE? BUT SELECT? IDLE TABLE (?: MARK | $ )"):
        return refused("You contradict yourself: you want it moved and left on the table.")
    stays = [place for place in scene.places(Kind.IT) if scene.after(place, "IDLE") and scene.counts(place)]
    if any(scene.phrases[place + 1].text.startswith(("留", "待", "保持")) for place in stays):
        return refused("You contradict yourself: you want it moved and left where it is.")
    return None


def contradiction(doubts: dict[str, bool], wrong_side: str) -> Reading | None:
    """Refuse a text that says two words for one of these slots, or a side that the hand cannot come from."""
    if wrong_side:
        return refused(f"I cannot come from '{wrong_side}': I come from above, from a side or from the far side.")
    name = next((name for name, is_twofold in doubts.items() if is_twofold), None)
    return None if name is None else refused(f"You contradict yourself about the {name}: say one.")
