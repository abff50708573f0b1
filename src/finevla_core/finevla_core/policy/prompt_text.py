"""Words of an instruction, and of those before it, as they stand in a policy's prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

from finevla_core.instruction import Instruction

PROMPT_PARTS = ("raw", "fine", "factors")


def parts_text(instruction: Instruction, parts: Sequence[str], separator: str, fallback: bool) -> str:
    """Return the parts of an instruction that are said, in this order; "" for none.

    With `fallback` the fine text, else the raw one, stands in where none of the parts is said.
    """
    texts = {"raw": instruction.raw, "fine": instruction.fine, "factors": instruction.factor_text()}
    said = [text for part in parts if (text := texts[part].strip().rstrip(". "))]
    if not said and fallback:
        said = [text for text in (instruction.fine.strip(), instruction.raw.strip()) if text][:1]
    return separator.join(said)


@dataclass(frozen=True)
class PromptHistory:
    """How earlier instructions stand in a prompt: the newest `most`, oldest first, each by its `parts`.

    `template` has one `{}` for them; `none` stands there where there are none. They have at most `characters` with their
    separators: the oldest are left out, none is cut.
    """

    most: int
    parts: tuple[str, ...]
    separator: str = "; "
    template: str = "{}"
    none: str = ""
    characters: int = 1000

    def text(self, instruction: Instruction, separator: str, fallback: bool) -> str:
        """Return the text of an instruction's history; `separator` and `fallback` are those of the prompt's parts."""
        earlier = (parts_text(one, self.parts, separator, fallback) for one in instruction.history[-self.most :])
        said = [text for text in earlier if text]
        while said and len(self.separator.join(said)) > self.characters:
            said = said[1:]
        return self.template.format(self.separator.join(said)) if said else self.none
