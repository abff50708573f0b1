"""Which words of a Chinese text keep it from being acted on: unknown ones, other actions, questions, statements."""

from finevla_core.language.chinese_contradictions import refused
from finevla_core.language.chinese_object_description import LONG, SHORT, Role, Things
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.reader_result import Reading

_NEXT_TO = (
    "靠",
    "挨",
    "紧",
    "临",
    "邻",
    "贴近",
    "离",
    "立",
    "站",
    "位",
    "处",
    "躺",
    "放",
    "摆",
    "搁",
    "堆",
    "挡",
    "压",
)
_PUTS = ("放", "摆", "搁", "送", "挪", "移")
_INTO_HAND = "OBJECT AT? FINGER"
_WORDS = 5  # that a refusal quotes
_COMMANDS = (
    Kind.TAKE,
    Kind.GRASP,
    Kind.LIFT,
    Kind.PUT,
    Kind.STACK,
    Kind.MOVE,
    Kind.TURN,
    Kind.CLEAN,
    Kind.USE,
    Kind.SELECT,
    Kind.FROM,
    Kind.ACTION,
)
_STRONG = (
    Kind.TAKE,
    Kind.GRASP,
    Kind.LIFT,
    Kind.PUT,
    Kind.STACK,
    Kind.TURN,
    Kind.CLOCKWISE,
    Kind.COUNTERCLOCKWISE,
    Kind.CLEAN,
    Kind.USE,
    Kind.ACTION,
)
_VERBS = (
    Kind.GRASP,
    Kind.LIFT,
    Kind.PUT,
    Kind.STACK,
    Kind.MOVE,
    Kind.WAIT,
    Kind.TURN,
    Kind.CLEAN,
    Kind.CLOSE,
    Kind.ROUND,
    Kind.OVER,
    Kind.SELECT,
    Kind.CLOCKWISE,
    Kind.COUNTERCLOCKWISE,
)


def unknown_words(scene: ChinesePhrases) -> list[int]:
    """Where unknown words stand, and words that are known to be outside of the world."""
    return scene.places(Kind.UNKNOWN, Kind.OUTSIDE)


def refusal_of(scene: ChinesePhrases, things: Things) -> Reading | None:
    """Return why the words of a text cannot be followed, None if they can."""
    for reason in (_question, _action, _unknown, _statement):
        if (refusal := reason(scene, things)) is not None:
            return refusal
    return None


