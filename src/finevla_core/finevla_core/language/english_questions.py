"""Tells talk and questions from what is wanted."""

import itertools
import re

from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import WANTING, EnglishText
from finevla_core.language.english_tokens import EnglishToken
from finevla_core.language.english_word_tables import word_set

_ASK = word_set("where what who whom whose why how when which is are was were does did do has have am")
_ASK_WHAT = word_set("where who whom whose how which when")
_RESULTS = word_set("could should must shall let make ensure see grateful ends end finds find ought lands land")
_COMPARES = word_set("as that which so too more bigger larger heavier smaller lighter like of")
_REQUEST = word_set("can could would will may might")
_ASKED = frozenset(("you", "it be", "it", "i", "we", "would you", "could you", "can you"))
_CHANCES = [
    pair.split()
    for pair in ("any chance", "what about", "how about", "any hope", "any possibility", "care to", "reckon you", "think you",
                 "feel like", "got time", "may i", "might i", "shall we", "can we", "could we")
]  # fmt: skip
_WORK = frozenset(("pick", "put", "throw", "stack", "turn", "clean", "reach", "descend", "close", "want", "use"))
_PAST = word_set("yesterday earlier previously ago last once")
_TOLD = re.compile(
    r"(?:(?:oh|look|hey|but|and|so|well) )*(?:you|he|she|they|we|i|somebody|someone) (?:(?:have|has|had) "
    r"(?:just |already |never )?(?:put|taken|got|gone|left|had|\w+ed)\b(?! to\b)|(?:are|is|was|were) (?:just |already )?"
    r"(?:taking|putting|moving|lifting|carrying|bringing|turning|clearing|picking|holding)\b)[^.,;:!?-]*\.?$"
)
_OWNERS = word_set("the a an my our his her their your this that one another every each no")
_BESIDE_VERBS = word_set("then now also just still always never often first finally")
_PERSONS = word_set("he she somebody someone nobody everybody everyone who")
_PEOPLE = word_set("""
    niece nephew granny grandma grandpa uncle aunt cousin mum dad mom son daughter boss client customer manager operator
    supervisor technician student professor teacher neighbour doctor nurse officer chef wife husband mother father friend
    colleague guest visitor guy kid child boy girl person man woman human worker engineer user dog cat
    """)
_MACHINES = word_set("""
    machine machines robot system program programme policy controller model agent bot cobot step plan demo clip episode task
    sequence trajectory software motor screen video recording
    """)
_GOOD = word_set("nice good great lovely brilliant excellent super well neat fine perfect impressive smooth")
_SOUNDS = word_set("wow whoa oh ooh ah haha yay man dude bruh lol ha hey")
_DEED = word_set("work job one done going grasp grip catch move lift effort show try trick performance stuff")
_OPENINGS = frozenset(
    (
        "would you mind",
        "do you mind",
        "could you",
        "can you",
        "will you",
        "would you",
        "please",
        "do me a favour",
        "do me a favor",
    )
)


_ASKS_ANYWHERE = frozenset(("could you", "can you", "would you", "will you", "would you mind", "do you mind"))
_IS_POSSIBLE = re.compile(
    r"\b(?:would|might|could) (?:it|that) be (?:\w+ ){0,3}(?:possible|alright|all right|ok|okay|fine|acceptable|too much|"
    r"trouble|conceivable|feasible)\b|\bplease (?:could|can|would|will|may)\b"
)


_IS_TO_TELL = re.compile(
    r"(?:(?:please|kindly|you|only|now|robot|hey|just|can you|could you|would you|will you) )*(?:tell|explain|describe|name"
    r"|guess|report|"
    r"inform|remind|list|say|state|show|let)(?: (?:me|us|him|her|them|everyone|everybody))?(?: (?:please|know"
    r"|exactly|again|out loud))*"
    r" (?:which|what|where|who|whose|why|whether|if|when|about|(?<!show me )(?<!show us )how)\b"
)


def questions(text: EnglishText, out: Decision) -> str:
    """A text that only asks."""
    asks = commands = False
    for number, (start, end) in enumerate(text.parse.sentences):
        tokens = text.parse.tokens[start:end]
        if all(t.kind == "break" for t in tokens):
            continue
        deeds = [a for a in text.positive if a.sentence == number]
        wants = any(a.value in WANTING for a in deeds)
        is_told = any(a.is_command and a.value not in ("see", "be", "state") for a in deeds)
        is_asking = _is_asking(tokens, wants) and not is_told
        asks = asks or is_asking
        commands = commands or (not is_asking and any(a.value not in ("be", "see") for a in deeds))
    return "this is a question: say what to do" if asks and not commands else ""


