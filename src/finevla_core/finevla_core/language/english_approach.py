"""Tells from which side an open hand comes, where an English text only describes how it moves: "goes past it and back"."""

import re

from finevla_core.language.english_role_placeholders import in_names
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText

_OPPOSITE = {"left": "right", "right": "left"}
_ROBOT = r"(?:the robot|robot|yourself|itself|you|the base|its base|your base|its own base|its own body|the body|home)"
_SIDE = r"(left|right)(?: hand)?(?: side| flank| edge| end| face)?"
_OF = r"(?: of TARGET)"
_TO = r"(?:to|on|at|beside|by|near|towards?|toward|along|against)"
# What is said of a place or of a motion of the hand: kind of event, and how it is said.
_EVENTS = [
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("side", rf"\b{_TO} (?:the |a point |a spot |a place |a position )*{_SIDE}{_OF}"),
        ("side", rf"\b{_TO} (?:its|TARGET) {_SIDE}\b(?! ARM| BOWL)"),
        ("side", r"\b(left|right) of TARGET"),
        ("side", rf"\b{_TO} (?:the )?{_SIDE} of OTHER(?=[^.]*\bTARGET)"),
        ("side", rf"\b(?:TARGET[ ,]+on its|(?:beside|next to) TARGET[ ,]+on (?:its|the)) {_SIDE}\b(?! ARM| BOWL)"),
        ("far", r"\b(?:beyond|behind|past|in back of|on the far side of|the far side of|the back of|the other side of) TARGET"),
        ("far", r"\b(?:to|on|at|for|heads for|beyond|behind|along) (?:its|the|that|TARGET) (?:far|distant|other|"
                r"remote|rear|outer) (?:side|end|face|edge)\b"
                r"(?! of (?!TARGET))"),
        ("far", r"\bthe (?:side|face|end|edge)(?: of TARGET)?(?: that is| which is| that)? "
                r"(?:faces away|facing away|turned away|pointing away|away|farthest|furthest|opposite)\b"),
        ("far", r"\b(?:at|to) the (?:front|rear) of TARGET\b"),
        ("far", r"\bpast it\b|\bpasses TARGET\b|\bpassing TARGET\b|\bovershoots TARGET\b"),
        ("above", r"\b(?:above|over|directly above|right above|straight above|just above|just over|directly over|centred over|"
                  r"exactly above|exactly over|right over|high above|high over|on top of|straight over|straight above) TARGET"),
        ("back", rf"\bback (?:to|towards|toward|in the direction of) (?:ARM|{_ROBOT})\b|\b(?:nearer|closer) to {_ROBOT}\b"),
        ("back", rf"\b(?:moves?|moved|moving|draws?|drawn|drawing|pulls?|pulled|pulling|slides?|slid|sliding|"
                 rf"comes?|coming|travels?|"
                 rf"retreats?|returns?|brought|bring|brings)(?: \w+){{0,3}} (?:towards?|toward) {_ROBOT}\b"),
        ("back", r"\b(?:comes?|came|coming|moves?|moved|draws?|drawn|pulls?|pulled|slides?|slid|is brought|"
                 r"brought|drifts?) back\b"),
        ("heading", r"\b(left|right)wards?\b"),
        ("heading", r"\b(?:to|towards?|toward) the (left|right)\b(?! ?(?:of|hand|side|BOWL|ARM|edge|face|end|flank)\b)"),
        ("heading", r"\b(?:moves?|moving|slides?|sliding|goes|going|go|travels?|glides?|"
                    r"advances?) (?:\w+ly )?(left|right)\b(?! of)"),
        ("down", r"\b(?:descends?|descended|descending|sinks?|sank|sinking|plunges?|dips?|dipped|dives?)\b(?! (?:by|to) )"),
        ("down", r"\blower(?:s|ed)? TARGET ?(?:,|and|\.) (?:and |then )*(?:clos|shut|grip|grasp|clamp|pinch)"),
        ("down", r"\bdown (?:you|it|we|she|he|they|ARM) (?:come|comes|go|goes|came|went|sinks?)\b"),
        ("down", r"\b(?:comes?|came|coming|goes|go|going|went|drops?|dropped|moves?|moved|straight|lets?|bring|"
                 r"brings|brought|pushed|"
                 r"glides?|travels?|eases?|eased|settles?|settled|slides?|floats?|heads?|vertically|right)"
                 r"(?: (?:vertically|slowly|gently|straight|right|\w+ly|ARM|FINGERS|it|them))* "
                 r"(?:down|downwards?|vertically|vertically down|straight down)\b"),
        ("down", r"\b(?:down|downwards?|vertically|settles?|settled|drops?|dropped) (?:\w+ly )?"
                 r"(?:on|onto|over|around|to|upon|down on|down onto|down over|down to|round) TARGET"),
        ("down", r"\b(?:lowers?|lowered|lowering)(?: (?:ARM|FINGERS|itself|it|them|the|its|open|hand))*(?! TARGET)"
                 r"(?= (?:on|onto|over|around|to|until|till|down|vertically|slowly|gently|so|far|by|straight|"
                 r"upon|,|\.|and|\w+ly))"),
    )
]  # fmt: skip
_GRIPS = re.compile(
    r"\b(?<!pre )(?:closes?|closing|shuts?|squeezes?|clamps?|tightens?|clenches|grips?|grasps?|pinch|pinches|bites?|"
    r"clasps?|clutch(?:es)?|"
    r"(?<!fully )(?<!is )(?<!and )closed|takes? hold|gets? hold|seizes?|(?:after|having|once) (?:grasp|grip|grabb|seiz)\w+)\b"
    r"(?! (?:to|by|distance|the distance|in))"
)
_CLOSES = ("close", "closing", "shut", "squeeze", "clamp", "tighten", "clench", "bite")
_LIFTS = re.compile(
    r"\b(?:lifts?|lifted|raises?|raised|rises?|rose|hoists?|hoisted|carries|carry|carried|picks?|picked)\b"
)
_GOES = re.compile(
    r"\b(?:am|go|goes|going|went|mov\w+|travel\w*|glid\w+|reach\w*|exten\w+|stretch\w*|swing\w*|swung|br[io]\w+|"
    r"position\w*|steer\w*|"
    r"sen[dt]s?|guid\w+|slid\w*|gets?|drives?|driven|drift\w*|float\w*|lower\w*|sinks?|descend\w*|comes?|coming|"
    r"came|tak\w+|led|"
    r"direct\w*|plac\w+|flies|circl\w+|pass\w*|start\w*|head\w*|dips?|sets?|put|arriv\w+|begin\w*|stops?|aim\w*|runs?|settl\w+|"
    r"land\w*|approach\w*|advanc\w*|lines?|lined|nears?|hover\w*|wait\w*|stays?|retreat\w*|enter\w*|meets?|touch\w*|opens?|"
    r"parks?|halts?|drops?|eas\w+|draw\w*|pull\w*|wander\w*|follow\w*|leav\w+|appears?|creep\w*|sneak\w*|navigat\w*)\b"
)
_STATIC = re.compile(r"(?:\b(?:OTHER|SUPPORT|BOWL|POST|TARGET|which|that|there|THING)\b[^,.;]{0,25}\b(?:is|are|"
                     r"lies|lying|stands?|standing|sits?|"
                     r"sitting|was|were|rests|resting|located|placed|remains|stays)|\bOTHER)\b[^,.;]{0,12}$")  # fmt: skip
