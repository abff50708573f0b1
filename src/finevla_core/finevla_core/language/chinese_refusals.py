"""Why a Chinese text must not be acted on, in one English sentence that quotes the operator's words."""

from collections.abc import Iterator
from dataclasses import dataclass

from finevla_core.language.chinese_clauses import Scene
from finevla_core.language.chinese_grammar import Phrase
from finevla_core.language.chinese_kinds import Kind
from finevla_core.language.chinese_roles import Role, Things

SHORT = 60  # characters; in longer texts unknown words are normal, and only those that something depends on matter
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


@dataclass(frozen=True)
class Refusal:
    """The sentence, and the words that it is about."""

    sentence: str
    words: tuple[str, ...] = ()


def unknown_words(scene: Scene) -> list[int]:
    """Where unknown words stand, and words that are known to be outside of the world."""
    return scene.places(Kind.UNKNOWN, Kind.OUTSIDE)


def refusal_of(scene: Scene, things: Things, task: str) -> Refusal | None:
    """Return why the text as a whole cannot be done, None if it can."""
    for reason in (_question, _action, _unknown, _way, _object, _several):
        if (refusal := reason(scene, things, task)) is not None:
            return refusal
    if task != "clean" and not things.target:
        return Refusal("I do not know which object you mean: say its colour or its shape.")
    return None


def _question(scene: Scene, things: Things, task: str) -> Refusal | None:
    asking = {
        phrase.clause
        for place, phrase in enumerate(scene.phrases)
        if phrase.kind is Kind.QUESTION and not any(p.kind in (Kind.REQUEST, Kind.IF) for _, p in scene.clause(place))
    }
    commands = {scene.phrases[place].clause for place in scene.places(*_COMMANDS) if scene.counts(place)}
    if asking and not commands - asking:
        return Refusal("I do not answer questions: say what I shall do with which object.")
    return None


def _action(scene: Scene, things: Things, task: str) -> Refusal | None:
    for place in scene.places(Kind.ACTION):
        phrase = scene.phrases[place]
        if not scene.counts(place):
            continue
        if scene.size > SHORT and any(p.kind is Kind.REMARK for _, p in scene.clause(place)):
            continue
        is_done_to_it = scene.after(place, "COUNT* (?: OBJECT | IT | BOWL | POST | ARM )") or scene.before(
            place, "TAKE (?: OBJECT | IT ) (?: GOAL? PLACE )?"
        )
        if scene.size <= SHORT or is_done_to_it:
            return Refusal(f"I cannot {phrase.value} things ('{phrase.text}').", (phrase.text,))
    return None


def _unknown(scene: Scene, things: Things, task: str) -> Refusal | None:
    words = [scene.phrases[place].text for place in unknown_words(scene) if _matters(scene, things, place)]
    words = list(dict.fromkeys(words))[:_WORDS]
    if not words:
        return None
    if len(words) == 1:
        return Refusal(f"I do not know '{words[0]}'.", tuple(words))
    return Refusal(f"I know none of: {', '.join(words)}.", tuple(words))


def _matters(scene: Scene, things: Things, place: int) -> bool:
    """Whether what shall be done may depend on an unknown word."""
    phrase = scene.phrases[place]
    if scene.after(place, "OF? OBJECT"):
        other = next(p for p in range(place + 1, place + 3) if scene.phrases[p].kind is Kind.OBJECT)
        if things.roles.get(other) in (Role.TARGET, Role.BELOW):
            return True
    if not scene.counts(place):
        return False
    if scene.size > SHORT:
        is_thing = phrase.value in ("object", "place", "tool")
        return (is_thing and scene.before(place, "(?: GRASP | USE | PUT | STACK | LIFT ) GOAL?")) or _is_argument(
            scene, place
        )
    commands = [p for p in scene.places(*_COMMANDS) if scene.counts(p)]
    return not commands or any(scene.phrases[p].clause == phrase.clause for p in commands)


def _is_argument(scene: Scene, place: int) -> bool:
    """Whether an unknown word is what is taken, or where something is put."""
    if scene.phrases[place].value == "property":
        return False
    if scene.before(place, "TAKE | TARGET_KEY COLON?"):
        return True
    is_goal = scene.phrases[place - 1].text.endswith(("到", "进", "在", "入", "至", "于"))
    return is_goal and scene.before(place, "(?: PUT | STACK ) GOAL?")