def _is_asking(tokens: list[EnglishToken], wants: bool) -> bool:
    words = [t.text for t in tokens if t.kind != "break"]
    if _IS_TO_TELL.match(" ".join(words)):
        return True
    is_request, has_mark = _is_request(tokens, words, wants), tokens[-1].text == "?"
    if has_mark and (not is_request or words[0] in _ASK_WHAT) and words[:2] != ["how", "about"]:
        return True
    if has_mark and any(
        a in ("something", "anything") and b.split()[0] in _COMPARES for a, b in itertools.pairwise(words)
    ):
        return True
    if is_request or words[0] not in _ASK:
        return False
    is_command = words[0] in ("do", "have", "which") and words[1:2] not in (["you"], ["i"], ["we"], ["they"])
    follows = words[1] if len(words) > 1 else ""
    is_clause = (
        words[0] in ("when", "what", "where") and not has_mark and follows not in ("is", "are", "was", "do", "does")
    )
    return not is_command and not is_clause


def _is_request(tokens: list[EnglishToken], words: list[str], wants: bool) -> bool:
    """Whether a question is a polite command."""
    if (
        words[0] in _OPENINGS
        or words[:2] in _CHANCES
        or (
            len(words) > 3
            and words[0] in ("is", "would", "might")
            and {"possible", "able", "chance", "way"} & set(words[:6])
        )
        or words[:2] in (["why", "do"], ["why", "not"])
        or words[0] in ("why do not you", "why not")
    ):
        return True
    if any(w in _REQUEST for w in words[:3]) and any(w in _ASKED for w in words[:4]):
        return True
    if words[0] in _REQUEST and ("please" in words or "kindly" in words):
        return True
    if words[0] in ("might", "may", "can", "could") and wants:
        return True
    if words[0] == "mind" and len(tokens) > 1 and tokens[1].kind == "verb":
        return True
    if any(t.text in _ASKS_ANYWHERE for t in tokens) or _IS_POSSIBLE.search(" ".join(words)):
        return True
    pairs = list(itertools.pairwise(t.text for t in tokens))
    return any(
        (a in _REQUEST and b == "you") or (a in ("but", ",", "so") and b in ("might", "may", "could", "can"))
        for a, b in pairs
    )


def _somebody_acts(text: EnglishText) -> bool:
    """ "The customer takes the red cube": all that is done is done by somebody else."""
    deeds = [a for a in text.positive if a.value in _WORK - {"want", "use"} and a.form != "noun" and not a.is_side]
    return bool(deeds) and all(a.form == "s" and _is_somebody(text.parse.tokens, a.at - 1) for a in deeds)


def _is_somebody(tokens: list[EnglishToken], at: int) -> bool:
    """Whether the words up to `at` name somebody, or a thing that is no robot: the subject of a verb."""
    while at > 0 and (tokens[at].text.endswith("ly") or tokens[at].text in _BESIDE_VERBS):
        at -= 1
    if at < 0 or tokens[at].text in _PERSONS:
        return at >= 0
    is_noun = tokens[at].kind in ("word", "unknown") and any(t.text in _OWNERS for t in tokens[max(0, at - 2) : at])
    is_known = tokens[at].value in ("noun", "concrete") or tokens[at].text in _PEOPLE
    return is_noun and is_known and tokens[at].text not in _MACHINES


def _is_exclamation(words: list[str], tokens: list[EnglishToken]) -> bool:
    """Whether it only exclaims, as "Nice cube!" does."""
    is_one = all(t.kind != "break" for t in tokens[:-1]) and tokens[-1].text == "!"
    return is_one and len(words) <= 3 and words[0] in _GOOD | {"pretty", "beautiful", "cool"}


def _is_praise(words: list[str]) -> bool:
    """ "Nice work with the brick", "that was a neat trick"."""
    words = words[1:] if words and words[0] in _SOUNDS else words
    return words[:2] in (["what", "a"], ["what", "an"], ["that", "was"], ["this", "was"], ["it", "was"]) or (
        words[0] in _GOOD and words[1:2] != [] and words[1].split()[0] in _DEED
    )


def no_command(text: EnglishText, out: Decision) -> str:
    """A text that speaks of something, without wanting anything."""
    target = out.target
    tokens = text.parse.tokens
    words = [t.text for t in tokens if t.kind != "break"]
    if (_is_praise(words) or _is_exclamation(words, tokens)) and not any(a.is_command for a in text.positive):
        return "say what to do"
    if _is_report(text) or _TOLD.match(text.words):
        return "this only tells what was done: say what to do"
    if _somebody_acts(text):
        return "this tells what somebody else does: say what I shall do"
    for m in text.mentions:
        if (
            m.prep == "near"
            and m.kind == "object"
            and m.start
            and tokens[m.start - 1].text == "out of"
            and not m.is_plural
        ):
            return f"I cannot take things out of the {m.head}"
    if any(
        a.value == "wait" and text.is_target(m, target)
        for m in text.mentions
        for a in text.positive
        if a.at == m.verb_at
    ):
        return ""
    if reason := _only_speaks(text, out):
        return reason
    for act in text.positive:
        is_told = act.form == "ed" and not act.is_passive and act.subject is None and not act.objects
        if not is_told and act.value in _WORK:
            return ""
    return "" if target is None or _is_named_for_work(text, out) else "say what to do with it"


