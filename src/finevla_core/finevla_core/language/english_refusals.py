"""Says why an English text must not be acted on, in one sentence; "" where nothing speaks against it."""

from finevla_core.language.english_conditions import another_occasion
from finevla_core.language.english_contradictions import contradiction
from finevla_core.language.english_dependence import dependence
from finevla_core.language.english_descriptions import untold
from finevla_core.language.english_impossible import cannot, no_end, wrong_arms, wrong_target
from finevla_core.language.english_long_refusals import ATTACK, long_problem
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_misplaced_words import strange_deed
from finevla_core.language.english_noun_phrase_words import FOREIGN
from finevla_core.language.english_parse_types import Act, Unknown
from finevla_core.language.english_questions import no_command, questions
from finevla_core.language.english_quotes import only_quotes
from finevla_core.language.english_short_contradictions import short_contradiction
from finevla_core.language.english_short_impossible import limit
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import WANTING, EnglishText
from finevla_core.language.english_two_jobs import several
from finevla_core.language.english_unknown_deeds import strange_addition
from finevla_core.language.english_unsupported_ways import wrong_way
from finevla_core.language.english_word_tables import word_set

_FOREIGN_WORDS = word_set("""
    le la les une des du et est dans avec sur pour au aux ce cette il elle je tu nous vous ne pas el los las
    con por en del y una un der die das und mit den dem ein eine einen auf nach ist nicht links rechts von zu
    bitte gli nella nel di della che per o os um uma no na da ao em com het een van naar och att ett med som
    til og det på på z na w i się jest do bir ve için
    """) - word_set("do no i a o on in me as at z w")
_LEADS = word_set("and so but now well ok okay then please robot")
_REASONS = word_set("for during as after before since amid despite") | {"because of", "due to", "thanks to"}
_TELLING = word_set("i we he she they my our somebody someone everybody everyone nobody people there")
_ASKING = word_set("you your robot would let please want like love if") | {"would like", "would love", "so that"}
_STRANGE = "I read English and Chinese only: say it in one of these"


def _quoted(words: list[str]) -> str:
    unique = list(dict.fromkeys(words))[:6]
    if len(unique) == 1:
        return f"I do not know '{unique[0]}'"
    return "I know none of: " + ", ".join(unique)


def refusal(text: EnglishText, out: Decision) -> tuple[str, tuple[str, ...]]:
    """The reason, and the words that it is about."""
    words = _unknown(text, out)
    if _is_other_language(text):
        return _STRANGE, tuple(words)
    if ATTACK.search(text.words):
        return "I cannot ignore my limits or what I was told before", ()
    if words:
        return _quoted(words), tuple(dict.fromkeys(words))
    if not text.is_long:
        for check in (
            cannot,
            questions,
            several,
            wrong_arms,
            wrong_target,
            wrong_way,
            limit,
            untold,
            contradiction,
            short_contradiction,
        ):
            if reason := check(text, out):
                return reason, ()
        if reason := only_quotes(text.words) or another_occasion(text.words) or dependence(text.words):
            return reason, ()
    if text.is_long and (reason := long_problem(text, out)):
        return reason, ()
    if out.problem:
        return out.problem, ()
    if out.slots.get("task") != "clean" and (out.target is None or out.target.is_nothing):
        return "say which object: its colour, its shape, or both", ()
    if not text.is_long:
        for check in (no_command, strange_deed, strange_addition, no_end):
            if reason := check(text, out):
                return reason, ()
    return "", ()


def _unknown(text: EnglishText, out: Decision) -> list[str]:
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


def _matters(text: EnglishText, unknown: Unknown) -> bool:
    """Whether an unknown word of a short text may change what shall be done."""
    act = unknown.act
    if _is_harmless(text, unknown.at) or _tells_of_before(act) or _is_told(text, unknown.at):
        return False
    is_headed = unknown.is_aside and [t.text for t in text.parse.tokens[unknown.at + 1 : unknown.at + 2]] == [":"]
    if is_headed and not text.positive and not any(t.kind == "number" for t in text.parse.tokens):
        return True  # "pulverise: red cube"
    if unknown.is_predicate or (
        act is None and not unknown.is_side and (unknown.prep == "with" or _begins_with_from(text, unknown.at))
    ):
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


def _begins_with_from(text: EnglishText, at: int) -> bool:
    """ "From oevrhead, lift it": a side to come from, perhaps."""
    tokens = text.parse.tokens
    return at > 0 and tokens[at - 1].text == "from" and (at == 1 or tokens[at - 2].kind == "break")


