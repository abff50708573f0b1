"""What the robot cannot do with things that it knows: impossible places and ways, two jobs at once."""

from collections.abc import Iterator

from finevla_core.language.chinese_contradictions import denied_and_wanted, refused, stacked_wrongly
from finevla_core.language.chinese_missing_bowls import missing_bowl
from finevla_core.language.chinese_object_description import SHORT, Role, Things, agrees
from finevla_core.language.chinese_phrases import ChinesePhrases, is_plain
from finevla_core.language.chinese_short_contradictions import said_and_denied
from finevla_core.language.chinese_slots import is_list
from finevla_core.language.chinese_turn_amounts import turned_by_number
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.reader_result import Reading

_GOALS = ("到", "在", "于", "至", "往")  # a verb that ends so is followed by a place
_THROWS = ("扔", "丢", "投", "抛", "甩")


def limit_of(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Return the first thing of a text that cannot be done, None if all of it can."""
    reasons = (
        _arms,
        missing_bowl,
        _beside,
        _elsewhere,
        _called_off,
        _condition,
        _thrown,
        _fixed,
        _knob,
        _pointless,
        _clean,
        stacked_wrongly,
        _twice,
        _several,
        _two_places,
        denied_and_wanted,
        said_and_denied,
        turned_by_number,
    )
    return next((refusal for reason in reasons if (refusal := reason(scene, things, task)) is not None), None)


def _arms(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    for place in scene.places(Kind.ARM):
        phrase = scene.phrases[place]
        if phrase.side == "middle":
            return refused(f"I have no such arm ('{phrase.text}'): say the left or the right one.")
        if scene.before(place, "NOT USE? ALL") and not phrase.side and scene.size <= SHORT:
            return refused("You want it done with neither arm: say which one.")
        if _is_no_arm(scene, task, place):
            return refused("You want it done with neither arm: say which one.")
        if (
            phrase.side == "both"
            and scene.counts(place)
            and not scene.after(place, "ALL? (?: MARK | $ ) | OF? INSIDE")
            and scene.size <= SHORT
            and not scene.before(place, "EXIST")
            and not scene.after(place, "ALL? IDLE | (?: ALL | THEN )* NOT")
        ):
            return refused(f"I cannot use both arms at once ('{phrase.text}'): say which one.")
    return None


def _is_no_arm(scene: ChinesePhrases, task: str, place: int) -> bool:
    """Whether the only arm of a text, before anything is done, is not to be used or not to move."""
    acts = [p for p in scene.places(Kind.GRASP, Kind.LIFT, Kind.PUT, Kind.STACK, Kind.TURN) if scene.counts(p)]
    is_only = len(scene.places(Kind.ARM)) == 1 and not scene.phrases[place].side and scene.size <= SHORT
    if not is_only or task == "reach" or not acts or acts[0] < place or scene.places(Kind.CORRECTION):
        return False
    is_unused = scene.before(place, "^ NOT (?: USE | TOUCH )?") and scene.after(place, "(?: MARK | $ )")
    is_still = scene.before(place, "^") and scene.after(place, "NOT (?: TOUCH | MOVE ) MARK")
    return is_unused or (is_still and is_plain(scene.phrases[place + 2].tail))


def _beside(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    if things.beside is not None and scene.size <= SHORT:
        return refused(f"I cannot put things next to '{things.beside.text}': say a bowl, or on top of an object.")
    return None


def _elsewhere(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a place that is neither in a bowl nor on an object."""
    if scene.size <= SHORT and scene.has("EXIST (?: BOWL | POST ) PUT (?: MARK | $ )"):
        return refused("I can put things only into a bowl, not beside it.")
    if task != "clean" and scene.size <= SHORT and scene.has("STACK GOAL? BOWL (?: OF? TOP )? (?: MARK | $ )"):
        return refused("I cannot put things on a bowl: say into a bowl, or on top of an object.")
    taken = [place for place in scene.places(Kind.GRASP, Kind.MOVE) if scene.before(place, "TAKE OBJECT .*")]
    for place in taken:
        beside = "BOWL OF? (?: BESIDE | UNDER | BETWEEN | CENTER )"
        where = f"(?: REMARK | OF | TABLE | POST | PLACE | ARM | {beside} )+ (?: MARK | $ )"
        if scene.size <= SHORT and scene.phrases[place].text.endswith("到") and scene.after(place, where):
            return refused("I can put things only into a bowl or onto an object, not elsewhere.")
    for place in scene.places(Kind.PUT, Kind.STACK):
        verb = scene.phrases[place]
        if not scene.counts(place) or scene.size > SHORT or scene.before(place, "FINGER"):
            continue
        where = scene.phrases[min(place + 1, len(scene.phrases) - 1)].text
        if scene.after(place, "GOAL? (?: EXCEPT | TOUCH ) BOWL"):
            return refused("I can put things only into a bowl, not elsewhere.")
        if scene.after(
            place,
            "GOAL? (?: (?: BOWL | OBJECT | POST ) AND )? (?: BOWL | BOWL AND (?: OBJECT | POST ) ) OF?"
            " (?: BESIDE | UNDER | FRONT | BACK | LEFT | RIGHT | BETWEEN | CENTER )"
            " (?! OF? COUNT* OBJECT )",
        ):
            return refused(f"I can put things only into '{where}', not beside or under it.")
        if scene.after(place, "GOAL? (?: TABLE | POST | ARM | FINGER ) (?! OF? PLACE* OF? COUNT* OBJECT )"):
            return refused(f"I cannot put things there ('{where}'): say a bowl, or on top of an object.")
        is_goal = verb.text.endswith(_GOALS) or scene.after(place, "GOAL")
        is_open = scene.after(
            place,
            "GOAL? (?: REMARK? OF | REMARK )?"
            " (?: LEFT | RIGHT | FRONT | BACK | FAR | NEAR | BESIDE | UNDER | BETWEEN | CENTER | HERE )"
            " (?! OF? COUNT* OBJECT OF? TOP )",
        )
        if is_goal and is_open and not scene.places(Kind.BOWL):
            return refused(f"I cannot put things there ('{where}'): say a bowl, or on top of an object.")
        if is_goal and scene.after(place, "GOAL? TOP") and not things.below:
            return refused(f"I do not know on top of what ('{verb.text}{where}').")
    if scene.size <= SHORT and scene.has(
        "(?: GRASP | PUT | STACK ) GOAL? (?: BOWL | POST ) AND (?: BOWL | POST | OBJECT ) OF? BETWEEN (?: MARK | $ )"
    ):
        return refused("I can put things only into a bowl or onto an object, not between two of them.")
    if task == "place" and not scene.places(Kind.BOWL, Kind.OTHER):
        puts = [place for place in scene.places(Kind.PUT) if scene.counts(place)]
        said = "".join(phrase.text for phrase in scene.phrases[puts[-1] : puts[-1] + 2]) if puts else ""
        return refused(f"I do not know where that is ('{said}'): say a bowl, or on top of an object.")
    return None


def _condition(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse what is to be done only if something is there."""
    if scene.size <= SHORT and scene.has("(?: ^ | MARK ) IF (?: TABLE? EXIST OBJECT | OBJECT BE OBJECT )"):
        return refused("I cannot decide that: say one thing to do.")
    return None


def _called_off(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    if scene.size <= SHORT and scene.has("CANCEL (?: MARK | BE | DO )* $"):
        return refused("You called it off: say what I shall do.")
    return None


def _thrown(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    for place in scene.places(Kind.PUT):
        verb = scene.phrases[place].text
        if verb.startswith(_THROWS) and scene.counts(place) and not scene.places(Kind.BOWL) and not things.below:
            return refused(f"I cannot throw things ('{verb}').", verb)
    return None


def _fixed(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    for place in scene.places(Kind.BOWL):
        if scene.phrases[place].is_twice and scene.counts(place) and scene.before(place, "(?: PUT | MOVE | GOAL )"):
            return refused(f"I know the left bowl and the right bowl, no '{scene.phrases[place].text}'.")
    out_of = "FROM BOWL OF? INSIDE? (?: TAKE OBJECT )? (?: GRASP | LIFT )"
    if scene.size <= SHORT and scene.has(
        f"{out_of} | BOWL OF? INSIDE OF COUNT* (?: OBJECT | THING ) | FROM OBJECT OF? INSIDE (?: GRASP | LIFT )"
    ):
        return refused("I cannot take things out of a bowl: say one of the objects on the table.")
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


def _knob(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    if things.target.get("shape") == "knob" and task in ("pick", "place", "stack"):
        return refused("I cannot lift the knob: I can turn it or reach for it.")
    if things.below.get("shape") == "knob":
        return refused("I cannot put things on the knob.")
    is_turned = scene.size <= SHORT and any(scene.counts(place) for place in scene.places(Kind.TURN))
    if is_turned and things.target.get("shape", "knob") != "knob":
        return refused(f"I cannot turn a {things.target['shape']}: I can turn the knob.")
    return None


def _pointless(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a text that takes a thing and does not say what for."""
    if task != "reach":
        return None
    if scene.size <= SHORT and scene.has("(?: ^ | MARK | ARM | REQUEST | THEN ) OPEN (?: OBJECT | IT ) (?: MARK | $ )"):
        return refused("I cannot open things: I can only open the gripper.")
    if not things.below and any(
        scene.counts(place) and scene.after(place, "(?: OBJECT | IT ) (?: MARK | $ )")
        for place in scene.places(Kind.STACK)
    ):
        return refused("I do not know on top of what: say an object that shall lie below.")
    for place, role in things.roles.items():
        is_held = scene.after(place, ".* (?: GRASP | LIFT | MOVE )")
        verb = "TAKE" if scene.size > SHORT else "TAKE | USE"
        if role is Role.TARGET and scene.before(place, verb) and not is_held:
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


def _clean(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse to clear the table in part, or with nothing touched."""
    if task != "clean" or scene.size > SHORT:
        return None
    kept = [p for p in scene.places(Kind.OBJECT) if scene.after(p, "(?: BUT | ALL | THEN )* (?: IDLE | NOT TOUCH )")]
    kept += [p for p in scene.places(Kind.OBJECT) if scene.before(p, "EXCEPT")]
    kept += [p for p in scene.places(Kind.OBJECT) if scene.before(p, "IDLE") and scene.after(p, "(?: MARK | $ )")]
    is_part = any(scene.phrases[p].qualities.get("shape") != "knob" for p in kept)
    if is_part:
        return refused("I cannot clear the table of some things only: say one object, or all of them.")
    is_accident = any(set(scene.phrases[p].text) & set("倒翻歪坏错撞刮蹭") for p in scene.places(Kind.TOUCH)) or any(
        scene.phrases[p].text.startswith(("别的", "别个", "其他", "其它", "其余")) for p in scene.places(Kind.THING)
    )
    if not is_accident and scene.has(
        "(?: THING | ALL | TABLE ) (?: ALL | BUT )* NOT (?: TOUCH | GRASP ) MARK? $"
        " | NOT TOUCH ALL* (?: THING | ALL ) MARK? $ | MARK TABLE? OF? TOP? OF? THING ALL* IDLE MARK? $"
    ):
        return refused("You contradict yourself: you want the table cleared and nothing touched.")
    return None


def _twice(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    if scene.has("OBJECT (?: AND | LIST ) OBJECT CLAUSE? ALL SELECT (?: MARK | $ )") and scene.size <= SHORT:
        return refused("One thing at a time: you say two objects.")
    if (
        task != "clean"
        and scene.size <= SHORT
        and scene.has("OBJECT CLAUSE? (?: EXIST | AND | LIST ) OBJECT CLAUSE? ALL (?: GRASP | LIFT | PUT | STACK )")
    ):
        return refused("One thing at a time: you say two objects.")
    if task != "clean" and scene.size <= SHORT and scene.has("THEN OBJECT (?: BACK | THEN ) OBJECT"):
        return refused("One thing at a time: you say two objects.")
    for place in scene.places(Kind.FINGER):
        if scene.size <= SHORT and scene.before(place, "USE") and scene.phrases[place].text.startswith(("一", "单")):
            return refused(f"I cannot grasp with '{scene.phrases[place].text}': I have two fingers.")
    for place, role in things.roles.items():
        phrase = scene.phrases[place]
        is_meant = role in (Role.TARGET, Role.BELOW) or (role is Role.TOPIC and things.is_guess)
        if is_meant and phrase.is_twice and task != "clean":
            return refused(f"You say two things of one object: '{phrase.text}'.")
        is_wanted = role in (Role.TARGET, Role.TOPIC)
        is_rest = scene.phrases[place - 1].text in ("剩下", "剩余", "余下", "剩")
        is_all = scene.before(place, "(?: ^ | TAKE | GRASP | LIFT ) ALL OF?") or (
            scene.before(place, "TAKE") and scene.after(place, "ALL (?: PUT | GRASP | LIFT | STACK )")
        )
        if is_wanted and is_all and not is_rest and task != "clean" and scene.size <= SHORT:
            return refused(f"One thing at a time: you say all of '{phrase.text}'.")
        if phrase.is_many and not things.below and scene.after(place, "(?: ALL | THEN )* STACK"):
            return refused(f"One thing at a time: you say '{phrase.text}'.")
        is_kind = role is Role.TARGET and len(phrase.qualities) == 1 and "size" not in phrase.qualities
        if (
            is_kind
            and task == "place"
            and scene.size <= SHORT
            and scene.before(place, "(?: ^ | TABLE ) OF?")
            and scene.after(place, "ALL PUT")
        ):
            return refused(f"One thing at a time: you say all of '{phrase.text}'.")
        is_set = scene.after(place, "OF? (?: INSIDE | BETWEEN )")
        is_taken = scene.before(place, "TAKE | GRASP") or scene.after(place, "ALL (?: PUT | GRASP | LIFT | STACK )")
        if role is Role.TARGET and phrase.is_many and not is_set and is_taken:
            return refused(f"One thing at a time: you say '{phrase.text}'.")
    return None


def _several(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    if things.conflict is not None and task != "clean":
        first, second = (phrase.text for phrase in things.conflict)
        return refused(f"One thing at a time: you say both '{first}' and '{second}'.")
    if (
        things.is_guess
        and scene.size <= SHORT
        and scene.has("OBJECT (?: AND | LIST )? OBJECT")
        and len(things.roles) > 1
    ):
        topics = [place for place, role in things.roles.items() if role is Role.TOPIC]
        colors = {scene.phrases[place].qualities.get("color") for place in topics} - {None}
        if len(colors) > 1:
            return refused("One thing at a time: you name several objects.")
    if scene.size <= SHORT and task not in ("stack", "clean") and _is_added(scene, things):
        return refused("One thing at a time: you name several objects.")
    if scene.size <= SHORT and task in ("turn", "clean") and _is_other_job_before(scene, things, task):
        return refused("One thing at a time: you want an object moved, and then something else done.")
    jobs = sorted(set(_jobs(scene, things, task)))
    if len(jobs) > 1:
        return refused(f"One thing at a time: you want me to {jobs[0]} and to {jobs[1]}.")
    return None


def _is_other_job_before(scene: ChinesePhrases, things: Things, task: str) -> bool:
    """Whether something else is to be moved first: "take the red one, then turn the knob", "..., then clear the table"."""
    begins = "^ (?: ARM | REQUEST )* THEN+ (?: ARM | REQUEST | TAKE | OBJECT | TABLE | MOVE | GRASP | CLOSE | FROM | PLACE )*"
    lasts = [p for p in scene.places(Kind.TURN, Kind.CLEAN) if scene.counts(p) and scene.before(p, begins)]
    if not lasts or scene.phrases[lasts[-1]].kind is not (Kind.TURN if task == "turn" else Kind.CLEAN):
        return False
    named = [p for _, p in scene.clause(lasts[-1]) if p.kind is Kind.OBJECT]
    if task == "turn" and not any(phrase.qualities.get("shape") == "knob" for phrase in named):
        return False
    start = scene.bounds[scene.phrases[lasts[-1]].clause][0]
    acts = [p for p in scene.places(Kind.GRASP, Kind.LIFT, Kind.PUT, Kind.STACK) if p < start and scene.counts(p)]
    wanted = [p for p, role in things.roles.items() if p < start and role in (Role.TARGET, Role.TOPIC, Role.BELOW)]
    shapes = [scene.phrases[p].qualities.get("shape", "") for p in wanted if scene.counts(p)]
    is_put = task == "turn" and any(scene.after(p, "GOAL? BOWL") for p in acts if scene.phrases[p].kind is Kind.PUT)
    return is_put or (bool(acts and shapes) and "knob" not in shapes)


def _is_added(scene: ChinesePhrases, things: Things) -> bool:
    """Whether another thing is asked for at the end: "the ball, and also the brick"."""
    return any(
        scene.before(place, "^ (?: EXIST | AND )")
        and scene.phrases[place - 1].text.startswith(("还有", "另有", "再有", "还要"))
        and scene.after(place, "(?: MARK | $ )")
        and all(phrase.kind in (Kind.OBJECT, Kind.SENTENCE) for phrase in scene.phrases[place:])
        and any(other < place for other, role in things.roles.items() if role is Role.TARGET)
        and not agrees(scene.phrases[place].qualities, things.target)
        for place in things.roles
    )


def _jobs(scene: ChinesePhrases, things: Things, task: str) -> Iterator[str]:
    """The kinds of jobs that cannot be parts of one: clearing the table, turning the knob, carrying an object."""
    if task == "clean":
        yield "clear the table"
        if scene.size <= SHORT and any(_is_stacked(scene, place) for place in scene.places(Kind.STACK)):
            yield "stack objects"
    cleans = [place for place in scene.places(Kind.CLEAN) if scene.counts(place)]
    is_told_in_steps = (
        bool(cleans)
        and cleans[0] < min(things.roles, default=0)
        and (scene.size > SHORT or scene.after(cleans[0], "TABLE? OF? TOP? COLON"))
    ) or any(p.text.startswith("直到") for place in cleans for _, p in scene.clause(place))
    is_all = is_list(scene, things) or is_told_in_steps
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


def _is_stacked(scene: ChinesePhrases, place: int) -> bool:
    """Whether objects are to be stacked, not only put into a bowl one upon the other."""
    kinds = {phrase.kind for _, phrase in scene.clause(place)}
    is_state = scene.phrases[place].text.endswith("着") or scene.after(place, "OF")
    return not is_state and scene.counts(place) and Kind.OBJECT in kinds and Kind.BOWL not in kinds


def _two_places(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
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
