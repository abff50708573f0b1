"""Questions of three types on atomic facts, with distractors that differ in one factor, and balanced: a guess is a guess.

Of each slot every answer is right equally often, so whoever does not see the video is right in 1 of k questions: a constant
answer, the most frequent one and chance do the same. Who is asked about actions is asked one question and nothing else, for a
question on a turn gives away that something is turned.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from finevla_tools.benchmarks.caption_repair import AtomicFact
from finevla_tools.benchmarks.own_facts import TOLD
from finevla_tools.benchmarks.vqa_matching import CHOICE, NUMBER, YES_NO, VqaQuestion

MOST_OPTIONS = 4
ACTION_SHARE = 0.35  # of the samples are asked about their actions
OMISSION, CONTRADICTION, HALLUCINATION = "omission", "contradiction", "hallucination"
COUNTS = {"attempt_count": "How often does the robot try?"}  # slots whose values are numbers
ACTION_COUNT = "Of how many actions does the video consist?"


@dataclass(frozen=True)
class OwnQuestion:
    """A question with the chance of who guesses, what is true, and the one factor in which its distractors differ."""

    question: VqaQuestion
    slot: str
    chance: float
    reference: str
    difference: str


def own_questions(facts: Mapping[str, Sequence[AtomicFact]], seed: int = 0) -> dict[str, list[OwnQuestion]]:
    """Return the questions by sample: of each slot that has one value in a sample, and of the actions.

    The same facts and seed give the same questions.
    """
    chance = random.Random(seed)
    names = sorted(facts)
    chance.shuffle(names)
    count = round(ACTION_SHARE * len(names))
    found: dict[str, list[OwnQuestion]] = {}
    of_actions = _actions({name: facts[name] for name in sorted(names[:count])}, chance)
    of_others = _all({name: facts[name] for name in sorted(names[count:])}, chance)
    for made in (*of_actions, *of_others):
        found.setdefault(made.question.sample_id, []).append(made)
    return {name: found[name] for name in facts if name in found}


def _all(facts: Mapping[str, Sequence[AtomicFact]], chance: random.Random) -> Iterator[OwnQuestion]:
    slots = dict.fromkeys((fact.capability, fact.slot) for some in facts.values() for fact in some)
    for capability, slot in sorted(slots):
        if slot == "primitive_action":
            continue
        values = single_values(facts, slot)
        groups = balanced(values, chance)
        if slot in COUNTS:
            for value, names in groups.items():
                for name in names:
                    yield _number(name, capability, slot, COUNTS[slot], value, 1 / len(groups))
        else:
            yield from _choices(groups, capability, slot)


def single_values(facts: Mapping[str, Sequence[AtomicFact]], slot: str) -> dict[str, str]:
    """Return the value of a slot by sample, of samples that have exactly one."""
    found = {}
    for name, some in facts.items():
        values = {fact.value for fact in some if fact.slot == slot}
        if len(values) == 1:
            found[name] = values.pop()
    return found


def balanced(values: Mapping[str, str], chance: random.Random) -> dict[str, list[str]]:
    """Choose up to four values that exclude each other, and as many samples of each, so that there are most samples in all.

    "ball" and "small ball" may both be true of a thing, and never stand beside each other.
    """
    counts = Counter(values.values())
    chosen: list[str] = []
    best: list[str] = []
    for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if not any(compatible(value, other) for other in chosen) and len(chosen) < MOST_OPTIONS:
            chosen.append(value)
            if len(chosen) > 1 and len(chosen) * counts[value] >= len(best) * min((counts[v] for v in best), default=0):
                best = list(chosen)
    least = min((counts[value] for value in best), default=0)
    groups = {}
    for value in best:
        names = sorted(name for name, own in values.items() if own == value)
        groups[value] = sorted(chance.sample(names, least))
    return groups


def compatible(one: str, other: str) -> bool:
    """Return whether both may be true: all words of one are among those of the other."""
    words, others = set(one.lower().split()), set(other.lower().split())
    return words <= others or others <= words


def _choices(groups: Mapping[str, Sequence[str]], capability: str, slot: str) -> Iterator[OwnQuestion]:
    """Half of a value's samples get a multiple choice, the others yes/no, as many of them true as false."""
    values = list(groups)
    for k, (value, names) in enumerate(groups.items()):
        other = values[(k + 1) % len(values)]  # every value is asked as often where it is false as where it is true
        pairs = len(names) // 4
        for j, name in enumerate(names):
            if j >= 2 * pairs:
                yield _choice(name, capability, slot, value, values)
            else:
                yield _yes_no(name, capability, slot, other if j % 2 else value, value)


