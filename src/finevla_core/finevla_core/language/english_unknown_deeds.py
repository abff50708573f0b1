"""Finds deeds and things that an English text adds to what is known: "I want you to bake it", "the ball and the banana"."""

from finevla_core.language.english_misplaced_words import UNDOABLE
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import WANTING, EnglishText
from finevla_core.language.english_tokens import EnglishToken
from finevla_core.language.english_word_tables import word_set

_TOLD = word_set("you robot it arm hand gripper claw somebody someone one him")
_ASKS = word_set("""
    ask asks asked asking tell tells told order orders ordered beg begs request requests command instruct expect expects allow
    remind get got have like love want need prefer wish
    """) | {"would like", "would love"}
_SMALL = word_set(
    "please now just also then kindly quickly slowly gently carefully simply really first maybe perhaps next"
)
_LINKS = word_set("and then also or")
_NO_DEEDS = word_set("""
    then if so once when there as because since while until before after that which who where how what but and or now not it
    the a an at with from by see here again maybe perhaps please just only also still yet till whether though although unless
    let make have keep leave be is was will would should could can may might must do does did than like near over around
    """)
# Nouns that the tables know as verbs or as remarks, where something is used or named by them.
_HOMOGRAPHS = word_set("""
    roll sandwich fish whisk bag sink bed light lights lighter clock watch cap skirt note saw screw spring plant slide house
    drill hammer iron brush wrench crane switch button lock step rest truck train car stamp nail shovel rake fan pump
    """)
_ORDERS = word_set("you to please and then kindly now just") | {"could you", "can you", "would you", "will you"}
_COMMANDED = word_set("dip hand strike cancel scrap hug sink plunge aim dress post dice multiply bowl")