_PARTED = re.compile(r"\b(?:FINGERS|one|other|another|each|both|pads?)\b")
_OPEN_HAND = re.compile(
    r"\b(?:with )?(?:its |the |both )?(?:open|opened|spread|parted) FINGERS\b"
    r"|\bFINGERS (?:wide |well )?(?:open|apart|spread|parted|opened)\b"
)
_DENIED = re.compile(r"\b(?:not|never|without|no|nor|neither|avoid\w*|instead)\b")
_AWAY = re.compile(
    r"\b(?:BOWL|OTHER|SUPPORT|POST|lift\w*|rais\w+|carr\w+|withdraw\w*|retract\w*|turns?|turned|rotat\w+|home|rest\w*)\b"
)


_LEAVES = re.compile(
    r"\b(?:leav\w+|left|from|out of) (?:its |the |your )?(?:home|rest\w*)(?: position| pose| place| corner)?\b"
)


_MARGIN = 60  # letters: what stands behind the grip may still belong to what is said before it
_BACK = 150  # letters: bounds the time for a clause without end


def way_of_coming(text: EnglishText, out: Decision) -> str:
    """Read the motion of the open hand up to its grip.

    Args:
        text: the text.
        out: what is decided so far, with the target.

    Returns:
        The side that the hand comes from; "" where no motion tells it.
    """
    if out.target is None:
        return ""  # how many things are cleared away says nothing of each
    words = in_names(text, out)
    end = _end(words)
    events = _events(words, end)
    at = way = ""
    for place, kind, side in events:
        if place >= end:
            break
        at, way = _next(
            at, way, kind, side, words[place : words.find(" . ", place) if " . " in words[place:] else None]
        )
    return way