def _actions(facts: Mapping[str, Sequence[AtomicFact]], chance: random.Random) -> Iterator[OwnQuestion]:
    """Whether there is an action of a kind (its first word), or how many there are: one question for a sample."""
    actions = {name: [fact.value for fact in some if fact.slot == "primitive_action"] for name, some in facts.items()}
    kinds = {name: {action.split()[0].lower() for action in some} for name, some in actions.items() if some}
    names_of = sorted({kind for some in kinds.values() for kind in some})
    most = max(
        len(kinds) // (2 * (len(names_of) + 1)), 1
    )  # samples of a kind, with and without; the last part is counted
    for kind in names_of:
        sides = [sorted(name for name, some in kinds.items() if (kind in some) is is_true) for is_true in (True, False)]
        count = min(most, *map(len, sides))
        for names, is_true in zip(sides, (True, False), strict=True):
            for name in sorted(chance.sample(names, count)):
                del kinds[name]
                yield _action(name, kind, is_true)
    groups = balanced({name: str(len(actions[name])) for name in kinds}, chance)
    for value, names in groups.items():
        for name in names:
            yield _number(name, "action_sequence", "primitive_action", ACTION_COUNT, value, 1 / len(groups))


def _action(name: str, kind: str, is_true: bool) -> OwnQuestion:
    asked = VqaQuestion(
        f"{name}_action_{kind}",
        name,
        YES_NO,
        f"Is one of the robot's actions of this kind: {kind}?",
        "yes" if is_true else "no",
        "action_sequence",
        OMISSION if is_true else HALLUCINATION,
    )
    reference = f"{'One' if is_true else 'None'} of the actions is of the kind: {kind}."
    return OwnQuestion(
        asked, "primitive_action", 0.5, reference, "" if is_true else f"primitive_action: {kind} is added"
    )


def _number(name: str, capability: str, slot: str, text: str, value: str, chance: float) -> OwnQuestion:
    asked = VqaQuestion(f"{name}_{slot}_number", name, NUMBER, text, value, capability, CONTRADICTION)
    return OwnQuestion(asked, slot, chance, f"{text} {value}.", "")


def _choice(name: str, capability: str, slot: str, value: str, values: Sequence[str]) -> OwnQuestion:
    blank = TOLD[slot].removesuffix("{}.").strip().rstrip(":")
    text = f"Which is true of the video? {blank} ..."
    asked = VqaQuestion(f"{name}_{slot}_choice", name, CHOICE, text, value, capability, CONTRADICTION, tuple(values))
    others = ", ".join(other for other in values if other != value)
    return OwnQuestion(asked, slot, 1 / len(values), TOLD[slot].format(value), f"{slot}: {others} instead of {value}")


def _yes_no(name: str, capability: str, slot: str, said: str, value: str) -> OwnQuestion:
    is_true = said == value
    asked = VqaQuestion(
        f"{name}_{slot}_yes_no",
        name,
        YES_NO,
        f"Is this true of the video? {TOLD[slot].format(said)}",
        "yes" if is_true else "no",
        capability,
        OMISSION if is_true else CONTRADICTION,
    )
    difference = "" if is_true else f"{slot}: {said} instead of {value}"
    return OwnQuestion(asked, slot, 0.5, TOLD[slot].format(value), difference)
