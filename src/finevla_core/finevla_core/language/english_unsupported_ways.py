"""Ways and tools that an English text names and that the robot does not have: one sentence, or "" where there are "
"none."""

import re

from finevla_core.language.english_role_placeholders import in_names
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText

_TOOLS = (
    r"(?:elbow|shoulder|teeth|tooth|mouth|nose|forehead|foot|feet|knee|toe|toes|chin|tongue|lips?|camera|cable|"
    r"knuckles?|torso|"
    r"chest|hips?|magnets?|suction\w*|vacuum|hooks?|string|rope|tongs|tweezers|pliers|chopsticks?|spoon|fork|"
    r"net|glue|tape|lasso|"
    r"straps?|wires?|magic|telekinesis|telepathy|willpower|tail|claws of|leg|legs|ear|ears|eyes?|mind)"
)
_LIMBS = r"(?:wrist|palm|back|base|head|body|outside|knuckle|side)"
_WITH = r"\b(?:with|using|by|use|uses|between) (?:(?:its|the|your|a|an|one|only|just|own|both|some|two|left|right) )*"
_PLACES = (
    r"\b(?:by|at|on|from|around|round) (?:(?:its|the|two|opposite|one|diagonally|four|all|upper|lower|inner|of) )*"
    r"(?:corners?|rim|lid|vertex|vertices|underside|bottom|inside|interior|inner side|diagonals?)\b(?! of (?:BOWL|"
    r"TABLE))"
)
_WAYS = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (rf"{_WITH}(?:ARM )?{_TOOLS}\b", "I have my two-finger grippers only"),
        (rf"{_WITH}{_LIMBS} (?=of ARM|,|\.|;|and (?:lift|put|carry|place|drop))", "I can grasp with my fingers only"),
        (
            r"\b(?:until|till|so that|so hard that|so far that) (?:it|TARGET) (?:\w+ly )?(?:breaks|snaps|bursts"
            r"|cracks|shatters|explodes|"
            r"melts|pops|bends|tears|rips|squeaks|falls (?:off|over|down))\b",
            "I cannot do harm to it",
        ),
        (
            r"\b(?:say|talk|speak|whisper|listen|wave|bow|nod|smile|sing|apologi[sz]e|yell|shout|laugh|wink|stare"
            r"|glare|bark|read)"
            r"(?: (?!that|so)\w+)? (?:to|at|with) TARGET",
            "I cannot talk to things",
        ),
        (r"\bfrom (?:inside|within|the inside)\b", "I cannot come from inside"),
        (
            rf"\b(?:grip|grasp|grab|hold|take|pick|pinch|lift|seize|clasp)\w*\b[^.;]{{0,60}}{_PLACES}",
            "I cannot grip it there",
        ),
        (
            r"\b(?:top and (?:the |its )?bottom|above and (?:from )?below|below and (?:from )?above)\b",
            "I cannot grip from above and below",
        ),
        (
            r"\b(?:at|under|in) (?:an? (?:\w+ )?(?:angle|slant|incline)|\d+ {0,2}(?:degrees|°)|(?:thirty|forty five|"
            r"sixty) degrees)\b",
            "I come straight from above, from the left, from the right or from the far side",
        ),
        (
            r"\b(?:lift|pick|grab|raise|turn|rotate|twist|stack|put|place|drop)\w*\b[^.,;]{0,40}\b(?:twice|thrice|"
            r"(?:two|three|four|five|six|seven|eight|ten|several|many|\d+) times|again and again|repeatedly|over and "
            r"over)\b(?! as| the)",
            "I do a job once: say it again when it is done",
        ),
        (
            r"(?:in|into|inside) BOWL ,? ?(?:and|then|and then|,) (?:then |afterwards |later |again )?(?:take|bring|"
            r"get|fetch|lift|pull|pick) (?:it|TARGET)"
            r"(?: right| straight)? (?:back|out|up)\b(?! of the way)",
            "one thing at a time: say only the first job",
        ),
        (
            r"(?:TARGET|SUPPORT) with (?:(?:a|an|the|some|two|no|its) )?(?:\w+ )?(?:crack|cracks|hole|holes|dents?|"
            r"scratch|scratches|letters?|"
            r"numbers?|stickers?|labels?|dots?|stripes?|spots?|logo|handle|chip|lid|cross|star|smiley|picture|"
            r"pattern|writing|barcode)\b",
            "I tell things by their colour, shape and size only",
        ),
        (r"\b(?:diagonally|cornerwise|catty corner|obliquely)\b", "I cannot come or grip diagonally"),
    )
]


def wrong_way(text: EnglishText, out: Decision) -> str:
    """Say which way or tool of a text the robot does not have.

    Args:
        text: the text.
        out: what it seems to want.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    words = in_names(text, out)
    for pattern, reason in _WAYS:
        for hit in pattern.finditer(words):
            if not re.search(r"\b(?:not|never|no|without|avoid\w*)\b[^.,;]{0,40}$", words[: hit.start()]):
                return reason
    tokens = text.parse.tokens
    for m in text.mentions:
        if m.kind != "finger" or m.is_plural or m.is_negated or m.prep != "with":
            continue
        is_one = any(t.text in ("one", "single", "1") for t in tokens[max(0, m.start - 1) : m.end])
        others = (*tokens[: max(0, m.start - 1)], *tokens[m.end :])
        if is_one and not any(
            t.text in ("one", "other", "another", "second", "each", "either", "every", "per") or t.kind == "finger"
            for t in others
        ):
            return "I grip with both fingers of a hand"
    return ""
