"""The same prompt with one thing said otherwise, for a look at whether a policy listens: arm, colour, approach."""

import re
from collections.abc import Mapping

from finevla_core.language.slots import COLORS

SIDES = {"left": "right", "right": "left", "左": "右", "右": "左"}
ARM = re.compile(r"\b(left|right)(?=[ _-](?:arm|hand|gripper)\b)|([左右])(?=[臂手])")
COLOR = re.compile(rf"\b({'|'.join(COLORS[1:])})\b")
# "From the left" alone: from the left bowl, or from the left arm, something is taken.
APPROACH = re.compile(
    r"\bfrom (above|the (?:top|left|right|front|back|side))(?=\s*(?:$|[,.;，。]|(?:and|then|with|to|until)\b))"
)


def named_arm(prompt: str) -> str:
    """Return the only arm that a prompt names, left or right; "" if it names none or both."""
    named = {found[1] or found[2] for found in ARM.finditer(prompt)}
    names = {"左": "left", "右": "right"}
    return names.get(one := named.pop(), one) if len(named) == 1 else ""


def variants(prompt: str) -> Mapping[str, str]:
    """Return the prompt with another arm, colour and approach, by these names; only those that it speaks of."""
    made = {}
    if named_arm(prompt):
        made["arm"] = ARM.sub(lambda found: SIDES[found[0]], prompt)
    if (found := COLOR.search(prompt)) is not None:
        colors = COLORS[1:]
        other = colors[(colors.index(found[1]) + 1) % len(colors)]
        made["color"] = re.sub(rf"\b{found[1]}\b", other, prompt)
    if (found := APPROACH.search(prompt)) is not None:
        other = "from the front" if found[1] in ("above", "the top") else "from above"
        made["approach"] = APPROACH.sub(other, prompt)
    return made
