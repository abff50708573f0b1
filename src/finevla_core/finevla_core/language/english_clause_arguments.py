"""What each verb, cue and mention of an English text takes from the clause that it stands in."""

from finevla_core.language.english_ambiguous_words import Context
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_noun_phrase_words import PARTS
from finevla_core.language.english_parse_types import Act, Cue, Parse
from finevla_core.language.english_token_cursor import TokenCursor
from finevla_core.language.english_tokens import EnglishToken
from finevla_core.language.english_word_tables import word_set

AUXILIARY = word_set("is are was were be been being am gets get got")
_DEEDS = word_set("pick put stack reach turn clean throw")
_RUN_ON_FROM = frozenset(("object", "arm", "post", "bowl", "pronoun"))
_RUN_ON = _DEEDS | {"squeeze", "use"}
_REPORTED = _DEEDS | {"cannot", "squeeze", "open", "close"}
_MODAL = word_set("should must shall ought to will has needs")
_BEFORE_BASE = word_set("""
    to you i we they not do does did can could must should shall will would may might and or able the a
    """)
_GOES = word_set("go take move pass swing fly carry bring")
_PERSONS = word_set("i we he she they somebody someone nobody everybody who whoever")
_PEOPLE = word_set("""
    niece nephew granny grandma grandpa uncle aunt cousin mum dad mom son daughter boss client customer manager
    supervisor technician student professor teacher neighbour doctor nurse officer chef granddad wife husband mother
    father friend colleague guest visitor guy kid child boy girl roommate operator people cat dog
    """)
_WHILE = word_set("while when whenever because as since until till before after where once if although though whilst")
_WISHES = word_set("rather sooner wish prefer love like if appreciate")
_BESIDE = word_set("right over just down lying lies standing stands sitting sits located resting rests placed out")
_LYING = word_set(
    "lying lies lie lay standing stands stood sitting sits resting rests placed oriented orientated turned"
)
_MEANT = frozenset(("i mean", "i meant", "i should say", "i mean to say", "rather", "sorry"))
_LINKS = word_set("that which should must shall has have to needs will is be ought can may only you i we")