def _way(scene: Scene, things: Things, task: str) -> Refusal | None:
    for place in scene.places(Kind.ARM):
        if scene.phrases[place].side == "both" and scene.counts(place) and scene.before(place, "USE"):
            return Refusal(f"I cannot use both arms at once ('{scene.phrases[place].text}'): say which one.")
    if things.beside is not None and task in ("place", "stack", "reach", "pick"):
        return Refusal(f"I cannot put things next to '{things.beside.text}': say a bowl, or on top of an object.")
    for place in scene.places(Kind.POST, Kind.TABLE, Kind.BOWL, Kind.ARM):
        if not scene.counts(place):
            continue
        phrase = scene.phrases[place]
        is_put = scene.before(place, "(?: PUT | STACK ) GOAL?")
        if (
            is_put
            and phrase.kind is Kind.BOWL
            and scene.after(place, "OF? (?: BESIDE | UNDER | FRONT | BACK | LEFT | RIGHT | BETWEEN)")
        ):
            return Refusal(f"I can put things only into '{phrase.text}', not beside or under it.")
        if is_put and phrase.kind is not Kind.BOWL and (scene.size <= SHORT):
            return Refusal(f"I cannot put things there ('{phrase.text}'): say a bowl, or on top of an object.")
    return None


def _object(scene: Scene, things: Things, task: str) -> Refusal | None:
    for place in scene.places(Kind.BOWL, Kind.POST):
        phrase = scene.phrases[place]
        if (
            scene.counts(place)
            and scene.before(place, "GRASP | LIFT | TAKE | TURN")
            and not scene.after(place, "OF? PLACE | OF | OBJECT")
        ):
            return Refusal(f"I cannot move '{phrase.text}': say one of the objects on the table.", (phrase.text,))
    for place, role in things.roles.items():
        if role in (Role.TARGET, Role.BELOW) and scene.phrases[place].is_twice:
            return Refusal(f"You say two things of one object: '{scene.phrases[place].text}'.")
        if (
            role is Role.TARGET
            and scene.phrases[place].is_many
            and not scene.after(place, "OF? (?: INSIDE | BETWEEN )")
            and scene.before(place, "TAKE | GRASP")
        ):
            return Refusal(f"One thing at a time: you say '{scene.phrases[place].text}'.")
    if things.target.get("shape") == "knob" and task in ("pick", "place", "stack"):
        return Refusal("I cannot lift the knob: I can turn it or reach for it.")
    if things.below.get("shape") == "knob":
        return Refusal("I cannot put things on the knob.")
    return None


def _several(scene: Scene, things: Things, task: str) -> Refusal | None:
    if things.conflict is not None and task != "clean":
        first, second = (phrase.text for phrase in things.conflict)
        return Refusal(f"One thing at a time: you say both '{first}' and '{second}'.")
    jobs = set(_jobs(scene, things))
    if len(jobs) > 1:
        return Refusal(f"One thing at a time: you say both '{sorted(jobs)[0]}' and '{sorted(jobs)[1]}'.")
    return None


def _jobs(scene: Scene, things: Things) -> Iterator[str]:
    """The kinds of jobs that cannot be parts of one: clearing the table, turning the knob, carrying an object."""
    if any(scene.counts(place) for place in scene.places(Kind.CLEAN)):
        yield "clear the table"
    targets = [scene.phrases[place] for place, role in things.roles.items() if role is Role.TARGET]
    if any(phrase.qualities.get("shape") == "knob" for phrase in targets):
        yield "turn the knob"
    if any(_is_movable(phrase) for phrase in targets):
        yield "move an object"


def _is_movable(phrase: Phrase) -> bool:
    return phrase.qualities.get("shape", "knob") != "knob"


def contradiction(names: dict[str, bool]) -> Refusal | None:
    """Refuse a text that says two words for one of these slots."""
    for name, is_twofold in names.items():
        if is_twofold:
            return Refusal(f"You contradict yourself about the {name}: say one.")
    return None