def _next(at: str, way: str, kind: str, side: str, rest: str) -> tuple[str, str]:
    """Where the hand is and from where it comes, after one more event; `rest` is what follows in its sentence."""
    if kind == "side":
        return side, side
    if kind == "far":
        return "far", "front"
    if kind == "above":
        return "above", "top" if way == "top" else ""
    if kind == "back":
        return at, "front" if at in ("far", "above") else way
    if kind == "heading":
        is_onto = at == _OPPOSITE[side] or re.search(
            r"\b(?:until|till|onto|between|TARGET|enclos\w+|touch\w*)\b", rest[:120]
        )
        return (
            ("", _OPPOSITE[side]) if is_onto and " above" not in rest[:60] and " over " not in rest[:60] else (at, way)
        )
    if kind == "down":
        is_beside = at in ("left", "right", "far") and not re.search(
            r"^\W*[\w ]{0,40}\b(?:on|onto|over|around|upon) TARGET", rest
        )
        return (at, way) if is_beside else ("above", "top")
    return at, way


def _events(words: str, until: int) -> list[tuple[int, str, str]]:
    found: dict[int, tuple[str, str, int]] = {}
    for kind, pattern in _EVENTS:
        for hit in pattern.finditer(words, 0, until + _MARGIN):
            side = next((group for group in hit.groups() if group), "")
            start = max(words.rfind(sign, 0, hit.start()) for sign in (" , ", " . ", " ; ", " : ", " - ")) + 1
            clause = words[max(0, start, hit.start() - _BACK) : hit.start()]
            begin = max(words.rfind(sign, 0, hit.start()) for sign in (" . ", " ; ")) + 1
            if not clause.strip(" ,"):  # "..., and the other goes in front, on the far side"
                clause = words[max(begin, hit.start() - 60) : hit.start()]
            sentence = words[max(begin, hit.start() - 2 * _BACK) : hit.end()]
            if _is_of_hand(kind, clause, sentence, words[hit.end() : hit.end() + 40]):
                found.setdefault(hit.start(), (kind, side, hit.end()))
    events: list[tuple[int, str, str]] = []
    last = 0
    for place in sorted(found):
        kind, side, end = found[place]
        if place >= last:
            events.append((place, kind, side))
            last = end
    return events


def _is_of_hand(kind: str, clause: str, sentence: str, after: str) -> bool:
    """Whether a place or a motion is one of the whole hand, as far as the clause before it tells."""
    clause = _LEAVES.sub("", clause)
    if _DENIED.search(clause) or _STATIC.search(clause) or _AWAY.search(clause):
        return False
    clause = _OPEN_HAND.sub("", clause)
    if kind == "side" and re.search(r"\b(?:left|right)(?: side)? (?:and|or)(?: \w+){0,2} ?$", clause):
        return False  # "which lie to the left and to the right of it"
    if kind in ("side", "far", "heading") and (
        _PARTED.search(clause) or re.match(r" (?:and|or)\b[^.,]{0,20}\b(?:left|right)\b", after)
    ):
        return False
    if kind == "far" and (_PARTED.search(after[:30]) or " POST " in sentence):
        return False
    if kind in ("side", "far", "above", "heading") and not _GOES.search(sentence):
        return False
    return not (
        kind in ("heading", "down", "far") and re.match(r"[\w ]{0,16}\b(?:BOWL|OTHER|SUPPORT|POST|TABLE)\b", after)
    )


def _end(words: str) -> int:
    """Where the hand grips; without a word of it, where it lifts, after the first sentence, which may sum up."""
    summary = words.find(" . ")
    for hit in _GRIPS.finditer(words):
        if hit.start() > summary or hit[0].startswith(_CLOSES):
            return hit.start()
    lift = _LIFTS.search(words, summary if 0 <= summary < len(words) - 4 else 0)
    return lift.start() if lift is not None else len(words)