def no_target(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a text that does not say what is to be done with which object."""
    is_word = len(scene.phrases) == 1 and things.target.keys() == {"color"}
    is_word = is_word and not set(scene.phrases[0].text) & set("的那这个只块颗件号")
    if task == "clean" or (things.target and not is_word):
        return None
    return refused("I do not know which object you mean: say its colour or its shape.")


def _question(scene: ChinesePhrases, things: Things) -> Reading | None:
    asked = {scene.phrases[place].clause for place in scene.places(Kind.REQUEST, Kind.IF, Kind.ALL)}
    questions = [scene.phrases[place] for place in scene.places(Kind.QUESTION)]
    asking = {phrase.clause for phrase in questions if phrase.value == "count" or phrase.clause not in asked}
    commands = {scene.phrases[place].clause for place in scene.places(*_COMMANDS) if scene.counts(place)}
    is_asked = scene.has(
        "^ OBJECT (?: ALL | BUT )* REQUEST (?: GRASP | LIFT | TURN | MOVE | PUT ) (?: QUESTION | ASK )"
    ) and any(scene.phrases[place].text in ("能", "可以", "会", "能够") for place in scene.places(Kind.REQUEST))
    is_answer_wanted = any(scene.phrases[place].value == "answer" for place in scene.places(Kind.QUESTION))
    if is_asked or (is_answer_wanted and scene.places(Kind.REQUEST)):
        return refused("I do not answer questions: say what I shall do with which object.")
    is_bare_question = bool(scene.places(Kind.ASK)) and not commands and not scene.places(Kind.REQUEST)
    if (asking and not commands - asking) or is_bare_question:
        return refused("I do not answer questions: say what I shall do with which object.")
    return None


def _statement(scene: ChinesePhrases, things: Things) -> Reading | None:
    """Refuse a text that says only how things are."""
    if any(scene.counts(place) for place in scene.places(*_VERBS)):
        return None
    if any(scene.phrases[place].is_negated for place in scene.places(Kind.PUT, Kind.STACK, Kind.TURN, Kind.CLEAN)):
        return refused("You say only what I shall not do: say what I shall do.")
    if not scene.places(Kind.ARM) and scene.has(
        "OBJECT (?: ALL | BUT | NOT? GRASP | LIST )* NOT TOUCH MARK? $ | ^ NOT TOUCH OBJECT MARK? $"
    ):
        return refused("You say only what I shall not do: say what I shall do.")
    is_told = scene.has(
        "REMARK | OBJECT (?: PLACE | ALL | THEN | COUNT )* (?: AT | EXIST ) | OBJECT BE OBJECT"
        " | ^ OBJECT (?: ALL | THEN )* SLIP | ^ EXIST | TABLE EXIST"
    )
    return refused("Say what I shall do, not only how things are.") if is_told else None


def _action(scene: ChinesePhrases, things: Things) -> Reading | None:
    for place in scene.places(Kind.ACTION):
        phrase = scene.phrases[place]
        if not scene.counts(place) or (scene.size > LONG and phrase.value.startswith("measure")):
            continue
        if scene.size > SHORT and any(p.kind is Kind.REMARK for _, p in scene.clause(place)):
            continue
        if scene.is_taken_back(place) and scene.places(Kind.GRASP, Kind.LIFT, Kind.PUT, Kind.STACK, Kind.TURN):
            continue
        if phrase.text.endswith(("过去", "过来")) and phrase.value.startswith("hand") and scene.has("PUT GOAL? BOWL"):
            continue  # it is carried past something
        if scene.before(place, "TO SIDE") and (scene.size > LONG or scene.has(_INTO_HAND)):
            continue  # the hand is pushed on, no object
        if scene.after(place, _INTO_HAND):
            continue  # the hand is pushed on, no object
        is_done = scene.after(place, "COUNT* (?: OBJECT | IT | BOWL | POST | ARM )") or scene.before(
            place, "TAKE (?: OBJECT | IT ) (?: GOAL? PLACE )?"
        )
        if scene.size <= SHORT or is_done:
            return refused(f"I cannot {phrase.value} ('{phrase.text}').", phrase.text)
    return None


def _unknown(scene: ChinesePhrases, things: Things) -> Reading | None:
    words = [scene.phrases[place].text for place in unknown_words(scene) if _matters(scene, things, place)]
    words = list(dict.fromkeys(words))[:_WORDS]
    if not words:
        return None
    if len(words) == 1:
        return refused(f"I do not know '{words[0]}'.", *words)
    return refused(f"I know none of: {', '.join(words)}.", *words)


def _is_by_the_way(scene: ChinesePhrases, place: int) -> bool:
    """Whether an unknown word stands where only words of manner and courtesy do, or names what a thing lies beside."""
    if scene.phrases[place].kind is Kind.UNKNOWN:
        if scene.before(place, "(?: ^ | REQUEST | ARM | BUT ) THEN?") and scene.after(
            place, "(?: ARM | THEN )* TAKE OBJECT"
        ):
            return True
        if scene.before(place, "ARM (?: BUT | THEN | REQUEST )*") and scene.after(
            place, "THEN? (?: GRASP | LIFT ) (?: IT | OBJECT )"
        ):
            return True
    is_near = scene.before(place, "(?: EXIST | MOVE )") and scene.phrases[place - 1].text.startswith(_NEXT_TO)
    is_beside = is_near or scene.after(place, "FACE")
    return is_beside and scene.after(place, "FACE* (?: HERE | TABLE )? OF COUNT* OBJECT")


def _matters(scene: ChinesePhrases, things: Things, place: int) -> bool:
    """Whether what shall be done may depend on an unknown word."""
    phrase = scene.phrases[place]
    if _is_by_the_way(scene, place):
        return False
    wanted = (Role.TARGET, Role.BELOW)
    if scene.after(place, "OF? OBJECT"):
        other = next(p for p in range(place + 1, place + 3) if scene.phrases[p].kind is Kind.OBJECT)
        if things.roles.get(other) in wanted or (scene.size <= SHORT and things.is_guess):
            return True
    if scene.before(place, "OBJECT"):
        is_head = (phrase.value == "object" and scene.size <= SHORT) or "shape" not in scene.phrases[
            place - 1
        ].qualities
        role = things.roles.get(place - 1)
        if is_head and (role in wanted or (role is Role.TOPIC and things.is_guess and scene.size <= SHORT)):
            return True
    if not scene.counts(place):
        return False
    if phrase.value == "place" and phrase.text.startswith(_PUTS) and scene.size <= SHORT:
        return True
    if scene.size > SHORT:
        is_thing = phrase.value in ("object", "place", "tool")
        return (is_thing and scene.before(place, "(?: GRASP | USE | PUT | STACK | LIFT ) GOAL?")) or _is_argument(
            scene, place
        )
    clause = [p for _, p in scene.clause(place) if p.kind is not Kind.CLAUSE]
    if all(p.text.isascii() for p in clause) and clause[-1].kind is not Kind.COLON:
        return True
    strong = [p for p in scene.places(*_STRONG) if scene.counts(p)]
    commands = strong or [p for p in scene.places(*_COMMANDS) if scene.counts(p) and scene.phrases[p].text != "要"]
    return not commands or any(scene.phrases[p].clause == phrase.clause for p in commands)


def _is_argument(scene: ChinesePhrases, place: int) -> bool:
    """Whether an unknown word is what is taken, or where something is put."""
    if scene.phrases[place].value == "property":
        return False
    if scene.before(place, "TARGET_KEY COLON?"):
        return True
    if scene.before(place, "TAKE"):
        return scene.size <= SHORT or scene.after(place, ".* (?: GRASP | LIFT | PUT | STACK | TURN )")
    is_goal = scene.phrases[place - 1].text.endswith(("到", "进", "在", "入", "至", "于"))
    return is_goal and scene.before(place, "(?: PUT | STACK ) GOAL?")