def _mention_matters(text: EnglishText, m: Mention, out: Decision) -> bool:
    """Whether a phrase with an unknown word names something that the robot shall act on, use, or go to."""
    entity = text.entity(m)
    if m.determiner in ("a", "an") and m.start and text.parse.tokens[m.start - 1].text == "like":
        return False  # "it looks like a chocolate bar"
    if entity is not None and entity in (out.target, out.support):
        return True
    act = text.roles.act(m)
    if m.kind == "unknown" and (
        _is_fronted(text, m.start)
        or _is_told(text, m.start)
        or _is_measure(text, m, act)
        or _is_somebody(text, m)
        or _tells_of_before(act)
    ):
        return False
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


def _is_harmless(text: EnglishText, at: int) -> bool:
    """ "The can nestled against the post", "by its left and right sidewalls", "for science, ...": it only says where or why."""
    tokens = text.parse.tokens
    before, after = tokens[at - 1] if at else None, tokens[at + 1] if at + 1 < len(tokens) else None
    if before is not None and before.kind == "grasp":
        return True
    is_participle = tokens[at].text.endswith(("ed", "ing")) and any(
        m.kind == "object" and m.end == at and m.shapes for m in text.parse.mentions
    )
    is_place = after is not None and after.kind == "prep" and after.value in ("near", "on", "round", "over")
    return (is_participle and is_place) or _is_fronted(text, at)


def _is_fronted(text: EnglishText, at: int) -> bool:
    """ "For my next experiment the ball is ...": stands before the verb, and says when or what for."""
    start = next((s for s, end in text.parse.sentences if s <= at < end), at)
    while start < at and text.parse.tokens[start].text in _LEADS:
        start += 1
    begins = start < at and text.parse.tokens[start].text in _REASONS
    return begins and not any(t.kind in ("verb", "break") for t in text.parse.tokens[start:at])


def _is_told(text: EnglishText, at: int) -> bool:
    """ "I promised them ice cream if you ...", "we have to catch a bus, so ...": what somebody else does or did."""
    tokens = text.parse.tokens
    start = next((s for s, end in text.parse.sentences if s <= at < end), at)
    while start < at and tokens[start].text in _LEADS:
        start += 1
    own = tokens[start:at]
    is_wish = any(t.text in _ASKING or t.kind == "arm" or t.value == "want" for t in own)
    is_wanted = any(a.at > at and a.value in WANTING and a.form != "noun" for a in text.positive)
    return bool(own) and own[0].text in _TELLING and not is_wish and is_wanted


def _is_measure(text: EnglishText, m: Mention, act: Act | None) -> bool:
    """ "Wait a smidgen above the can": how far."""
    follows = text.parse.tokens[m.end : m.end + 1]
    is_far = m.determiner in ("a", "an", "one", "some") and follows != [] and follows[0].value in ("over", "from")
    is_over = is_far and follows[0].text not in ("from", "off")
    return is_over and act is not None and act.value in ("reach", "wait", "descend", "be", "state")


def _is_somebody(text: EnglishText, m: Mention) -> bool:
    """ "My nephew, who is six": somebody of whom something is said."""
    follows = [t.text for t in text.parse.tokens[m.end : m.end + 2] if t.text != ","]
    return m.determiner in FOREIGN and not m.prep and follows[:1] == ["who"]


def _tells_of_before(act: Act | None) -> bool:
    """ "The cube slipped last week": what a thing did before."""
    is_past = act is not None and act.form == "ed" and not (act.is_passive or act.is_modal or act.objects)
    return (
        is_past and act is not None and act.subject is not None and act.subject.kind == "object" and not act.is_command
    )


def _is_remark(text: EnglishText, sentence: int) -> bool:
    """Whether a sentence wants nothing, beside others that do."""
    return sentence not in text.wanting and bool(text.wanting)


def _is_other_language(text: EnglishText) -> bool:
    tokens = text.parse.tokens
    strange = [t for t in tokens if t.kind == "unknown"]
    signs = sum(t.text in _FOREIGN_WORDS for t in strange)
    letters = [t for t in tokens if t.text[:1].isalpha()]
    return (signs >= 2 or (signs == 1 and len(strange) > 2)) and 3 * len(strange) > len(letters)


# ---- what the robot cannot do


def passed_over(text: EnglishText) -> list[str]:
    """Unknown words on which nothing depends."""
    return list(
        dict.fromkeys([u.text for u in text.parse.unknown] + [w for m in text.parse.mentions for w in m.unknown])
    )
