"""Finds words that a remark may hold without harm where they do harm: as a deed, a tool, a thing to take or a place to go."""

from finevla_core.language.english_mention_roles import is_moving
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import LONG, EnglishText
from finevla_core.language.english_tokens import EnglishToken
from finevla_core.language.english_word_tables import word_set

_STRANGE_AFTER = frozenset(("pick", "put", "throw", "stack", "turn", "clean"))
_PAIRS = ("pair", "set", "couple")
_BEFORE_NOUNS = word_set("the a an its your their this that any each every of my up these both either two some one")
_BEFORE_NAMES = word_set("""
    the a and or but so then now next first second third last finally also only just please still yet again instead rather maybe
    perhaps here there this that ok okay right well yes no hey robot is are be was target object goal task job item thing like
    namely even exactly simply hello hi oh ah um uh hmm up down back over all both it one other either what which than not
    alright
    """)
# What one can do to a thing, and the robot cannot; elsewhere these words only tell of somebody.
UNDOABLE = word_set("""
    inspect examine evaluate assess test monitor observe study analyse analyze investigate research repair fix mend replace
    install
    upgrade update configure program debug reboot restart calibrate recalibrate connect disconnect plug unplug
    photograph film record document describe explain count name rename label mark paint colour color decorate copy print scan
    sell buy lend borrow lose break damage crack dent scratch brush dry dress wear wet warm cool heat freeze squeak
    classify detect track advertise
    arrange rearrange organise organize categorise categorize compare charge recharge christen baptise bless
    """)
_LEADS = word_set("and then , . ; : - ! also please now") | {""}
_GIFTS = word_set("""
    smile flourish grin bang thud click clunk bow swing curve arc sweep twist pause margin gap clearance grip grasp hold touch
    motion movement gesture purpose reason vengeance bit little lot view difference nod wink song whisper spring laugh sigh
    heart
    flick delay offset pinch while certain firm gentle smooth slow quick light soft steady careful detour jerk bump
    """)


def mark_strange(tokens: list[EnglishToken]) -> None:
    """Make unknown what a remark may name, where it is what to take, to use or to go to: "with a clip", "into the kitchen".

    Args:
        tokens: all tokens of the text; their kinds are changed.
    """
    if len(tokens) > LONG:
        return
    for i, token in enumerate(tokens):
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        if token.value != "concrete" or token.kind != "word" or (after is not None and after.text.endswith("ing")):
            continue
        if after is not None and (after.kind in ("table", "arm", "bowl", "post") or after.text in ("on", "off", "'s")):
            continue
        at = i - 1
        while at >= max(0, i - 5) and (
            tokens[at].kind in ("side", "color", "size", "shapeword")
            or tokens[at].text in _BEFORE_NOUNS
            or tokens[at].text in _PAIRS
            or tokens[at].text
            in ("my", "up", "this", "these", "both", "either", "two", "me", "us", "him", "her", "them")
        ):
            at -= 1
        lead = tokens[at] if at >= 0 else None
        if lead is not None and _leads_to_a_thing(tokens, at, after, at < i - 1):
            token.kind = "unknown"


def _leads_to_a_thing(tokens: list[EnglishToken], at: int, after: EnglishToken | None, is_determined: bool) -> bool:
    """Whether what follows a token is taken, used, or where something goes."""
    lead = tokens[at]
    if lead.kind == "shape":
        return not is_determined and not tokens[at + 1].text.startswith("home")  # "the brick house"
    if lead.kind == "verb":
        is_moved = lead.value == "reach" and is_determined and is_moving(lead.text)  # "move the camera over the ball"
        return (lead.value in _STRANGE_AFTER or is_moved) and lead.form != "noun"
    if lead.kind != "prep":
        return False
    if lead.value == "with" or lead.text in ("by", "through"):
        return True
    sentence = next((n for n in range(at, 0, -1) if tokens[n - 1].text in (".", "!", "?")), 0)
    moved = any(t.kind == "verb" and t.value in ("put", "throw", "clean", "stack") for t in tokens[sentence:at])
    return moved and lead.text in ("in", "into", "onto", "on", "inside", "under", "on top of", "upon", "within")


def strange_deed(text: EnglishText, out: Decision) -> str:
    """A word that stands where a verb or a tool would, and that is neither.

    Args:
        text: the text, a short one.
        out: what it seems to want.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    if deed := _instead_of_a_verb(text, out) or _beside_a_verb(text) or _wished(text):
        return f"I do not know how to '{deed}' things"
    tokens = text.parse.tokens
    for i, token in enumerate(tokens[:-2]):
        ends = i + 3 >= len(tokens) or tokens[i + 3].kind == "break"
        is_tool = token.text in ("with", "using") and tokens[i + 1].text in ("a", "an") and tokens[i + 2].kind == "word"
        if is_tool and ends and tokens[i + 2].text not in _GIFTS and " " not in tokens[i + 2].text:
            return f"I do not know '{tokens[i + 2].text}'"
    return ""


def _instead_of_a_verb(text: EnglishText, out: Decision) -> str:
    """The word that stands where the verb would, in a text without any: "inspect the ball"; "" where none does."""
    tokens = text.parse.tokens
    if any(a.form != "noun" and not a.is_side and a.value not in ("be", "see") for a in text.positive):
        return ""
    for m in text.mentions:
        before = tokens[m.start - 1] if m.start else None
        if before is None or not text.is_target(m, out.target) or not m.determiner or m.is_side or m.is_negated:
            continue
        is_small = before.text.endswith("ly") or before.text in _BEFORE_NAMES or " " in before.text
        is_turn = before.text.startswith(("giv", "gave")) and out.slots.get("task") == "turn"
        if before.kind == "unknown" or (before.kind == "word" and not is_small and not is_turn):
            return before.text
    return ""


def _beside_a_verb(text: EnglishText) -> str:
    """ "Lift the cube and inspect it": the second deed; "" without one."""
    tokens = text.parse.tokens
    things = {m.start for m in text.mentions if m.kind in ("object", "pronoun")}
    for i, token in enumerate(tokens[:-1]):
        before = tokens[i - 1].text if i else ""
        if token.kind == "word" and token.text in UNDOABLE and before in _LEADS and i + 1 in things:
            return token.text
    return ""


def _wished(text: EnglishText) -> str:
    """ "I want the cube repaired": the deed; "" where none is wished, or one that is known."""
    tokens = text.parse.tokens
    ends = {
        m.end
        for a in text.positive
        if a.value == "want"
        for m in a.objects
        if m.kind == "object" and m.end < len(tokens)
    }
    done = [tokens[end] for end in ends if tokens[end].kind in ("word", "unknown") and tokens[end].text.endswith("ed")]
    return done[0].text if done and done[0].text not in ("needed", "wanted", "mentioned", "said", "selected") else ""
