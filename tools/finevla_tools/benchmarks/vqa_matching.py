"""Is a model's answer right? By the rules of RoboFine-Bench, odd corners included, and by strict ones beside them.

`match_as_published` is made to give the published numbers; where it is wrong, `match_strictly` says what is right.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

YES_NO, NUMBER, CHOICE = "yes_no", "number", "multiple_choice"
ANSWER_TYPES = (YES_NO, NUMBER, CHOICE)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHOWN, SHOWN_CHOICE = 20, 30  # characters of an answer that could not be read, as the published results show it
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MORE_WORDS = (*WORDS, "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen")
NO_ANSWER = re.compile(r"\bno (?:idea|answer|way|information|clue)\b|\bnot? (?:sure|certain|clear|visible)\b")
SIGNED = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?!\.?\w)")


@dataclass(frozen=True)
class VqaQuestion:
    """A question of a set; `options` are those of a multiple choice, and `answer` is one of them as text."""

    question_id: str
    sample_id: str
    answer_type: str
    question: str
    answer: str
    capability: str = ""
    error_type: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class VqaMatch:
    """What was read of an answer, "" for nothing, and whether that is right."""

    parsed: str
    correct: bool


def shown_options(question: VqaQuestion) -> list[str]:
    """Return the options in the order in which a model is shown them: shuffled, the same for the same question's id."""
    options = list(question.options)
    random.Random(question.question_id).shuffle(options)
    return options


def right_letter(question: VqaQuestion) -> str:
    """Return the letter of the right option as shown; "" where the answer is not among the options."""
    wanted = question.answer.strip().lower()
    shown = (option.strip().lower() for option in shown_options(question))
    return next((letter for letter, option in zip(LETTERS, shown, strict=False) if option == wanted), "")


def match_as_published(answer: str, question: VqaQuestion) -> VqaMatch:
    """Match as RoboFine-Bench does: "not sure" is a no, "2.5" is 2, "weight" is 8, and "(C)" is nothing."""
    if question.answer_type == YES_NO:
        parsed = _published_yes_no(answer)
        return VqaMatch(parsed, parsed == question.answer.strip().lower())
    if question.answer_type == NUMBER:
        parsed, digits = _published_number(answer), re.search(r"\d+", question.answer)
        return VqaMatch(parsed, parsed == (digits[0] if digits else question.answer.strip()))
    if question.answer_type == CHOICE:
        return _published_choice(answer, question)
    return VqaMatch(answer.strip(), answer.strip().lower() == question.answer.strip().lower())


def _published_yes_no(answer: str) -> str:
    text = answer.strip().lower()
    for word in ("yes", "no"):
        if text.startswith(word):
            return word
    found = {word for word in ("yes", "no") if re.search(rf"\b{word}\b", text)}
    return found.pop() if len(found) == 1 else text[:SHOWN]


def _published_number(answer: str) -> str:
    if digits := re.search(r"\d+", answer):
        return digits[0]
    lower = answer.lower()
    return next((str(n) for n, word in enumerate(WORDS) if word in lower), answer.strip()[:SHOWN])


def _published_choice(answer: str, question: VqaQuestion) -> VqaMatch:
    text, shown = answer.strip(), shown_options(question)
    texts = dict(zip(LETTERS, (option.strip() for option in shown), strict=False))
    letter = text[:1].upper()
    if letter not in texts or text[1:2].isalpha():
        told = re.search(r"(?:answer|选择?)[:\s]*([A-Z])\b", text, re.IGNORECASE)
        inside = (name for name, option in texts.items() if option.lower() in text.lower())
        letter = told[1].upper() if told else next(inside, "")
    right = right_letter(question)
    return VqaMatch(texts.get(letter, letter) if letter else text[:SHOWN_CHOICE], bool(letter) and letter == right)


# The strict rules -------------------------------------------------------------------------------------------------------------


def match_strictly(answer: str, question: VqaQuestion) -> VqaMatch:
    """Match whole words, whole numbers with sign and decimals, and letters in any usual form; in doubt nothing is read."""
    if question.answer_type == YES_NO:
        parsed = strict_yes_no(answer)
        return VqaMatch(parsed, parsed == strict_yes_no(question.answer) != "")
    if question.answer_type == NUMBER:
        said, wanted = strict_number(answer), strict_number(question.answer)
        return VqaMatch("" if said is None else f"{said:g}", said is not None and said == wanted)
    if question.answer_type == CHOICE:
        parsed = strict_choice(answer, shown_options(question))
        return VqaMatch(parsed, parsed != "" and _plain(parsed) == _plain(question.answer))
    return VqaMatch(answer.strip(), _plain(answer) == _plain(question.answer))


def strict_yes_no(answer: str) -> str:
    """Return "yes" or "no" where a text says one of them, "" where it says neither or both."""
    text = NO_ANSWER.sub(" ", answer.lower())
    first = re.match(r"\W*(yes|no)\b(?:[.,;:!]|\s*$)", text)
    found = {first[1]} if first else set(re.findall(r"\b(yes|no)\b", text))
    return found.pop() if len(found) == 1 else ""


def strict_number(answer: str) -> float | None:
    """Return the one number of a text, in digits or as a word up to eighteen; None for none or several."""
    numbers = {float(found.replace("−", "-")) for found in SIGNED.findall(answer)}
    words = re.findall(r"[a-z]+", answer.lower())
    numbers |= {float(MORE_WORDS.index(word)) for word in words if word in MORE_WORDS}
    return numbers.pop() if len(numbers) == 1 else None


def strict_choice(answer: str, shown: Sequence[str]) -> str:
    """Return the option that a text chooses: by its whole text, a letter ("C", "(C)", "Option C", "C. ..."), or alone in it."""
    text = answer.strip()
    by_letter = dict(zip(LETTERS, shown, strict=False))
    same = [option for option in shown if _plain(option) == _plain(text)]
    if same:
        return same[0]
    letter = re.fullmatch(r"\W*(?:(?:the )?(?:answer|option|choice)(?: is)?)?\W*([A-Za-z])\W*", text, re.IGNORECASE)
    letter = letter or re.match(r"\(?([A-Z])[.):](?:\s|$)", text)
    if letter and letter[1].upper() in by_letter:
        return by_letter[letter[1].upper()]
    inside = [option for option in shown if _plain(option) and f" {_plain(option)} " in f" {_plain(text)} "]
    longest = [one for one in inside if not any(one != other and _plain(one) in _plain(other) for other in inside)]
    return longest[0] if len(longest) == 1 else ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
