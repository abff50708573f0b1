"""Reads what a Chinese sentence says about things on a table: slots, or why it must be refused."""

from dataclasses import replace

from finevla_core.language.chinese_acting_arm import arm_of
from finevla_core.language.chinese_approach_and_grip import approach_of, grasp_of
from finevla_core.language.chinese_clause_breaks import is_marked, with_breaks, with_pauses
from finevla_core.language.chinese_clause_polarity import scene_of
from finevla_core.language.chinese_contradictions import contradiction, refused
from finevla_core.language.chinese_coreference import with_references
from finevla_core.language.chinese_grammar import phrases_of
from finevla_core.language.chinese_homophones import by_sound
from finevla_core.language.chinese_idioms import plainly
from finevla_core.language.chinese_impossible import limit_of
from finevla_core.language.chinese_normalization import is_chinese, plain
from finevla_core.language.chinese_object_description import Things
from finevla_core.language.chinese_object_roles import things_of
from finevla_core.language.chinese_object_spots import without_spots
from finevla_core.language.chinese_path_and_turn import path_of, turn_of
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_refusals import no_target, refusal_of, unknown_words
from finevla_core.language.chinese_repairs import repaired
from finevla_core.language.chinese_short_impossible import beyond
from finevla_core.language.chinese_slots import place_of, task_of
from finevla_core.language.chinese_spoken_wordings import spoken_plainly
from finevla_core.language.chinese_tokens import split
from finevla_core.language.chinese_unknown_sounds import with_known_sounds
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.reader_result import Reading

MAX_CHARACTERS = 2200
PASSED, GUESSED = 0.8, 0.8  # certainty with unknown words passed over, and without a word that makes the thing a target
MAX_PHRASES = 1080  # of which a dense text of that length has about as many


def read_chinese(text: str) -> Reading:
    """Read a Chinese text of at most `MAX_CHARACTERS`; simplified or traditional characters, simple English words among them.

    Never raises; a text that cannot be acted on gets a `refusal`.
    """
    if not is_chinese(text[: 2 * MAX_CHARACTERS]):
        return refused("I read English and Chinese only.")
    if len(text) > MAX_CHARACTERS:
        return refused(f"That is too long: say it in at most {MAX_CHARACTERS} characters.")
    words = repaired(plainly(spoken_plainly(without_spots(by_sound(plain(text))))))
    tokens = split(words)
    if any(token.kind in (Kind.UNKNOWN, Kind.OUTSIDE) for token in tokens):
        tokens = split(with_known_sounds("".join(token.text for token in tokens), tokens))
    has_marks = is_marked(tokens)
    phrases = with_breaks(phrases_of(tokens if has_marks else with_pauses(tokens)), has_marks)
    if len(phrases) > MAX_PHRASES:
        return refused("That is too long: say it in fewer words.")
    reading = _read(with_references(scene_of(phrases, len(words))))
    return refused(reason) if not reading.refusal and (reason := beyond(words, reading.slots)) else reading


def _read(scene: ChinesePhrases) -> Reading:
    things = things_of(scene)
    task = task_of(scene, things)
    arm, arms = arm_of(scene)
    approach, approaches, wrong_side = approach_of(scene, things)
    grasp, grasps = grasp_of(scene)
    path, paths = path_of(scene)
    turn, turns = turn_of(scene)
    place, places = place_of(scene)
    slots = {"task": task, "arm": arm, "approach": approach, "grasp": grasp, **_thing_slots(things, task)}
    if task in ("place", "stack", "clean"):
        slots["place"] = "object" if task == "stack" else place
    if task in ("place", "stack", "clean") or scene.places(Kind.POST):
        slots["path"] = path
    if task == "turn":
        slots["turn"] = turn
    slots = {name: word for name, word in slots.items() if word}
    doubts = {
        "arm": arms,
        "side to come from": approaches,
        "way of grasping": grasps,
        "path": paths and "path" in slots,
        "way of turning": turns and task == "turn",
        "bowl": places and task in ("place", "clean"),
    }
    refusal = (
        refusal_of(scene, things)
        or limit_of(scene, things, task)
        or no_target(scene, things, task)
        or contradiction(doubts, wrong_side)
    )
    if refusal is not None:
        return replace(refusal, slots=slots)
    passed = tuple(dict.fromkeys(scene.phrases[at].text for at in unknown_words(scene)))
    certainty = (PASSED if passed else 1.0) * (GUESSED if things.is_guess else 1.0)
    return Reading(slots, "", passed, certainty)


def _thing_slots(things: Things, task: str) -> dict[str, str]:
    slots = dict(things.target) if task != "clean" else {}
    if task == "stack":
        slots |= {f"below_{name}": word for name, word in things.below.items() if name != "size"}
    return slots