def _only_speaks(text: EnglishText, out: Decision) -> str:
    """Say why a text without a command wants nothing; "" where it may want something."""
    target, tokens = out.target, text.parse.tokens
    is_open = out.slots.get("task") == "clean" or any(
        text.is_target(m, target) and m.clause_is_bare and not m.is_side for m in text.mentions
    )
    does = any(a.form != "noun" and not a.is_side and a.value not in ("be", "see") for a in text.parse.acts)
    comma = next((n for n, t in enumerate(tokens) if t.kind == "break"), len(tokens))
    does = does or any(a.at > comma and a.value in _WORK and a.form != "noun" for a in text.positive)
    is_offer = [t.text for t in tokens[:2]] in (["how", "about"], ["what", "about"])
    if tokens[0].kind == "sub" and not does and not is_open and not is_offer:
        return "say what to do"
    is_bare = text.roles.verbless and not any(a.form != "noun" for a in text.parse.acts)
    is_given = any(t.text in ("give", "gave", "giving", "given") for t in tokens)  # "if you gave the dial a twist"
    if is_bare and tokens[0].text in ("i", "we", "my", "he", "she") and not is_given and not out.slots.get("place"):
        return "say what to do with it"
    if (
        is_bare
        and target is not None
        and len(out.slots) == 2
        and not target.shape
        and not any(m.is_one or m.head in ("thing", "object", "item") for m in target.mentions)
    ):
        return "say which object: its colour and its shape"
    is_with = target is not None and bool(target.mentions) and all(m.prep == "with" for m in target.mentions)
    if is_with and out.slots.get("task") == "reach" and not any(a.value in _WORK for a in text.positive):
        return "say what to do with it"
    if (
        target is not None
        and target.mentions
        and all(m.prep == "of" for m in target.mentions)
        and not any(a.objects for a in text.positive)
        and not (
            any(c.slot in ("approach", "grasp") for c in text.parse.cues)
            and any(a.value in ("reach", "pick", "close") for a in text.positive)
        )
        and not any(m.kind == "pronoun" and m.prep and text.is_target(m, target) for m in text.mentions)
    ):
        return "say what to do with it"
    return ""


def _is_named_for_work(text: EnglishText, out: Decision) -> bool:
    """Whether the target of a text without a verb of work stands where something is done to it."""
    target, tokens = out.target, text.parse.tokens
    words = {t.text for t in tokens}
    is_named = any(text.is_target(m, target) and m.clause_is_bare and not m.prep for m in text.mentions)
    if out.slots.get("place") and (out.slots.get("path") or is_named):
        return True
    if out.slots.get("task") in ("place", "stack") and words & _RESULTS and "?" not in words:
        return True
    if any(m.kind == "bowl" and m.prep == "in" and m.clause_is_bare and not m.is_negated for m in text.mentions):
        return True
    for m in text.mentions:
        if text.is_target(m, target) and (
            (m.sentence in text.roles.verbless and m.prep in ("", "to", "over") and tokens[m.start - 1].text != "for")
            or text.roles.score(m) >= 2.0
            or (
                m.prep == "of"
                and out.slots.get("place")
                and tokens[0].text in ("any", "what about", "how about", "what", "how")
            )
            or (m.prep in ("to", "over") and m.clause_is_bare and _has_free_arm(text, m))
        ):
            return True
    return False


def _is_report(text: EnglishText) -> bool:
    """ "Yesterday the gripper lifted the ball": what an arm did before."""
    deeds = [a for a in text.positive if a.value in _WORK and a.form != "noun"]
    is_past = any(t.text in _PAST for t in text.parse.tokens)
    return (
        is_past
        and bool(deeds)
        and all(
            a.form == "ed" and not a.is_passive and a.subject is not None and a.subject.kind == "arm" for a in deeds
        )
    )


def _has_free_arm(text: EnglishText, m: Mention) -> bool:
    """ "Right hand to the dial and wait": an arm that is only named goes there."""
    return any(a.kind == "arm" and not a.prep and a.sentence == m.sentence and a.clause_is_bare for a in text.mentions)
