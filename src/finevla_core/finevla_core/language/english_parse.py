"""Walks once through the tokens of an English text: clauses, verbs, mentions and cues, with negation and corrections."""

from dataclasses import dataclass, field

from finevla_core.language.english_kinds import Context
from finevla_core.language.english_mentions import Mention, mention_at
from finevla_core.language.english_tokens import END, Token

PRONOUNS = frozenset(("it", "them", "itself", "they"))
AUXILIARY = frozenset("is are was were be been being am gets get got".split())
CONDITIONS = frozenset(
    (
        "if",
        "as if",
        "as though",
        "in case",
        "unless",
        "so that",
        "lest",
        "whether",
        "even if",
        "so as to",
        "otherwise",
        "just in case",
        "or else",
    )
)
_MODAL = frozenset("should must shall ought to will has needs".split())
_PERSONS = frozenset("i we he she they somebody someone nobody everybody who whoever".split())
_LINKS = frozenset("that which should must shall has have to needs will is be ought can may only you i we".split())
_ARTICLES = frozenset("the a an your its any both".split())
_ANY = frozenset("any every all no either anything everything whatever anybody whichever".split())
_POLITE = frozenset("could would can might will".split())
_HYPOTHETICAL = frozenset("about ready prepare prepares preparing prepared able tend tends".split())
_JOINS = frozenset("and or then while but so plus".split())
_STILL_FRESH = frozenset(
    """ok okay hey robot first next finally well also slowly gently carefully you i we that please just now only kindly to then quickly softly
    simply task action goal job lastly afterwards alright so and yo hi hello second secondly oh ah um uh""".split()
)
_PURPOSE_OK = frozenset(
    "want wants need needs like ask have has is are be going asked told about supposed used use kind way ready task job goal is".split()
)
# Verbs that move the hand where nothing else is named, and what is named where something is.
MOVERS = frozenset(
    "mov slid bring brought guid send sent position swing swung draw drew drift align float eas steer advanc sneak leav left get".split()
)


@dataclass(slots=True)
class Act:
    """A verb in the text."""

    value: str
    text: str
    form: str
    at: int
    sentence: int
    clause: int
    is_negated: bool = False
    is_side: bool = False
    is_hypothetical: bool = False
    is_passive: bool = False
    is_command: bool = False  # base form where a clause begins
    is_dropped: bool = False  # taken back
    is_repair: bool = False
    is_modal: bool = False  # after "should", "must" and their like
    subject: Mention | None = None
    objects: list[Mention] = field(default_factory=list)


@dataclass(slots=True)
class Cue:
    """A phrase that says how: `slot` is approach, turn or grasp."""

    slot: str
    value: str
    at: int
    sentence: int
    clause: int
    verb: str = ""
    is_negated: bool = False
    is_dead: bool = False
    is_repair: bool = False
    is_hypothetical: bool = False


@dataclass(slots=True)
class Unknown:
    """A word that no table has, outside of noun phrases."""

    text: str
    sentence: int
    is_side: bool
    is_first: bool  # where a clause begins: a command, perhaps
    clause: int = 0
    prep: str = ""
    act: Act | None = None  # that rules in its clause
    is_object: bool = False  # right after the verb
    is_aside: bool = False  # alone between commas
    is_predicate: bool = False  # "that is striped"
    is_statement: bool = False  # in a clause that only says how things are


@dataclass
class Parse:
    """What a text is made of."""

    tokens: list[Token]
    mentions: list[Mention] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    sentences: list[tuple[int, int]] = field(default_factory=list)


