"""An English text with everything that was made of it: clauses, roles, objects, and what is wanted."""

from finevla_core.language.english_ambiguous_verbs import settle
from finevla_core.language.english_coreference import Links
from finevla_core.language.english_mention_roles import Roles, is_mover
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_objects import Entity
from finevla_core.language.english_parse_types import Act, Parse
from finevla_core.language.english_word_tables import word_set

LONG = 45  # tokens; above, a text describes motions in steps
_POSES = word_set("there here still this that its position pose steady station")
WANTING = word_set("pick put throw stack turn clean reach descend close open cannot squeeze")


class EnglishText:
    """A text with everything that was made of it."""

    def __init__(self, parse: Parse) -> None:
        self.parse = parse
        self.words = " ".join(t.text for t in parse.tokens)
        with_verb = {a.clause for a in parse.acts if a.form != "noun"}
        for m in parse.mentions:
            m.clause_is_bare = m.clause not in with_verb
        settle(parse)
        self.roles = Roles(parse)
        self.links = Links(parse, self.roles)
        self._hands = self._pronouns_of_hands()
        self.is_long = len(parse.tokens) > LONG
        self.mentions = [m for m in parse.mentions if not m.is_dead]
        ends = [parse.tokens[end - 1].text for _, end in parse.sentences]
        asking = {
            number
            for number, end in enumerate(ends)
            if end == "?" and ((self.is_long and not self._is_request(number)) or self._is_answered(number))
        }
        acts = [a for a in parse.acts if not a.is_negated and not a.is_hypothetical]
        self.positive = [a for a in acts if a.sentence not in asking]
        self._negated_clauses = {c.clause for c in parse.cues if c.is_negated}
        for act in parse.acts:
            act.objects = [m for m in act.objects if not m.is_negated and not m.is_dead]
            self._settle(act)
            self._focus(act)
            if act.value == "put" and self._goes_up(act):
                act.value = "pick"
        self.wanting = self._wanting()
        self._mark_statements()
        self._orphans()

    def _is_answered(self, number: int) -> bool:
        """ "Lift the cube? No, ...": what is asked is taken back."""
        start = self.parse.sentences[number][1]
        return start < len(self.parse.tokens) and self.parse.tokens[start].text in ("no", "nope", "nah", "oh no")

    def _is_request(self, number: int) -> bool:
        """ "So would you take it and lift it?"."""
        start, end = self.parse.sentences[number]
        words = " " + " ".join(t.text for t in self.parse.tokens[start:end])
        return any(f" {asks} you " in words for asks in ("would", "could", "can", "will")) and not any(
            f" {asks} " in words for asks in ("what", "why", "how", "who", "when", "where", "which")
        )

    def _settle(self, act: Act) -> None:
        """Give verbs of several kinds the one that their objects call for."""
        has_thing = any(self.is_thing(m) for m in act.objects)
        if act.value == "reach" and is_mover(act) and has_thing:
            act.value = "put"
        if act.value == "state" and act.is_command and act.text in ("stand", "sit", "lie") and has_thing:
            act.value = "put"
        if act.text == "keep" and has_thing and any(m.kind == "bowl" and m.verb_at == act.at for m in self.mentions):
            act.value = "put"  # "keep the brick in the left bowl"
        if act.text in ("keep", "keeps", "kept") and not act.is_negated and (value := self._keeps(act, has_thing)):
            act.value = value
            for m in self.mentions:
                m.verb = value if m.verb_at == act.at else m.verb
        if act.value == "stack" and act.text.startswith("rest") and not has_thing:
            act.value = "state" if act.subject is not None and self.is_thing(act.subject) else "wait"
            for m in self.mentions:
                m.verb = act.value if m.verb_at == act.at else m.verb

    def _keeps(self, act: Act, has_thing: bool) -> str:
        """ "Keep the cube on the brick": it is put there; "keep the gripper over the can": it goes there."""
        ruled = [m for m in self.mentions if m.verb_at == act.at and not m.is_negated]
        if has_thing and any(m.kind == "object" and m.prep == "on" for m in ruled):
            return "put"
        is_hand = bool(act.objects) and all(m.kind == "arm" for m in act.objects)
        return "reach" if is_hand and any(m.kind == "object" and m.prep == "over" for m in ruled) else ""

    def _wanting(self) -> set[int]:
        """Numbers of the sentences that want something."""
        wanting = {a.sentence for a in self.positive if a.value in WANTING and a.form != "noun"}
        wanting |= {a.sentence for a in self.positive if a.value == "use" and a.is_command}
        wanting |= {a.sentence for a in self.positive if a.value == "want" and any(self.is_thing(m) for m in a.objects)}
        bowls = {m.sentence for m in self.mentions if m.kind == "bowl" and m.prep == "in" and not m.is_side}
        for m in self.mentions:
            act_ = self.roles.act(m)
            if m.kind == "all" and not m.is_side and m.sentence in bowls:
                wanting.add(m.sentence)
            if act_ is not None and act_.value == "wait" and m.prep in ("over", "on", "to") and self.is_thing(m):
                wanting.add(m.sentence)
        for act in self.positive:
            if act.subject is not None and self.is_thing(act.subject) and self.roles.score(act.subject) >= 4:
                wanting.add(act.sentence)
        strange = {u.clause for u in self.parse.unknown if not u.is_aside}
        strange_sentences = {u.sentence for u in self.parse.unknown if not u.is_aside and not u.is_side}
        bare = {
            m.sentence
            for m in self.mentions
            if m.sentence in self.roles.verbless
            and m.kind in ("object", "all")
            and m.clause not in strange
            and not m.is_side
        }
        return wanting | (bare - strange_sentences)

    def _mark_statements(self) -> None:
        """Find the clauses that only say how things are: "the music is too loud"."""
        says = {a.clause for a in self.parse.acts if a.value in ("be", "state", "happen")}
        does = {a.clause for a in self.parse.acts if a.value in WANTING | {"use", "want"} and a.form != "noun"}
        for unknown in self.parse.unknown:
            unknown.is_statement = bool(self.wanting) and unknown.clause in says - does
        for m in self.parse.mentions:
            m.is_side = m.is_side or (bool(m.unknown) and bool(self.wanting) and m.clause in says - does)

    def is_thing(self, m: Mention) -> bool:
        """Whether a mention is an object of the table, or stands for one."""
        return m.kind == "object" or (m.kind == "pronoun" and m.entity >= 0 and not self.is_hand(m))

    def is_hand(self, m: Mention) -> bool:
        """Whether a pronoun stands for an arm: the one named last before it."""
        return m.start in self._hands

    def _pronouns_of_hands(self) -> set[int]:
        """Places of the pronouns before which in their sentence an arm was named last."""
        found: set[int] = set()
        last: Mention | None = None
        for m in self.parse.mentions:
            if m.kind in ("object", "arm"):
                last = m
            elif last is not None and last.kind == "arm" and not last.prep and last.sentence == m.sentence:
                found.add(m.start)
        return found

    def entity(self, m: Mention) -> Entity | None:
        """The object that a mention stands for."""
        return self.links.entities[m.entity] if m.entity >= 0 else None

    def is_target(self, m: Mention | None, target: Entity | None) -> bool:
        """Whether a mention stands for the target."""
        return m is not None and m.entity >= 0 and self.links.entities[m.entity] is target

    def _focus(self, act: Act) -> None:
        """ "Do not grab it from above": it is the way that is excluded, not the deed."""
        if (
            not act.is_negated
            or act.value not in ("pick", "put", "stack", "turn", "reach")
            or act.clause not in self._negated_clauses
        ):
            self._focus_side(act)
            return
        cues = [c for c in self.parse.cues if c.is_negated and c.clause == act.clause and c.at > act.at]
        about = [m for m in self.mentions if m.verb_at == act.at and m.kind in ("object", "pronoun") and m.is_negated]
        if cues and about and not self.is_long:
            act.is_negated = False
            for m in about:
                m.is_negated = False
            act.objects += [m for m in about if not m.prep]
            self.positive.append(act)

    def _focus_side(self, act: Act) -> None:
        """ "You should not turn the dial left": it is the way that is excluded."""
        if not act.is_negated or act.value != "turn" or self.is_long:
            return
        sides = [m for m in self.mentions if m.kind == "side" and m.verb_at == act.at and m.is_negated]
        things = [m for m in self.mentions if m.verb_at == act.at and m.kind in ("object", "pronoun") and not m.prep]
        if sides and things:
            act.is_negated = False
            for m in things:
                m.is_negated = False
            act.objects += [m for m in things if m not in act.objects]
            self.positive.append(act)

    def _goes_up(self, act: Act) -> bool:
        """ "bring it up" is to lift it."""
        tokens = self.parse.tokens
        end = act.at + 1
        while end < len(tokens) and end < act.at + 7 and tokens[end].kind not in ("break", "prep", "verb"):
            if tokens[end].text in ("up", "upwards", "upward"):
                return act.text not in ("set", "put", "place", "lay") and any(self.is_thing(m) for m in act.objects)
            end += 1
        return False

    def _denied_before(self, act: Act) -> list[Mention]:
        """ "Do not take the ball with the left, take with the right": the object of the like verb that is excluded."""
        follows = self.parse.tokens[act.at + 1 : act.at + 2]
        like = [a.at for a in self.parse.acts if a.is_negated and a.value == act.value and a.at < act.at]
        if not like or [t.text for t in follows] not in (["with"], ["using"], ["by"], ["from"]):
            return []
        return [m for m in self.mentions if m.verb_at == like[-1] and m.kind == "object" and not m.prep]

    def _orphans(self) -> None:
        """Give a verb without an object the one it means: "it is the can that you must lift"."""
        if self.is_long:
            return
        for act in self.positive:
            is_telegram = (
                act.value == "pick" and len(self.parse.tokens) <= 16 and all(m.kind == "arm" for m in act.objects)
            )
            is_led = bool(act.objects) and not is_telegram  # "yellow ball lift left arm"
            if act.value not in ("pick", "put", "stack") or act.form == "noun" or is_led:
                continue
            is_wanted = (
                act.value == "pick" and act.form == "base" and not act.is_passive
            )  # "the can is what you shall lift"
            if act.subject is not None and self.is_thing(act.subject) and not is_wanted:
                continue
            if act.text == "hold" and any(a.value == "reach" and a.is_command for a in self.positive):
                continue  # "reach, hold": it is the hand that holds still
            follows = self.parse.tokens[act.at + 1 : act.at + 2]
            if act.text.startswith("hold") and follows and follows[0].text in _POSES:
                continue
            near = [
                m
                for m in self.mentions
                if m.sentence == act.sentence and m.kind == "object" and not m.is_negated and not m.prep
            ]
            near = [
                m
                for m in near
                if (owner := self.roles.act(m)) is None
                or owner.value in ("be", "wait", "state", "see", "want")
                or owner is act
            ]
            near = near or self._denied_before(act)
            before = [m for m in near if m.start < act.at]
            after = [m for m in near if m.start > act.at]
            if before or after:
                m = before[-1] if before else after[0]
                m.verb, m.verb_at, m.is_subject, m.is_side, m.is_negated = act.value, act.at, False, False, False
                act.objects.append(m)
