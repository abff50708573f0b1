"""A place among English tokens, and what stands around it."""

from finevla_core.language.english_tokens import EnglishToken


class TokenCursor:
    """Tokens and the index `i` of one; beyond the ends stand breaks without a text."""

    def __init__(self, tokens: list[EnglishToken]) -> None:
        self.tokens, self.i = tokens, 0

    def text(self, offset: int) -> str:
        """Return the text of a token by its distance."""
        at = self.i + offset
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def near(self, offset: int) -> str:
        """Return the kind, by the tables, of a token by its distance."""
        at = self.i + offset
        return self.tokens[at].kind if 0 <= at < len(self.tokens) else "break"
