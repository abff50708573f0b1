"""One object that an English text speaks of, with all that is said of it."""

from dataclasses import dataclass, field

from finevla_core.language.english_mentions import Mention

OPPOSITE = {"left": "right", "right": "left"}


@dataclass
class Entity:
    """One object, or a group of some, that the text speaks of."""

    color: str = ""
    shape: str = ""
    size: str = ""
    mentions: list[Mention] = field(default_factory=list)
    is_group: bool = False
    weight: float = 0.0  # how strongly the text acts on it so far

    def fits(self, m: Mention) -> bool:
        """Whether nothing of the mention speaks against being this object."""
        pairs = ((self.color, m.colors), (self.shape, m.shapes), (self.size, m.sizes))
        return all(not mine or not theirs or mine in theirs for mine, theirs in pairs)

    def shares(self, m: Mention) -> int:
        """How many properties the mention and the object have in common."""
        pairs = ((self.color, m.colors), (self.shape, m.shapes), (self.size, m.sizes))
        return sum(bool(mine) and mine in theirs for mine, theirs in pairs)

    def take(self, m: Mention, weight: float) -> None:
        """Add what the mention says."""
        self.color = self.color or (m.colors[-1] if m.colors else "")
        self.shape = self.shape or (m.shapes[-1] if m.shapes else "")
        self.size = self.size or (m.sizes[-1] if m.sizes else "")
        self.mentions.append(m)
        self.weight += weight

    @property
    def known(self) -> int:
        """How many properties are known of it."""
        return sum(map(bool, (self.color, self.shape, self.size)))

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is known of it."""
        return not (self.color or self.shape or self.size)