def strange_addition(text: EnglishText, out: Decision) -> str:
    """Say what deed, thing or tool a text adds that is not known.

    Args:
        text: the text, a short one.
        out: what it seems to want.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    tokens = text.parse.tokens
    for at, token in enumerate(tokens):
        if token.text == "to" and (deed := _told_to(tokens, at)):
            return f"I do not know how to '{deed}' things"
        if token.text in ("it", "them") and _is_second_deed(tokens, at):
            return f"I do not know how to '{tokens[at - 1].text}' things"
        if token.text in _HOMOGRAPHS and _is_named(tokens, at):
            return f"I do not know '{token.text}'"
        is_ordered = at == 0 or tokens[at - 1].kind == "break" or tokens[at - 1].text in _ORDERS
        if token.text in _COMMANDED and is_ordered and _is_done_to(text, at) and not _is_denied(tokens, at):
            return f"I cannot {token.text} things"
    return _listed(text, out)


def _is_denied(tokens: list[EnglishToken], at: int) -> bool:
    """Whether a negation stands before `at` in its clause."""
    while at > 0 and tokens[at - 1].kind not in ("break", "corr"):
        at -= 1
        if tokens[at].kind == "neg":
            return True
    return False


def _told_to(tokens: list[EnglishToken], at: int) -> str:
    """ "I want you to bake it": the deed after "to"; "" where it is known, or not asked for."""
    who = at - 1
    while who > 0 and tokens[who].text in _SMALL:
        who -= 1
    if who < 1 or not (tokens[who].text in _TOLD or tokens[who].kind == "arm"):
        return ""
    asks = who - 1
    while asks > 0 and (tokens[asks].kind == "side" or tokens[asks].text in ("the", "your", "this", "for", "really")):
        asks -= 1
    if not (tokens[asks].text in _ASKS or tokens[asks].value == "want") or _is_denied(tokens, at):
        return ""
    deed = at + 1
    while deed < len(tokens) and (tokens[deed].text in _SMALL or tokens[deed].text.endswith("ly")):
        deed += 1
    if deed >= len(tokens):
        return ""
    token = tokens[deed]
    is_strange = token.kind == "unknown" or token.value == "cannot" or token.text in UNDOABLE
    is_strange = is_strange or (token.kind == "word" and _names_a_thing(tokens, deed + 1))
    return token.text if is_strange else ""


def _names_a_thing(tokens: list[EnglishToken], at: int) -> bool:
    """ "The green brick", "it": whether a thing of the table follows."""
    ahead = tokens[at : at + 4]
    if ahead and ahead[0].text in ("it", "them"):
        return True
    is_begun = bool(ahead) and ahead[0].text in ("the", "that", "this", "a", "my")
    return is_begun and any(t.kind in ("shape", "color", "thing", "all") for t in ahead[1:])


def _is_second_deed(tokens: list[EnglishToken], at: int) -> bool:
    """ "Lift the cube and shred it"."""
    if at < 2:
        return False
    deed, before = tokens[at - 1], tokens[at - 2]
    is_strange = deed.kind == "unknown" or (deed.kind == "word" and deed.text not in _NO_DEEDS and " " not in deed.text)
    is_strange = is_strange and not (
        deed.text.endswith(("ly", "ing")) or (deed.text.endswith("ed") and len(deed.text) > 5)
    )
    follows = tokens[at + 1] if at + 1 < len(tokens) else None
    is_end = (
        follows is None or follows.kind in ("break", "prep") or follows.text in ("and", "then", "please", "for", "to")
    )
    return is_strange and before.text in _LINKS and is_end and not _is_denied(tokens, at)


def _is_named(tokens: list[EnglishToken], at: int) -> bool:
    """ "Lift the red light", "with the whisk": whether a homograph is a thing here."""
    follows = tokens[at + 1] if at + 1 < len(tokens) else None
    if follows is not None and follows.kind not in ("break", "prep") and follows.text not in ("and", "then", "please"):
        return False
    before = tokens[at - 1] if at else None
    if before is None or _is_denied(tokens, at):
        return False
    if before.kind == "color":
        return at > 1 and (
            tokens[at - 2].text in ("the", "that", "this", "a", "my", "your") or tokens[at - 2].kind == "verb"
        )
    return before.text in ("the", "a", "an", "my") and at > 1 and tokens[at - 2].text in ("with", "using", "by using")


def _is_done_to(text: EnglishText, at: int) -> bool:
    """Whether a verb at `at` has a thing as its object."""
    return any(m.kind in ("object", "pronoun") and m.start == at + 1 and not m.prep for m in text.mentions)


def _listed(text: EnglishText, out: Decision) -> str:
    """ "Pick up the ball and the banana": the thing that is not known; "" without one."""
    tokens = text.parse.tokens
    ends = {m.end for m in text.mentions if m.kind == "object" and not m.is_negated and text.roles.act(m) is not None}
    for end in ends:
        ahead = tokens[end : end + 4]
        is_pair = (
            len(ahead) > 2
            and ahead[0].text in ("and", "plus")
            and ahead[1].text in ("the", "a", "an", "that", "my", "your")
        )
        is_noun = is_pair and (ahead[2].value in ("noun", "concrete") or ahead[2].text in _HOMOGRAPHS)
        if is_noun and (len(ahead) < 4 or ahead[3].kind in ("break", "prep")):
            return f"I do not know '{ahead[2].text}'"
    for m in text.parse.mentions:
        if m.kind != "unknown" or m.is_negated or m.is_side or m.is_dead or not m.start:
            continue
        is_held = tokens[m.start - 1].text == "by" and m.determiner in ("its", "the") and m.start - 1 in ends
        is_joined = is_held or (tokens[m.start - 1].text in ("and", "plus") and m.start - 1 in ends)
        follows = tokens[m.end] if m.end < len(tokens) else None
        is_end = follows is None or follows.kind in ("break", "prep")
        wants = any(a.value in WANTING and a.sentence == m.sentence and a.form != "noun" for a in text.positive)
        if is_joined and is_end and wants and out.slots.get("task"):
            return f"I do not know '{' '.join(m.unknown)}'"
    return ""
