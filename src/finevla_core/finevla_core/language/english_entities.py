"""Who is who: links the mentions of one object, gives pronouns and "the other one" what they stand for, lets corrections replace."""

from dataclasses import dataclass, field

from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_parse import Parse

OPPOSITE = {"left": "right", "right": "left"}


@dataclass
class Entity:
    """One object (or group) that the text speaks of."""

    color: str = ""
    shape: str = ""
    size: str = ""
    mentions: list[Mention] = field(default_factory=list)
    is_group: bool = False

    def fits(self, m: Mention) -> bool:
        """Whether nothing of the mention speaks against being this object."""
        pairs = ((self.color, m.colors), (self.shape, m.shapes), (self.size, m.sizes))
        return all(not mine or not theirs or mine in theirs for mine, theirs in pairs)

    def shares(self, m: Mention) -> int:
        """How many properties the mention and the object have in common."""
        pairs = ((self.color, m.colors), (self.shape, m.shapes), (self.size, m.sizes))
        return sum(bool(mine) and mine in theirs for mine, theirs in pairs)

    def take(self, m: Mention) -> None:
        """Add what the mention says."""
        self.color = self.color or (m.colors[-1] if m.colors else "")
        self.shape = self.shape or (m.shapes[-1] if m.shapes else "")
        self.size = self.size or (m.sizes[-1] if m.sizes else "")
        self.mentions.append(m)


class Links:
    """Entities in order of appearance."""

    def __init__(self, parse: Parse) -> None:
        self.parse = parse
        self.entities: list[Entity] = []
        self.last_bowl_or_arm = ""
        self.last_side: dict[str, str] = {}
        for number, m in enumerate(parse.mentions):
            self._link(number, m)

    def _link(self, number: int, m: Mention) -> None:
        self._settle_side(m)
        if m.is_repair:
            self._replace(number, m)
        if m.kind in ("arm", "bowl"):
            self._remember(m)
        elif m.kind == "object":
            self._object(m)
        elif m.kind == "pronoun":
            self._pronoun(number, m)

    def _settle_side(self, m: Mention) -> None:
        """Give "the left one" the kind of what was spoken of, and "the other hand" its side."""
        if m.kind == "side":
            if m.prep in ("with",) or (m.verb == "use" and not m.prep):
                m.kind = "arm"
            elif m.is_one or m.is_other or m.is_negated or m.is_repair or m.prep in ("", "in"):
                m.kind = self.last_bowl_or_arm or ("arm" if not m.prep and m.verb != "turn" else "side")
                if m.verb == "turn" and not (m.is_one or m.is_other or m.is_repair or m.is_negated):
                    m.kind = "side"
        if m.kind in ("arm", "bowl") and m.is_other and not m.side:
            m.side = OPPOSITE.get(self.last_side.get(m.kind, ""), "")

    def _remember(self, m: Mention) -> None:
        self.last_bowl_or_arm = m.kind
        if m.side:
            self.last_side[m.kind] = m.side

    def _replace(self, number: int, m: Mention) -> None:
        earlier = [e for e in self.parse.mentions[:number] if e.kind == m.kind and not e.is_dead and not e.is_negated]
        same = [e for e in earlier if m.prep and e.prep == m.prep]
        if not earlier:
            return
        old = (same or earlier)[-1]
        old.is_dead = True
        if not m.prep and (not m.verb or m.verb_at == old.verb_at or m.verb in ("be", "want")):
            m.prep, m.verb, m.verb_at, m.is_subject = old.prep, old.verb, old.verb_at, old.is_subject
        if m.kind == "object" and not m.shapes:
            m.shapes = list(old.shapes)
        if m.kind == "object" and not m.colors and m.sizes:
            m.colors = list(old.colors)
        for act in self.parse.acts:
            if act.at == m.verb_at and m not in act.objects and not m.prep:
                act.objects.append(m)

    def _object(self, m: Mention) -> None:
        if m.order:
            singles = [n for n, e in enumerate(self.entities) if not e.is_group]
            if len(singles) >= 2:
                m.entity = singles[-2] if m.order == "former" else singles[-1]
                self.entities[m.entity].mentions.append(m)
            return
        if m.is_other and len(self.entities) >= 1 and not (m.colors or m.sizes):
            return
        best, best_shares = -1, 0
        for n, entity in enumerate(self.entities):
            if (
                entity.fits(m)
                and (entity.shares(m) >= max(1, best_shares))
                and not (m.is_plural and not entity.is_group)
            ):
                if self._is_new(m, entity):
                    continue
                best, best_shares = n, entity.shares(m)
        if best >= 0 and (self.entities[best].is_group and not m.is_plural):
            best = -1
        if (
            best < 0
            and not (m.colors or m.shapes or m.sizes)
            and self.entities
            and not m.is_repair
            and m.head in ("object", "thing", "item", "piece", "one", "target", "element", "body", "workpiece", "part")
        ):
            best = self._recent()
        if best < 0:
            self._inherit(m)
            self.entities.append(Entity(is_group=m.is_plural))
            best = len(self.entities) - 1
        self.entities[best].take(m)
        m.entity = best

    def _is_new(self, m: Mention, entity: Entity) -> bool:
        """Whether "a ..." or a bare fragment after an equal one speaks of something new."""
        return m.is_repair and all(e.is_dead for e in entity.mentions)

    def _inherit(self, m: Mention) -> None:
        """ "the blue one" after "the red cube" is a cube; "the big one" after "two red cubes" is red, too."""
        if m.shapes and not self._group(m):
            return
        source = self._group(m) or (
            self.entities[self._recent()]
            if self.entities
            and (m.is_one or m.head in m.colors or (m.colors and not m.shapes and m.head != "thing") or m.sizes)
            else None
        )
        if source is None or m.head in ("thing", "object", "item"):
            return
        if not m.shapes and source.shape:
            m.shapes = [source.shape]
        if not m.colors and m.sizes and source.color:
            m.colors = [source.color]

    def _group(self, m: Mention) -> Entity | None:
        for entity in reversed(self.entities):
            if entity.is_group and entity.fits(m) and not m.is_plural:
                return entity
        return None

    def _recent(self) -> int:
        """The entity mentioned last."""
        return max(range(len(self.entities)), key=lambda n: self.entities[n].mentions[-1].start, default=-1)

    def _pronoun(self, number: int, m: Mention) -> None:
        for earlier in reversed(self.parse.mentions[:number]):
            if earlier.kind == "object" and not earlier.is_dead and earlier.entity >= 0:
                m.entity = earlier.entity
                return
