"""Who is who: links the mentions of one object, says what "it" and "the other one" stand for, lets corrections replace."""

from finevla_core.language.english_mention_roles import LIFELESS, Roles
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_object_words import THINGS
from finevla_core.language.english_objects import OPPOSITE, Entity
from finevla_core.language.english_parse_types import Act, Cue, Parse

_EMPTY_HEADS = frozenset(THINGS) - {
    "objects",
    "things",
    "items",
    "pieces",
    "elements",
    "bodies",
    "toys",
}


class Links:
    """Entities in order of appearance."""

    def __init__(self, parse: Parse, roles: Roles) -> None:
        self.parse, self.roles = parse, roles
        self.entities: list[Entity] = []
        self.last_kind = ""  # of arm and bowl, the one spoken of last
        self.near_kind = ""  # the same, where it may only say where something lies
        self.last_side: dict[str, str] = {}
        self.last_object: Mention | None = None
        for number, m in enumerate(parse.mentions):
            self._link(number, m)

    def _link(self, number: int, m: Mention) -> None:
        self._settle_side(number, m)
        if m.is_repair and m.kind != "pronoun":
            self._replace(number, m)
        if m.kind in ("arm", "bowl"):
            is_place = m.prep in LIFELESS and (bool(self.last_kind) or not m.side)
            self.near_kind = m.kind
            self.last_kind = self.last_kind if is_place else m.kind
            if m.side:
                self.last_side[m.kind] = m.side
        elif m.kind == "object":
            self._object(number, m)
            if self.last_object is not None and self._is_remark(m):
                return
            if self.last_object is None or not (
                m.is_negated
                or m.prep in LIFELESS
                or self._is_end(m)
                or (m.start and self.parse.tokens[m.start - 1].text == "like")
                or (m.prep == "on" and m.verb not in ("descend", "close", "reach"))
            ):
                self.last_object = m
        elif m.kind == "pronoun" and m.head in ("them", "they") and self._follows_all(number, m):
            m.kind = "all"
        elif m.kind == "pronoun" and self.last_object is not None:
            m.entity = self._other_than_moved(number, m, self.last_object.entity)
            if m.entity >= 0:
                self.entities[m.entity].weight += self.roles.score(m)

    def _other_than_moved(self, number: int, m: Mention, entity: int) -> int:
        """ "The brick is there: put the ball on it": it is not the ball itself."""
        act = self.roles.act(m)
        moved = (
            {o.entity for o in act.objects if o.kind == "object"}
            if act is not None and m.prep in ("on", "over")
            else set()
        )
        before = self.parse.mentions[number - 1] if number else m
        if (
            act is None
            and m.prep in ("on", "over")
            and before.kind == "object"
            and not before.prep
            and before.clause == m.clause
        ):
            moved = {before.entity}  # "red cube on top of it"
        if entity not in moved:
            return entity
        others = [
            e.entity for e in self.parse.mentions[:number] if e.kind == "object" and not e.is_negated and not e.is_dead
        ]
        others = [n for n in others if n >= 0 and n not in moved]
        return others[-1] if others else entity

    def _is_end(self, m: Mention) -> bool:
        """Whether something else is moved there: "move it above the brick"."""
        act = self.roles.act(m)
        moved = [o for o in act.objects if o.kind in ("object", "pronoun") and o is not m] if act is not None else []
        return m.prep in ("over", "to") and bool(moved)

    def _is_remark(self, m: Mention) -> bool:
        """Whether a long text that acts on one thing only names another beside it."""
        last = self.last_object
        entity = self.entities[last.entity] if last is not None and last.entity >= 0 else None
        act = self.roles.act(m)
        is_there = act is not None and act.value == "be"  # "there is a small one as well"
        is_acted_on = entity is not None and entity.weight >= (3 if is_there and not entity.is_group else 4)
        return is_acted_on and len(self.parse.tokens) > 45 and self.roles.score(m) < 1

    def _follows_all(self, number: int, m: Mention) -> bool:
        for earlier in reversed(self.parse.mentions[:number]):
            if earlier.kind in ("object", "all", "finger"):
                return earlier.kind == "all"
        return False

    # ---- sides

    def _repairs_a_way(self, number: int, m: Mention) -> bool:
        """ "turn it left, no, right", "from the left, sorry, the right": the correction is of a way, not of an arm."""
        sided = [e for e in self.parse.mentions[:number] if e.side and not e.is_dead]
        cues = [c for c in self.parse.cues if c.slot == "approach" and c.at < m.start and c.value in OPPOSITE]
        if cues and (not sided or cues[-1].at > sided[-1].start):
            cue = Cue("approach", m.side, m.start, m.sentence, m.clause, cues[-1].verb, is_repair=True)
            self.parse.cues.append(cue)
            m.kind = "part"
            return True
        if sided and sided[-1].kind == "side":
            m.verb, m.verb_at, sided[-1].is_dead = sided[-1].verb, sided[-1].verb_at, True
            return True
        return False

    def _settle_side(self, number: int, m: Mention) -> None:
        """Give "the left one" the kind of what was spoken of, and "the other hand" its side."""
        if m.kind == "side" and m.is_repair and m.side and self._repairs_a_way(number, m):
            return
        before = self.parse.mentions[max(0, number - 6) : number]
        if m.kind == "side" and any(b.kind == "finger" and b.sentence == m.sentence for b in before):
            return
        if m.kind == "side":
            is_named = m.is_one or m.is_other or m.is_negated or m.is_repair
            if (
                m.verb == "turn"
                and m.prep != "with"
                and (not is_named or (m.is_negated and self.last_kind != "arm" and not m.prep))
            ):
                return
            if self._is_direction(number, m, is_named):
                return
            is_bowl = m.is_one and self.last_kind == "bowl" and m.verb == "use" and not m.prep
            if m.prep == "with" or (m.verb == "use" and not m.prep):
                m.kind = "bowl" if is_bowl else "arm"
            elif is_named or (m.prep in ("", "in") and len(self.parse.tokens) < 45):
                m.kind = self.last_kind or (self.near_kind if m.is_one and m.prep == "in" else "")
                m.kind = m.kind or ("arm" if not m.prep else "side")
        if m.kind in ("arm", "bowl") and m.is_other and not m.side:
            m.side = OPPOSITE.get(self.last_side.get(m.kind, ""), "")

    def _is_direction(self, number: int, m: Mention, is_named: bool) -> bool:
        """ "Swing it left, and drop it in the bowl there": where something is moved to."""
        before = self.parse.mentions[number - 1] if number else m
        is_after = before.kind in ("pronoun", "object") and before.end == m.start and before.verb_at == m.verb_at
        is_moved = m.verb in ("put", "reach") and not m.prep and not m.determiner and not is_named
        return is_after and is_moved and any(b.kind == "bowl" for b in self.parse.mentions)

    # ---- corrections

    def _replace(self, number: int, m: Mention) -> None:
        """Let a correction take the place of what it corrects."""
        earlier = [e for e in self.parse.mentions[:number] if not e.is_dead and not e.is_negated]
        ends = [e for e in earlier if e.kind in ("object", "bowl") and e.prep in ("on", "in")]
        if m.kind in ("object", "bowl") and m.prep in ("on", "in") and ends and ends[-1].kind != m.kind:
            earlier = ends[-1:]  # "in the bowl, no, on the brick"
        else:
            earlier = [e for e in earlier if e.kind == m.kind]
        if m.prep == "on":
            earlier = [e for e in earlier if e.prep != ""]
        if not earlier:
            return
        old = ([e for e in earlier if m.prep and e.prep == m.prep] or earlier)[-1]
        old.is_dead = True
        if old.entity >= 0:
            self.entities[old.entity].weight -= 5.0
        if not m.prep and (not m.verb or m.verb_at == old.verb_at or m.verb in ("be", "want")):
            own = self.roles.act(m)
            if own is not None and m in own.objects:
                own.objects.remove(m)
            m.prep, m.verb, m.verb_at, m.is_subject = old.prep, old.verb, old.verb_at, old.is_subject
            act = self.roles.act(m)
            if act is not None and m not in act.objects and not m.prep and not m.is_subject:
                act.objects.append(m)
        if m.kind == old.kind == "object" and not m.shapes:
            m.shapes = list(old.shapes)
        if m.kind == old.kind == "object" and not m.colors and (m.sizes or not m.determiner):
            m.colors = list(old.colors)

    # ---- objects

    def _predicate(self, number: int, m: Mention) -> int:
        """The object of which "which is yellow" or "painted green" speaks; -1 where the mention is none of these."""
        act = self.roles.act(m)
        if (named := self._named_before(number, m)) is not None:
            m.prep, m.verb, m.verb_at, m.is_subject = named.prep, named.verb, named.verb_at, named.is_subject
            return named.entity
        if (
            m.shapes
            and not m.colors
            and act is not None
            and act.value == "be"
            and act.subject is not None
            and not m.is_negated
        ):
            subject = act.subject
            if subject.kind == "pronoun" and subject.entity >= 0 and m in act.objects:
                entity = self.entities[subject.entity]
                return subject.entity if not entity.shape and entity.fits(m) else -1
        if (named_it := self._says_of_it(m, act)) >= 0:
            return named_it
        same = m.determiner and any(t.text == "same" for t in self.parse.tokens[m.start : m.end])
        if (
            m.shapes
            or (m.determiner and not same)
            or m.is_one
            or m.prep
            or m.is_negated
            or m.is_repair
            or not (m.colors or m.sizes)
            or (m.clause_is_bare and not number)
        ):
            return -1
        for earlier in reversed(self.parse.mentions[max(0, number - 6) : number]):
            if (
                earlier.kind == "object"
                and earlier.entity >= 0
                and earlier.sentence == m.sentence
                and not earlier.is_negated
            ):
                entity = self.entities[earlier.entity]
                is_free = not (entity.color if m.colors else entity.size)
                return earlier.entity if is_free and earlier.shapes else -1
        return -1

    def _says_of_it(self, m: Mention, act: Act | None) -> int:
        """The object of which "it is the orange one" says more; -1 where nothing does."""
        subject = act.subject if act is not None and act.value == "be" else None
        if act is None or subject is None or subject.head != "it" or subject.entity < 0 or m not in act.objects:
            return -1
        entity = self.entities[subject.entity]
        is_more = m.is_one and not (m.is_negated or m.is_repair or m.shapes or entity.is_group)
        is_free = not (m.colors and entity.color) and not (m.sizes and entity.size) and bool(m.colors or m.sizes)
        return subject.entity if is_more and is_free else -1

    def _named_before(self, number: int, m: Mention) -> Mention | None:
        """ "The brick, the red one": what a tag says more of; None where the mention is no such tag."""
        before = self.parse.mentions[number - 1] if number else None
        is_tag = (
            (m.is_one or m.determiner == "the")
            and not m.is_repair
            and not m.is_negated
            and bool(m.colors or m.sizes)
            and not m.shapes
        )
        if before is None or not is_tag or before.kind != "object" or before.entity < 0 or before.is_negated:
            return None
        entity = self.entities[before.entity]
        is_free = not (m.colors and entity.color) and not (m.sizes and entity.size) and bool(before.shapes)
        follows = self.parse.tokens[m.end].kind if m.end < len(self.parse.tokens) else "break"
        is_next = m.start == before.end + 1 and self.parse.tokens[before.end].text == "," and follows == "break"
        return before if is_free and is_next and before.prep not in LIFELESS and not before.is_plural else None

    def _object(self, number_: int, m: Mention) -> None:
        if m.order:
            singles = [n for n, e in enumerate(self.entities) if not e.is_group]
            number = singles[-2 if m.order == "former" else -1] if len(singles) >= 2 else -1
            if number < 0:
                return
        else:
            number = self._predicate(number_, m)
            number = number if number >= 0 else self._number(m)
        if m.is_repair and number >= 0 and all(e.is_dead for e in self.entities[number].mentions):
            number = -1
        if number < 0:
            self._inherit(m)
            self.entities.append(Entity(is_group=m.is_plural))
            number = len(self.entities) - 1
        if m.shapes and number_:
            self._share_noun(number_, m)
        m.entity = number
        self.entities[number].take(m, self.roles.score(m))

    def _share_noun(self, number: int, m: Mention) -> None:
        """ "a big and a small green cube": the first takes its noun from the second."""
        before = self.parse.mentions[number - 1]
        is_pair = before.kind == "object" and before.entity >= 0 and not before.shapes and not before.is_one
        if is_pair and before.end == m.start - 1 and self.parse.tokens[before.end].text in ("and", "or", "nor"):
            first = self.entities[before.entity]
            first.shape = first.shape or m.shapes[-1]
            if m.colors and not before.colors:
                first.color = first.color or m.colors[-1]

    def _number(self, m: Mention) -> int:
        """The entity that is meant; -1 for a new one."""
        if not (m.colors or m.shapes or m.sizes):
            is_old = (
                self.entities and not m.is_repair and not m.is_other and m.head in _EMPTY_HEADS and m.determiner != "a"
            )
            is_excluded = m.head == "one" and is_old and self.entities[self._recent()].mentions[-1].is_negated
            return self._recent() if is_old and not is_excluded else self._other(m)
        fitting = [n for n, e in enumerate(self.entities) if e.fits(m) and e.is_group == m.is_plural]
        sharing = [n for n in fitting if self.entities[n].shares(m)]
        if m.determiner in ("a", "an", "another") and not m.is_repair:
            sharing = [n for n in sharing if self.entities[n].shares(m) == self.entities[n].known]
        if sharing:
            return max(
                sharing,
                key=lambda n: (
                    self.entities[n].shares(m),
                    any(not e.is_negated for e in self.entities[n].mentions),
                    self.entities[n].weight > 1,
                    self.entities[n].mentions[-1].start,
                ),
            )
        recent = self._recent()
        if recent in fitting and self._is_same(m, self.entities[recent]):
            return recent
        return -1

    def _other(self, m: Mention) -> int:
        """ "the other one" of two."""
        singles = [n for n, e in enumerate(self.entities) if not e.is_group]
        return singles[-2] if m.is_other and len(singles) >= 2 else -1

    def _is_same(self, m: Mention, recent: Entity) -> bool:
        """Whether a phrase that only adds to the one before it speaks of the same: "the can, the blue one"; "Green. Brick."."""
        last = recent.mentions[-1]
        follows = self.parse.tokens[m.end].kind if m.end < len(self.parse.tokens) else "break"
        is_apart = m.sentence == last.sentence + 1 and m.sentence in self.roles.verbless and follows == "break"
        is_tag = m.clause_is_bare and (not m.determiner or is_apart)  # "Take the cube. The blue one."
        is_bare = m.prep == last.prep == "" and (last.verb_at == m.verb_at or is_tag) and not m.is_subject
        is_part = not m.shapes or not recent.shape
        return (
            is_part
            and is_bare
            and not m.is_negated
            and not last.is_negated
            and m.determiner != "a"
            and m.sentence - last.sentence <= 1
        )

    def _inherit(self, m: Mention) -> None:
        """ "the blue one" after "the red cube" is a cube; "the big one" after "two red cubes" is red, too."""
        source = self._group(m)
        if source is not None and not source.shape and source.color and m.shapes and m.determiner == "the":
            m.colors = m.colors or [source.color]  # "two red objects: take the ball"
        if source is None and self.entities and not m.shapes:
            alike = [
                e.entity for e in self.parse.mentions if e.start < m.start and e.kind == "object" and e.prep == m.prep
            ]
            last = self.last_object.entity if self.last_object is not None and m.is_one else -1
            last = alike[-1] if alike and m.prep in ("on", "over", "in") and m.is_one else last
            source = self.entities[last if last >= 0 else self._recent()]
        if source is None or (m.head in _EMPTY_HEADS and m.head != "one"):
            return
        if not m.shapes and source.shape:
            m.shapes = [source.shape]
        if not m.colors and m.sizes and source.color:
            m.colors = [source.color]

    def _group(self, m: Mention) -> Entity | None:
        for entity in reversed(self.entities):
            if entity.is_group and entity.fits(m) and not m.is_plural and not (entity.is_nothing):
                return entity
        return None

    def _recent(self) -> int:
        """The entity that was mentioned last, or None."""
        return max(range(len(self.entities)), key=lambda n: self.entities[n].mentions[-1].start, default=-1)
