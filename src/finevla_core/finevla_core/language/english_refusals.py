"""Says why an English text must not be acted on, in one sentence; "" where nothing speaks against it."""

from finevla_core.language.english_checks import cannot, no_end, several, wrong_arms, wrong_target
from finevla_core.language.english_clauses import Unknown
from finevla_core.language.english_contradictions import contradiction
from finevla_core.language.english_long import ATTACK, long_problem
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_questions import no_command, questions
from finevla_core.language.english_sets import word_set
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import WANTING, Text
from finevla_core.language.english_ways import wrong_way

_FOREIGN_WORDS = word_set("""
    le la les une des du et est dans avec sur pour au aux ce cette il elle je tu nous vous ne pas el los las
    con por en del y una un der die das und mit den dem ein eine einen auf nach ist nicht links rechts von zu
    bitte gli nella nel di della che per o os um uma no na da ao em com het een van naar och att ett med som
    til og det på på z na w i się jest do bir ve için
    """) - word_set("do no i a o on in me as at z w")
_STRANGE = "I read English and Chinese only: say it in one of these"


def _quoted(words: list[str]) -> str:
    unique = list(dict.fromkeys(words))[:6]
    if len(unique) == 1:
        return f"I do not know '{unique[0]}'"
    return "I know none of: " + ", ".join(unique)


def refusal(text: Text, out: Decision) -> tuple[str, tuple[str, ...]]:
    """The reason, and the words that it is about."""
    words = _unknown(text, out)
    if _is_other_language(text):
        return _STRANGE, tuple(words)
    if ATTACK.search(" ".join(t.text for t in text.parse.tokens)):
        return "I cannot ignore my limits or what I was told before", ()
    if words:
        return _quoted(words), tuple(dict.fromkeys(words))
    if not text.is_long:
        for check in (cannot, questions, several, wrong_arms, wrong_target, wrong_way, contradiction):
            if reason := check(text, out):
                return reason, ()
    if text.is_long and (reason := long_problem(text, out)):
        return reason, ()
    if out.problem:
        return out.problem, ()
    if out.slots.get("task") != "clean" and (out.target is None or out.target.is_nothing):
        return "say which object: its colour, its shape, or both", ()
    if not text.is_long:
        for check in (no_command, no_end):
            if reason := check(text, out):
                return reason, ()
    return "", ()


def _unknown(text: Text, out: Decision) -> list[str]:
    """Unknown words that matter: in a short text all that stand in no remark, in a long one those of the target."""
    words: list[str] = []
    for m in text.parse.mentions:
        if not m.unknown or m.is_dead or not _mention_matters(text, m, out):
            continue
        if text.is_long and not (
            m.kind == "object"
            and text.is_target(m, out.target)
            and len(m.unknown) < 2
            and bool(m.colors) != bool(m.shapes)
        ):
            continue
        if not (text.is_long and m.is_negated) and not (
            _is_remark(text, m.sentence) and not text.is_target(m, out.target)
        ):
            words += m.unknown
    if not text.is_long:
        words += [u.text for u in text.parse.unknown if _matters(text, u)]
    return words


def _matters(text: Text, unknown: Unknown) -> bool:
    """Whether an unknown word of a short text may change what shall be done."""
    act = unknown.act
    if unknown.is_predicate or (unknown.prep == "with" and act is None and not unknown.is_side):
        return True
    if not text.wanting or (unknown.is_first and not unknown.is_side):
        return not unknown.is_aside or not text.wanting
    if (
        unknown.is_side
        or unknown.is_aside
        or unknown.is_statement
        or act is None
        or act.is_negated
        or act.value not in WANTING
    ):
        return False
    return not (unknown.text.endswith("ly") and not unknown.is_object and not unknown.prep)


def _mention_matters(text: Text, m: Mention, out: Decision) -> bool:
    """Whether a phrase with an unknown word names something that the robot shall act on, use, or go to."""
    entity = text.entity(m)
    if entity is not None and entity in (out.target, out.support):
        return True
    act = text.roles.act(m)
    if m.kind == "unknown" and m.start and text.parse.tokens[m.start - 1].text in ("as", "like", "than"):
        return False
    if not text.wanting:
        return True
    if m.kind == "unknown" and act is not None and act.is_hypothetical and not act.is_command:
        return False  # "my niece dropped it"
    if (
        m.kind == "unknown"
        and m.is_subject
        and act is not None
        and not (act.is_passive or act.is_modal or act.is_command)
    ):
        return False  # "the kettle is boiling"
    if m.kind == "unknown" and m.prep == "with" and act is not None and not m.is_side and not m.is_negated:
        return act.value in WANTING
    if act is None or act.is_negated or act.value not in WANTING | {"use"} or act.clause != m.clause or m.is_negated:
        return False
    before = text.parse.tokens[m.start - 1].text if m.start else ""
    if m.is_side or before in ("for", "like", "about", "as", "than", "at") or m.prep in ("of", "near"):
        return m.kind != "unknown" and not m.is_side
    return True


def _is_remark(text: Text, sentence: int) -> bool:
    """Whether a sentence wants nothing, beside others that do."""
    return sentence not in text.wanting and bool(text.wanting)


def _is_other_language(text: Text) -> bool:
    tokens = text.parse.tokens
    strange = [t for t in tokens if t.kind == "unknown"]
    signs = sum(t.text in _FOREIGN_WORDS for t in strange)
    letters = [t for t in tokens if t.text[:1].isalpha()]
    return (signs >= 2 or (signs == 1 and len(strange) > 2)) and 3 * len(strange) > len(letters)


# ---- what the robot cannot do


def passed_over(text: Text) -> list[str]:
    """Unknown words on which nothing depends."""
    return list(
        dict.fromkeys([u.text for u in text.parse.unknown] + [w for m in text.parse.mentions for w in m.unknown])
    )