class Walk:
    """One pass over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self.parse = Parse(tokens)
        self.tokens = tokens
        self.context = Context(tokens)
        self.i = self.sentence = self.clause = self.start = 0
        self.last_side = ""
        self._new_sentence()

    def _new_sentence(self) -> None:
        self.prep = ""
        self.act: Act | None = None
        self.subject: Mention | None = None
        self.main: Mention | None = None  # subject that a relative clause interrupts
        self.negates_once = False
        self.negated = self.side = self.hypothetical = self.repair = self.conditional = False
        self.negated_acts = self.since_negation = 0
        self.fresh = True  # at the start of a clause

    def run(self) -> Parse:
        """Walk to the end."""
        while self.i < len(self.tokens):
            self.context.i, self.context.has_mentions = self.i, bool(self.parse.mentions)
            self.context.verb = self.act.value if self.act else ""
            self._step(self.tokens[self.i], self.context.kind())
        self._end_sentence()
        return self.parse

    def _end_sentence(self) -> None:
        if self.i > self.start:
            self.parse.sentences.append((self.start, self.i))
        self.start = self.i

    def _step(self, token: Token, kind: str) -> None:
        if kind == "break":
            self._break(token)
        elif kind == "corr":
            self.repair, self.negated, self.prep, self.fresh = True, False, "", True
            self.i += 1
        elif kind == "neg":
            self._negate(token)
        elif kind == "sub":
            self._subordinate(token)
        elif kind == "verb":
            self._verb(token)
        elif kind in ("approach", "turn", "grasp"):
            self._cue(kind, token.value)
        elif kind == "prep":
            self._prep(token)
        elif token.text in PRONOUNS:
            self._add(Mention("pronoun", self.i, self.i + 1, head=token.text))
        elif (found := mention_at(self.tokens, self.i, kind)) is not None:
            self._add(found)
        else:
            self._word(token, kind)

    def _break(self, token: Token) -> None:
        self.i += 1
        if self._kind(-2) != "prep" or token.text in END:
            self.prep = ""
        self.fresh = True
        if token.text in END:
            self._end_sentence()
            self.sentence += 1
            self.clause += 1
            self._new_sentence()
            return
        self.clause += 1
        if self._kind(-2) != "neg":
            self.negated = False
        self.side = False
        if self.main is not None and token.text == ",":
            self.subject, self.main = self.main, None
        if token.text == ";":
            self.subject = self.act = None
        self.hypothetical = self.conditional and len(self.tokens) > 60

    def _negate(self, token: Token) -> None:
        self.negated, self.since_negation, self.negated_acts = True, 0, 0
        self.i += 1
        follows = self._kind(0)
        self.negates_once = token.text in ("not", "never", "no", "none", "neither", "nor") and follows != "verb" and (
            follows == "prep" and self._text(0) != "to" or self._text(0) in _ARTICLES
        )  # fmt: skip
        if token.text == "without" and follows != "verb":
            self.negates_once = True
        if token.value == "verb" or token.text == "mind":
            self.prep, self.negated_acts, self.negates_once = "", 1, True

    def _negate_next(self) -> None:
        """Negate the next mention or cue alone: "instead of ...", "any arm but ..."."""
        self.negated = self.negates_once = True
        self.since_negation = self.negated_acts = 0

    def _subordinate(self, token: Token) -> None:
        is_polite = token.text in ("if", "whether") and self._text(1) in ("you", "i") and self._text(2) in _POLITE
        is_polite = is_polite or (
            token.text == "if" and any(t.text == "would" for t in self.tokens[self.start : self.i])
        )
        if token.text in CONDITIONS and not is_polite:
            self.hypothetical = True
            self.conditional = self.conditional or self.i <= self.start + 1
        if token.text in ("which", "who", "whose", "whom", "where"):
            self.main = self.subject
            if self.prep in ("over", "round") and self.parse.mentions:
                self.parse.mentions[-1].prep = self.prep  # "the post, over which ..."
                self.parse.mentions[-1].is_negated = False
        self.side, self.prep = not is_polite, ""
        self.clause += 1
        self.subject = self.act = None
        self.i += 1

    def _text(self, offset: int) -> str:
        at = self.i + offset
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def _kind(self, offset: int) -> str:
        at = self.i + offset
        return self.tokens[at].kind if 0 <= at < len(self.tokens) else "break"

    def _prep(self, token: Token) -> None:
        if token.text == "to" and self._kind(1) in ("verb", "unknown"):
            self._purpose()
            return
        self.i += 1
        if token.text == "above" and self._is_tag():
            self.i -= 1
            self._cue("approach", "top")
            return
        if token.value == "instead":
            self._negate_next()
            return
        if token.text == "as" and self.fresh and self._kind(0) == "word":
            self.side, self.act, self.subject = True, None, None
            return
        if token.value == "cause":
            self.side = True
            return
        if token.text in ("before", "after", "until"):
            self.clause += 1
            self.subject = self.act = None
            self.prep = "near"
            return
        self.prep = token.value

    def _purpose(self) -> None:
        """ "to" before a verb: what it is for, or what is wanted."""
        if self.fresh and self.act is None:
            self.side = True
        elif self._text(-1) not in _PURPOSE_OK and (
            self._kind(1) == "unknown" or self.tokens[self.i + 1].value in ("see", "cannot", "state")
        ):
            self.side = True
        self.prep = ""
        self.i += 1

    def _verb(self, token: Token) -> None:
        is_passive = token.form == "ed" and any(self._text(-n) in AUXILIARY for n in (1, 2, 3))
        last = self.parse.mentions[-1] if self.parse.mentions else None
        if (
            self.repair
            and not self.negated
            and token.form == "base"
            and token.value in ("pick", "put", "stack", "reach", "turn", "clean", "throw")
        ):
            for earlier in self.parse.acts:
                if (
                    not earlier.is_repair
                    and earlier.sentence >= self.sentence - 1
                    and earlier.value in ("pick", "put", "stack", "reach", "turn")
                ):
                    earlier.is_negated = earlier.is_dropped = True
        act = Act(token.value, token.text, token.form, self.i, self.sentence, self.clause)
        act.is_negated, act.is_side, act.is_passive = self.negated, self.side, is_passive
        act.is_command = (
            self.fresh and token.form == "base" and not (self.subject is not None and self.subject.is_plural)
        )
        act.is_hypothetical, act.subject = self.hypothetical, None if act.is_command else self.subject
        if (
            token.form == "ed"
            and not is_passive
            and self.act is not None
            and self.act.value in ("want", "see", "be", "pick")
            and last is not None
        ):
            if last in self.act.objects and last.end == self.i:
                act.is_passive, act.subject = True, last  # "I want the ball lifted"
        is_auxiliary = token.value == "be" or (token.value == "want" and self._text(1) == "to")
        act.is_repair = self.repair
        act.is_modal = any(self._text(-n) in _MODAL for n in (1, 2, 3))
        if (
            self._text(-1) in _PERSONS
            and act.value in ("put", "pick", "stack", "turn", "throw", "clean", "reach")
            and (token.form == "ed" or token.text in ("put", "set", "cast"))
        ):
            act.is_hypothetical = True  # a report
        if token.text == "have" and act.is_command:
            act.value = "want"
        if self.subject is None and last is not None and last.kind == "object" and self._leads_from(last):
            act.subject = last
            if not is_auxiliary:
                last.verb, last.verb_at, last.is_subject = act.value, self.i, True
        if (
            self.subject is not None
            and not is_auxiliary
            and not act.is_command
            and token.form != "noun"
            and not self.subject.is_subject
        ):
            self.subject.verb, self.subject.verb_at, self.subject.is_subject = act.value, self.i, True
        self.parse.acts.append(act)
        is_reduced = (
            token.form in ("ing", "ed")
            and not is_passive
            and token.value in ("state", "wait", "cannot", "see")
            and last is not None
        )
        is_reduced = (
            is_reduced and last is not None and last.end == self.i and self.act is not None and last in self.act.objects
        )
        if token.form != "noun" and not is_reduced:
            self.act = act
        if self.negated:
            self.since_negation += 1
            self.negated_acts += 1
        self.prep, self.fresh = "", False
        self.i += 1

    def _leads_from(self, m: Mention) -> bool:
        """Whether only "that should" and the like stands between a mention and the verb here."""
        between = [t.text for t in self.tokens[m.end : self.i]]
        return bool(between) and between[0] in ("that", "which") and all(w in _LINKS for w in between)

    def _cue(self, slot: str, value: str) -> None:
        verb = self.act.value if self.act else ""
        cue = Cue(slot, value, self.i, self.sentence, self.clause, verb, self.negated, is_repair=self.repair)
        cue.is_hypothetical = self._text(1) in ("would", "might", "could") or (
            self.conditional and len(self.tokens) > 45
        )
        if self.act is not None and self.act.text[:4] in ("look", "see", "seen", "view", "watc", "sees"):
            cue.is_hypothetical = True
        if slot == "approach" and len(self.tokens) > 45 and self._is_later(cue):
            cue.is_hypothetical = True
        self.parse.cues.append(cue)
        self.repair = False
        if value in ("left", "right"):
            self.last_side = value
        self._count_negation(self.i + 1)
        self.prep = ""
        self.i += 1

    def _is_later(self, cue: Cue) -> bool:
        """Whether a way to come is none: things are lifted "vertically", or dropped "from just above the rim"."""
        if self.tokens[cue.at].text.startswith("vertical") and cue.verb in ("pick", "rise", "withdraw"):
            return True
        return (
            cue.value == "top"
            and self._text(1) in ("the", "it")
            and any(self._kind(n) == "bowl" or self._text(n) == "rim" for n in (2, 3, 4))
        )

    def _count_negation(self, end: int) -> None:
        self.since_negation += self.negated
        follows = self.tokens[end].text if end < len(self.tokens) else ""
        if self.negates_once and follows not in ("or", "nor"):
            self.negated = self.negates_once = False

    def _add(self, m: Mention) -> None:
        m.sentence, m.clause, m.prep = self.sentence, self.clause, self.prep
        if not m.prep and m.kind in ("finger", "arm", "object", "bowl") and self._text(-1) in ("and", "or"):
            m.prep = self._prep_before(m)
        m.is_negated, m.is_side, m.is_repair, m.is_hypothetical = (
            self.negated,
            self.side,
            self.repair,
            self.hypothetical,
        )
        if m.side == "same":
            m.side = self.last_side
        elif m.side:
            self.last_side = m.side
        if m.kind == "arm" and m.prep in ("near", "through") and self._text(-1) in ("by", "through", "via"):
            m.prep = "with"
        if m.prep == "from" and m.side and m.kind == "part":
            self.parse.cues.append(
                Cue("approach", m.side, self.i, self.sentence, self.clause, "", self.negated, is_repair=self.repair)
            )
        is_new = (
            self.fresh or self.act is None or (self.act.clause != self.clause and self._kind(m.end - self.i) == "verb")
        )
        if self.act is not None:
            m.verb, m.verb_at = self.act.value, self.act.at
            is_apart = self.fresh and m.kind not in ("object", "all", "pronoun")
            if not m.prep and not is_apart and not (is_new and self._is_finite(m.end)):
                self.act.objects.append(m)
        if not m.prep and is_new:
            self.subject = m
        if (
            m.kind == "side"
            and self.parse.cues
            and self.parse.cues[-1].at == self.i - 2
            and self._text(-1) in ("or", "and")
            and m.side
        ):
            cue = self.parse.cues[-1]
            if cue.slot == "approach":
                self.parse.cues.append(
                    Cue("approach", m.side, self.i, self.sentence, self.clause, cue.verb, cue.is_negated)
                )
                m.kind = "part"
        if m.determiner in ("no", "neither"):
            m.is_negated = True
        if self.repair and m.kind != "pronoun":
            self.repair = False
        self._count_negation(m.end)
        self.parse.mentions.append(m)
        self.prep, self.fresh = "", False
        self.i = m.end

    def _prep_before(self, m: Mention) -> str:
        """The preposition of the like phrase before "and": "with a finger ... and a finger ..."."""
        for before in reversed(self.parse.mentions[-3:]):
            if before.kind == m.kind and before.end == self.i - 1 and (self._text(-1) == "or" or m.kind == "object"):
                return before.prep if before.prep == "near" or self._text(-1) == "or" else ""
            if m.kind in ("object", "bowl"):
                return ""
            if before.kind == m.kind and self.act is not None and before.verb_at == self.act.at:
                return before.prep
        return ""

    def _is_finite(self, at: int) -> bool:
        """Whether a verb with an ending follows: the mention before it is a subject."""
        return at < len(self.tokens) and self.tokens[at].kind == "verb" and self.tokens[at].form in ("s", "base", "ed")

    def _word(self, token: Token, kind: str) -> None:
        text = token.text
        self.i += 1
        if self.negates_once and (
            kind == "unknown" or (kind == "word" and text not in _ARTICLES and self._kind(-2) == "neg")
        ):
            self.negated = self.negates_once = False  # "without delay"
        if kind == "unknown":
            self._strange(text)
            self.fresh = False
            self.prep = ""
        elif kind == "bad":
            self.parse.bad.append(text)
        elif (
            text == "all"
            and self.act is not None
            and self.act.value in ("clean", "put", "pick", "throw")
            and self._kind(0) in ("break", "prep")
        ):
            self.i -= 1
            self._add(Mention("all", self.i, self.i + 1, head="all"))
        elif text in _JOINS:
            self._conjunction(text)
        elif text in ("i", "we", "my", "he", "she", "they") and self._begins_relative():
            self.side = True
        elif text in _HYPOTHETICAL:
            self.hypothetical = text != "about" or self._text(0) == "to"
        elif text == "did" and self._text(0) != "not":
            self.side = self.hypothetical = True
        elif kind == "way" and self._is_tag():
            self.i -= 1
            self._cue("approach", token.value)
        elif text in ("top", "front", "overhead") and self._is_tag():
            self.i -= 1
            self._cue("approach", "front" if text == "front" else "top")
        elif text == "should" and self.fresh and self.act is None and self.subject is None:
            self.hypothetical = self.conditional = self.side = True
        elif self._kind(0) != "break":
            self.fresh = self.fresh and text in _STILL_FRESH

    def _is_tag(self) -> bool:
        """Whether the word just passed stands alone between breaks."""
        return self._kind(0) == "break" and (self.i < 2 or self._kind(-2) == "break")

    def _begins_relative(self) -> bool:
        """ "the block (that) I dropped": what somebody did with it is a remark."""
        before = self.parse.mentions[-1] if self.parse.mentions else None
        return (
            before is not None
            and before.kind == "object"
            and (before.end == self.i - 1 or (before.end == self.i - 2 and self._text(-2) == "that"))
        )

    def _strange(self, text: str) -> None:
        act = self.act if self.act is not None and self.act.clause == self.clause else None
        is_command = (
            self.fresh
            and not {self._text(-2), self._text(-3)} & _PERSONS
            and self._kind(0) != "break"
            and self._text(0) not in ("that", "and", "or", "but", "you", "i", "is")
        )
        unknown = Unknown(text, self.sentence, self.side, is_command, self.clause, self.prep, act)
        unknown.is_object = self._kind(-2) == "verb" or self._text(-2) in ("up", "down", "off", "on")
        unknown.is_aside = self._kind(-2) == "break" and self._kind(0) == "break"
        unknown.is_predicate = (
            (self._text(-2) == "of" and self._text(-3) == "made")
            or self._text(-2) in AUXILIARY
            and self._text(-3) in ("that", "which")
        )
        self.parse.unknown.append(unknown)

    def _conjunction(self, text: str) -> None:
        if text == "but" and (self._text(-3) in _ANY or self._text(-2) in _ANY):
            self._negate_next()
            return
        if text != "or":
            self.clause += 1
            self.fresh = True
            self.prep = ""
        if text == "while":
            self.subject = self.act = None
        if text in ("but", "then", "so", "while"):
            self.negated = self.side = self.hypothetical = False
        elif text == "and":
            self._and()

    def _and(self) -> None:
        is_verb = self._kind(0) == "verb"
        if self.negated and not self.negated_acts:
            self.negated = False
        elif (
            self.negated
            and is_verb
            and self.since_negation > 1
            and self._text(1) not in PRONOUNS
            and self._kind(1) != "break"
        ):
            self.negated = self.tokens[self.i].form != "base"
        if is_verb and self.tokens[self.i].form == "base" and not self.hypothetical:
            self.side = False