class Steps(TokenCursor):
    """The state of a walk through the tokens, and what a verb, a cue and a mention make of it."""

    def __init__(self, tokens: list[EnglishToken]) -> None:
        super().__init__(tokens)
        self.parse = Parse(tokens)
        self.context = Context(tokens)
        self.sentence = self.clause = self.start = 0
        self.last_side = ""
        self.repair_at = 0
        self._new_sentence()

    def _new_sentence(self) -> None:
        self.prep = ""
        self.act: Act | None = None
        self.subject: Mention | None = None
        self.main_act: Act | None = None  # the verb that it interrupts
        self.main: Mention | None = None  # subject that a relative clause interrupts
        self.negates_once = self.polite = self.negates_list = False
        self.negated = self.side = self.hypothetical = self.repair = self.conditional = False
        self.negated_acts = self.since_negation = 0
        self.fresh = True  # at the start of a clause

    def _verb(self, token: EnglishToken) -> None:
        last = self.parse.mentions[-1] if self.parse.mentions else None
        is_way = token.text in _GOES and self.near(1) == "prep" and self.tokens[self.i + 1].value in ("over", "round")
        if self.repair and not self.negated and token.form == "base" and token.value in _DEEDS and not is_way:
            self._take_back()
        if (
            self.negated
            and token.form == "base"
            and self.parse.acts
            and self.text(-1) not in ("and", "or", "to", "not")
        ):
            last_act = self.parse.acts[-1]
            if last_act.is_negated and last_act.form == "ing" and last_act.clause == self.clause:
                self.negated = False  # "instead of going straight go around it"
        self._begin_command(token, last)
        act = self._new_act(token, last)
        if last is not None and last.kind == "object" and self._leads_from(last):
            act.subject = last
            if not self._is_auxiliary(act):
                last.verb, last.verb_at, last.is_subject = act.value, self.i, True
        subject = self.subject
        is_free = subject is not None and not subject.is_subject and not act.is_command and token.form != "noun"
        is_lying = token.form == "ing" and act.value in ("state", "wait") and last is subject and not act.is_passive
        is_lying = is_lying and last is not None and last.end == self.i
        is_end = (
            act.value == "be"
            and act.is_modal
            and self.near(1) == "prep"
            and self.tokens[self.i + 1].value in ("in", "on")
        )
        if subject is not None and is_free and (is_end or not self._is_auxiliary(act)) and not is_lying:
            subject.verb, subject.verb_at, subject.is_subject = act.value, self.i, True
        if self.text(1) in ("nothing", "none") and self.text(2) not in ("but", "except", "other", "else", "more"):
            act.is_negated = True
        if act.is_command and token.value == "use":
            self.subject = None
        self.parse.acts.append(act)
        if self._is_reduced(act, last):
            act.value = "state" if act.value == "put" else act.value
        elif token.form != "noun":
            self.act = act
        if self.negated:
            self.since_negation += 1
            self.negated_acts += 1
        self.prep, self.fresh = "", False
        self.i += 1

    def _begin_command(self, token: EnglishToken, last: Mention | None) -> None:
        """Begin a clause where a command follows another clause without a comma."""
        if self._is_run_on(token, last):
            self.negated, self.subject, self.fresh = False, None, True
            self.clause += 1
        if self._ends_condition(token):
            self.side = self.hypothetical = self.conditional = False
            self.subject, self.fresh = None, True
            self.clause += 1

    def _is_run_on(self, token: EnglishToken, last: Mention | None) -> bool:
        """ "Dont take the blue can take the green can": another command right after what is not to be done."""
        act = self.act
        if (
            act is None
            or last is None
            or not (self.negated and act.is_negated and act.form == "base" and act.subject is None)
        ):
            return False
        is_deed = token.form == "base" and token.value in _RUN_ON and act.value in _RUN_ON
        is_next = last.end == self.i - (
            self.text(-1) in ("just", "only", "simply", "instead", "rather", "please", "better")
        )
        return is_deed and last.kind in _RUN_ON_FROM and is_next and last.verb_at == act.at

    def _ends_condition(self, token: EnglishToken) -> bool:
        """ "If the bowl is full put the ball ...": a command without a comma before it."""
        if not self.side:
            return False
        is_told = self.conditional if self.act is None else self.act.value == "be" and self.act.is_side
        is_told = is_told and (self.act is None or self.act.clause == self.clause)
        is_command = token.form == "base" and token.value in ("pick", "put", "stack", "turn", "clean")
        return is_told and is_command and self.near(-1) == "word" and self.text(-1) not in _BEFORE_BASE

    def _take_back(self) -> None:
        """Drop what was to be done before a correction."""
        for earlier in self.parse.acts:
            is_near = earlier.sentence >= self.sentence - 1
            if is_near and not earlier.is_repair and earlier.value in _REPORTED:
                earlier.is_negated = earlier.is_dropped = True

    def _new_act(self, token: EnglishToken, last: Mention | None) -> Act:
        act = Act(token.value, token.text, token.form, self.i, self.sentence, self.clause)
        act.is_negated, act.is_side, act.is_repair = self.negated, self.side, self.repair
        act.is_passive = token.form == "ed" and any((self.text(-n).split() or [""])[-1] in AUXILIARY for n in (1, 2, 3))
        is_many = self.subject is not None and self.subject.is_plural
        act.is_command = self.fresh and token.form == "base" and not is_many
        act.is_hypothetical, act.subject = self.hypothetical, None if act.is_command else self.subject
        wants = self.act is not None and self.act.value in ("want", "see", "be", "pick") and last in self.act.objects
        if wants and token.form == "ed" and not act.is_passive and last is not None and last.end == self.i:
            act.is_passive, act.subject = True, last  # "I want the ball lifted"
        if self.act is not None and self.act.value == "want" and token.form == "ing" and self.act.at == self.i - 1:
            act.is_passive = True  # "the small one wants putting in the bowl"
            if self.subject is not None:
                self.subject.is_subject = False
        act.is_modal = any(self.text(-n) in _MODAL for n in (1, 2, 3))
        is_past = token.form == "ed" or token.text in ("put", "set", "cast")
        by_somebody = self.text(-1) in _PERSONS or (
            self.text(-1) == "you" and token.form == "ed" and not self.polite and self.text(-2) not in _WISHES
        )
        by_somebody = (
            by_somebody
            or self.text(-1) in _PEOPLE
            or (last is not None and last.kind == "unknown" and last.end == self.i)
        )
        if act.value in _REPORTED and is_past and not act.is_passive and (by_somebody or self._is_perfect()):
            act.is_hypothetical = True  # a report
        before = ["", "", *f"{self.text(-2)} {self.text(-1)}".split()][-2:]
        is_own = before[1] in _PERSONS and before[0] in _WHILE
        if is_own and act.value in _REPORTED and token.form in ("base", "s"):
            act.is_hypothetical, act.is_command = True, False  # "while I hold the table"
        if token.text == "have" and act.is_command and before[1] not in _PERSONS:
            act.value = "want"
        return act

    def _is_perfect(self) -> bool:
        """Whether somebody who is no part of the scene "has put" something somewhere."""
        is_known = self.subject is not None and self.subject.kind in ("arm", "pronoun", "finger", "object")
        before = [self.text(-n) for n in (1, 2, 3, 4)]
        has = next((n for n, word in enumerate(before) if word in ("has", "have", "had")), 9)
        by_person = (
            has < 3 and before[has + 1] in _PERSONS and all(w in ("just", "only", "already") for w in before[:has])
        )
        return by_person or (has == 0 and not is_known)

    def _is_auxiliary(self, act: Act) -> bool:
        return act.value == "be" or (act.value == "want" and self.text(1) == "to")

    def _is_reduced(self, act: Act, last: Mention | None) -> bool:
        """Whether the verb only says more of an object of another verb: "the can (that is) standing there"."""
        if last is None or self.act is None or last not in self.act.objects:
            return False
        if self._leads_from(last):
            return act.value in ("state", "wait", "be", "happen")
        is_participle = act.form in ("ing", "ed") and not act.is_passive and last.end == self.i
        is_placed = act.value == "put" and act.form == "ed" and last.end == self.i and self.near(1) == "prep"
        is_placed = is_placed and self.tokens[self.i + 1].value == "near"  # "the brick nestled against the post"
        return is_placed or (is_participle and act.value in ("state", "wait", "cannot", "see"))

    def _leads_from(self, m: Mention) -> bool:
        """Whether only "that should" and the like stands between a mention and the verb here."""
        between = [t.text for t in self.tokens[m.end : self.i]]
        return bool(between) and between[0] in ("that", "which") and all(w in _LINKS for w in between)

    def _cue(self, slot: str, value: str) -> None:
        verb = self.act.value if self.act else ""
        cue = Cue(slot, value, self.i, self.sentence, self.clause, verb, self.negated, is_repair=self.repair)
        cue.is_hypothetical = self.text(1) in ("would", "might", "could") or (
            self.conditional and len(self.tokens) > 45
        )
        if self.act is not None and self.act.text[:4] in ("look", "see", "seen", "view", "watc", "sees"):
            cue.is_hypothetical = True
        is_thing = bool(self.parse.mentions) and self.parse.mentions[-1].kind == "object"
        if slot == "grasp" and self.text(-1) in _LYING and is_thing:
            cue.is_hypothetical = True  # "the brick lying crosswise"
        is_mover = self.act is not None and self.act.value in ("reach", "descend")
        if slot == "approach" and self.text(1) == "of" and "table" in (self.near(2), self.near(3)) and not is_mover:
            cue.is_hypothetical = True  # "take it from the right side of the table"
        if slot == "approach" and len(self.tokens) > 45 and self._is_later(cue):
            cue.is_hypothetical = True
        self.parse.cues.append(cue)
        self.repair = False
        if value in ("left", "right"):
            self.last_side = value
        self._count_negation(self.i + 1)
        is_over = value == "top" and self.tokens[self.i].text.split()[-1] in ("above", "over")
        self.prep = "over" if is_over and self._begins_mention(self.i + 1) else ""  # "from above the brick"
        self.i += 1

    def _begins_mention(self, at: int) -> bool:
        return at < len(self.tokens) and (
            self.tokens[at].kind in ("color", "shape", "size") or self.tokens[at].text in ("the", "that", "this")
        )

    def _is_later(self, cue: Cue) -> bool:
        """Whether a way to come is none: things are lifted "vertically", or dropped "from just above the rim"."""
        lifts = cue.verb in ("pick", "rise", "withdraw")
        lifts = lifts or (cue.verb == "put" and self.act is not None and not self.act.text.startswith("lower"))
        if self.tokens[cue.at].text.startswith("vertical") and lifts:
            return True
        return (
            cue.value == "top"
            and self.text(1) in ("the", "it")
            and any(self.near(n) == "bowl" or self.text(n) == "rim" for n in (2, 3, 4))
        )

    def _count_negation(self, end: int) -> None:
        self.since_negation += self.negated
        follows = self.tokens[end].text if end < len(self.tokens) else ""
        is_grip = (
            end
            and self.tokens[end - 1].kind == "finger"
            and end < len(self.tokens)
            and self.tokens[end].kind == "grasp"
        )
        is_listed = (
            self.negates_list and follows == "and" and self._begins_mention(end + 1)
        )  # "ignore the red and the green one"
        if self.negates_once and follows not in ("or", "nor") and not is_grip and not is_listed:
            self.negated = self.negates_once = self.negates_list = False

    def _add(self, m: Mention) -> None:
        if m.head in ("thing", "item") and not (m.colors or m.shapes) and self.text(m.end - self.i) == ":":
            self.i = m.end  # "just a small thing: ..."
            return
        m.sentence, m.clause, m.prep = self.sentence, self.clause, self.prep
        if not m.prep and m.kind in ("finger", "arm", "object", "bowl") and self.text(-1) in ("and", "or"):
            m.prep = self._prep_before(m)
        m.is_negated, m.is_side, m.is_repair, m.is_hypothetical = (
            self.negated,
            self.side,
            self.repair,
            self.hypothetical,
        )
        self._settle_place(m)
        is_new = (
            self.fresh or self.act is None or (self.act.clause != self.clause and self.near(m.end - self.i) == "verb")
        )
        if self.act is not None:
            m.verb, m.verb_at = self.act.value, self.act.at
            is_apart = self.fresh and m.kind not in ("object", "all", "pronoun")
            if not m.prep and not is_apart and not (is_new and self._is_finite(m.end)):
                self.act.objects.append(m)
        if not m.prep and is_new:
            self.subject = m
        self._take_second_way(m)
        if m.determiner in ("no", "neither"):
            m.is_negated = True
        if self.repair and m.kind != "pronoun":
            self.repair = False
            if m.kind == "object" and self.act is not None:  # "stack the two-tone, sorry, the yellow cube"
                self.parse.unknown = [u for u in self.parse.unknown if not self.act.at < u.at < self.repair_at]
        self._count_negation(m.end)
        self.parse.mentions.append(m)
        self.prep, self.fresh = "", False
        self.i = m.end

    def _settle_place(self, m: Mention) -> None:
        """What the words around a mention make of its side and of its preposition."""
        is_late = self.text(m.end - self.i) in _MEANT and self.near(m.end - self.i + 1) == "break"
        last = self.parse.mentions[-1] if self.parse.mentions else m
        differs = bool(last.shapes and m.shapes) or bool(last.colors and m.colors)
        if is_late and self.near(-1) == "break" and last is not m and differs:
            m.is_repair, m.end = True, m.end + 1  # "on the brick, cube I mean"
        if m.side == "same":
            m.side = self.last_side
        elif m.side:
            self.last_side = m.side
        if m.kind == "arm" and m.prep in ("near", "through") and self.text(-1) in ("by", "through", "via"):
            is_side = self.text(-2) == "right" and self.text(-3) == "the"  # "the bowl on the right by your left hand"
            m.prep = "near" if self.text(-2) in _BESIDE and not is_side else "with"
        if m.kind == "object" and m.prep == "round" and self._follows_object():
            m.prep = "near"  # "the ball just past the cube"
        self._take_flank(m)
        is_tag = (
            not m.prep
            and self.tokens[m.end - 1].text == "side"
            and len(self.tokens) <= 16
            and m.end == len(self.tokens)
        )
        if (m.prep == "from" or (is_tag and not m.determiner)) and m.side and m.kind == "part":
            self.parse.cues.append(
                Cue("approach", m.side, self.i, self.sentence, self.clause, "", self.negated, is_repair=self.repair)
            )

    def _follows_object(self) -> bool:
        """Whether the preposition here says where an object lies that was named right before it."""
        at = self.i - (3 if self.text(-2) in ("just", "right", "a bit", "a little", "slightly", "directly") else 2)
        before = self.parse.mentions[-1] if self.parse.mentions else None
        return before is not None and before.kind == "object" and before.end == at + 1 and not before.is_subject

    def _take_second_way(self, m: Mention) -> None:
        """ "from the left or the right": the second way takes its "from" from the first."""
        if (
            m.kind == "side"
            and self.parse.cues
            and self.parse.cues[-1].at == self.i - 2
            and self.text(-1) in ("or", "and")
            and m.side
        ):
            cue = self.parse.cues[-1]
            if cue.slot == "approach":
                self.parse.cues.append(
                    Cue("approach", m.side, self.i, self.sentence, self.clause, cue.verb, cue.is_negated)
                )
                m.kind = "part"

    def _take_flank(self, m: Mention) -> None:
        """ "from the brick's left", "come in on the cube's right side": a way to come."""
        comes = m.prep == "from" or (
            m.prep in ("on", "near", "to") and self.act is not None and self.act.value == "reach"
        )
        if m.kind not in ("object", "unknown") or not comes or self.near(m.end - self.i) != "side":
            return
        is_flank = self.text(m.end + 1 - self.i) == "hand" and self.text(m.end + 2 - self.i) in PARTS
        if not is_flank and self.near(m.end + 1 - self.i) in ("arm", "bowl", "shape", "color", "thing"):
            return
        side = self.tokens[m.end].value
        self.parse.cues.append(
            Cue("approach", side, self.i, self.sentence, self.clause, "", self.negated, is_repair=self.repair)
        )
        m.end += 1
        while m.end < len(self.tokens) and self.tokens[m.end].text in ("side", "hand", "flank", "end", "edge"):
            m.end += 1

    def _prep_before(self, m: Mention) -> str:
        """The preposition of the like phrase before "and": "with a finger ... and a finger ..."."""
        for before in reversed(self.parse.mentions[-3:]):
            if before.end == self.i - 1 and self.text(-1) == "and" and self._is_between(before):
                return before.prep
            if before.kind == m.kind and before.end == self.i - 1 and (self.text(-1) == "or" or m.kind == "object"):
                return before.prep if before.prep == "near" or self.text(-1) == "or" else ""
            if m.kind in ("object", "bowl"):
                return ""
            if before.kind == m.kind and self.act is not None and before.verb_at == self.act.at:
                return before.prep
        return ""

    def _is_between(self, before: Mention) -> bool:
        """ "Between the brick and the bowl": both only say where."""
        return before.prep == "near" and "between" in self.tokens[before.start - 1].text.split()

    def _is_finite(self, at: int) -> bool:
        """Whether a verb with an ending follows: the mention before it is a subject."""
        return at < len(self.tokens) and self.tokens[at].kind == "verb" and self.tokens[at].form in ("s", "base", "ed")
