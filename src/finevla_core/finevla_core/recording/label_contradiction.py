"""Whether an episode's label and an instruction say the same: the label is what the operator says was done, and counts."""

import re

from finevla_core.errors import quoted


def same_words(one: str, other: str) -> bool:
    """Whether two texts are the same but for case, blanks and punctuation."""
    return _letters(one) == _letters(other)


def contradiction(task: str, raw: str, fine: str) -> str:
    """A sentence where the instruction in force is not what the episode's task says; empty if they agree."""
    spoken = [text.strip() for text in (raw, fine) if text.strip()]
    if not task.strip() or not spoken or any(same_words(text, task) for text in spoken):
        return ""
    return f"the instruction in force is {quoted(spoken[0])}, not its task {quoted(task.strip())}: the task counts"


def _letters(text: str) -> str:
    return "".join(re.findall(r"\w+", text.casefold()))
