"""Walks once through the tokens of an English text: clauses, verbs, mentions and cues, with negation and corrections."""

from dataclasses import dataclass, field

from finevla_core.language.english_mentions import Mention, mention_at
from finevla_core.language.english_tokens import END, Token

PRONOUNS = frozenset(("it", "them", "itself"))
AUXILIARY = frozenset("is are was were be been being am gets get".split())
_NOUN_BEFORE = frozenset("the a an its your their this that any each every of further no some one in".split())
_CONDITIONS = frozenset(
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
    )
)
_HYPOTHETICAL = frozenset(
    "about ready prepare prepares preparing prepared able before would could might tend tends".split()
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
    is_dead: bool = False
    is_repair: bool = False
    is_passive: bool = False
    is_start: bool = False  # first word of a clause: a command
    subject: Mention | None = None
    objects: list[Mention] = field(default_factory=list)


@dataclass(slots=True)
class Cue:
    """A phrase that says how: `slot` is approach, turn, grasp or path."""

    slot: str
    value: str
    at: int
    sentence: int
    clause: int
    verb: str = ""
    is_negated: bool = False
    is_dead: bool = False
    is_repair: bool = False


@dataclass
class Parse:
    """What a text is made of."""

    tokens: list[Token]
    mentions: list[Mention] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    unknown: list[tuple[str, bool, int]] = field(default_factory=list)  # word, whether in a remark, sentence
    sentences: list[tuple[int, int]] = field(default_factory=list)


class Walk:
    """One pass over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self.parse = Parse(tokens)
        self.tokens = tokens
        self.i = self.sentence = self.clause = self.start = 0
        self.last_side = ""
        self._new_sentence()

    def _new_sentence(self) -> None:
        self.prep, self.act, self.subject = "", None, None
        self.negated = self.side = self.hypothetical = self.repair = False
        self.fresh = True  # at the start of a clause
        self.since_negation = 0

    def run(self) -> Parse:
        """Walk to the end."""
        while self.i < len(self.tokens):
            before = self.i
            self._step(self.tokens[self.i])
            assert self.i > before
        self._end_sentence()
        return self.parse

    def _end_sentence(self) -> None:
        if self.i > self.start:
            self.parse.sentences.append((self.start, self.i))
        self.start = self.i

    def _step(self, token: Token) -> None:
        kind = self._kind(token)
        if kind == "break":
            self._break(token)
        elif kind == "corr":
            self._correct()
        elif kind == "neg":
            self.negated, self.since_negation = True, 0
            if token.value == "verb":
                self.prep = ""
            self.i += 1
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
        elif (found := mention_at(self.tokens, self.i)) is not None:
            self._add(found)
        else:
            self._word(token, kind)

    # ---- what a token is here

    def _text(self, offset: int) -> str:
        at = self.i + offset
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def _near(self, offset: int) -> str:
        at = self.i + offset
        return self.tokens[at].kind if 0 <= at < len(self.tokens) else "break"

    def _kind(self, token: Token) -> str:
        text = token.text
        if text == "no":
            return "corr" if self._is_no_correction() else "neg"
        if token.kind == "corr" and text in (
            "wait",
            "er",
            "err",
            "wrong",
            "make it",
            "should be",
            "that should be",
            "mistake",
        ):
            return "corr" if self._near(-1) in ("break", "corr") and self.parse.mentions else "word"
        if text in ("actually", "rather", "instead") and self._near(-1) == "break" and self.parse.mentions:
            return "corr"
        if text == "can" and token.kind == "shape":
            return "shape" if self._is_can_noun() else "word"
        if token.kind == "verb":
            return self._verb_kind(token)
        if token.kind == "side":
            return self._side_kind(text)
        if text in (
            "back",
            "down",
            "off",
            "around",
            "round",
            "past",
            "over",
            "by",
            "in",
            "on",
            "through",
            "along",
            "inside",
            "above",
            "below",
            "behind",
            "beside",
        ):
            return "prep"
        return token.kind

    def _is_no_correction(self) -> bool:
        before, after = self._near(-1), self._near(1)
        if (
            not self.parse.mentions
            or before not in ("break", "corr")
            and self._text(-1) not in ("hmm", "er", "um", "uh", "oh", "ah", "well", "wait")
        ):
            return False
        return (
            after in ("break", "corr", "verb", "prep") and self.tokens[self.i + 1].form != "ing"
            if self.i + 1 < len(self.tokens) and after != "break"
            else True
            if after == "break"
            else self._text(1) in ("the", "not", "wait")
        )

    def _is_can_noun(self) -> bool:
        before = self._near(-1)
        if self._text(1) in ("you", "be", "not", "i", "we", "stay", "rest", "remain"):
            return self._text(-1) in ("the", "a") and self._text(1) in ("be", "not")
        return before in ("color", "size", "shapeword", "break", "prep", "side") or self._text(-1) in (
            "the", "a", "that", "this", "each", "any", "coloured", "colored", "one", "two", "same", "other", "either", "neither", "tall", "open", "thin", "empty",
        ) or before == "verb" and self._text(1) not in ("it", "the")  # fmt: skip

    def _verb_kind(self, token: Token) -> str:
        before = self._text(-1)
        if (
            token.form in ("base", "s")
            and (before in _NOUN_BEFORE or self._near(-1) in ("size", "number"))
            and token.value not in ("be", "release")
        ):
            if before in ("that", "this") and token.form == "s":
                return "verb"
            if before in ("one", "in") and token.form == "s":
                return "verb"
            if before == "right" or before == "left":
                return "verb"
            token.form = "noun"
        if token.text == "left" and token.value == "put":
            return "side"
        return "verb"

    def _side_kind(self, text: str) -> str:
        after = self._text(1)
        if text == "right" and (
            after
            in (
                "over",
                "above",
                "at",
                "on",
                "in",
                "there",
                "here",
                "after",
                "behind",
                "beside",
                "next to",
                "before",
                "onto",
                "on top of",
                "to",
                "into",
                "up",
                "down",
                "through",
                "past",
                "when",
            )
        ):
            if (
                self._text(-1) not in ("the", "your", "to", "its", "that", "from", "far", "left")
                and self._near(-1) != "verb"
                and self._near(-1) != "arm"
            ):
                return "word"
            if self._near(-1) == "verb" and self.act is not None and self.act.value != "turn":
                return "word"
        if (
            text == "left"
            and self._text(-1) in ("is", "are", "be", "been", "was", "being")
            and self._near(1) not in ("arm", "bowl", "finger")
            and after not in ("of", "and")
        ):
            return "word"
        return "side"

    # ---- steps

    def _break(self, token: Token) -> None:
        self.i += 1
        self.prep, self.fresh = "", True
        if token.text in END:
            self._end_sentence()
            self.sentence += 1
            self.clause += 1
            repair = self.repair
            self._new_sentence()
            self.repair = repair and self.start == self.i and not any(m.is_repair for m in self.parse.mentions[-1:])
            return
        self.clause += 1
        if token.text in ";:" or self.since_negation:
            self.negated = False
        self.side = False
        if token.text in ";":
            self.subject = self.act = None
        self.hypothetical = False

    def _correct(self) -> None:
        self.repair, self.negated, self.prep, self.fresh = True, False, "", True
        self.i += 1

    def _subordinate(self, token: Token) -> None:
        self.side, self.prep = True, ""
        self.clause += 1
        self.subject = None
        if token.text in _CONDITIONS:
            self.hypothetical = True
        self.i += 1

    def _prep(self, token: Token) -> None:
        self.i += 1
        if token.value == "instead":
            self.negated, self.since_negation = True, 0
            self.prep = self.prep or ""
            return
        if token.value == "cause":
            self.side = True
            return
        self.prep = token.value
        if token.text in ("before", "after", "until"):
            self.clause += 1
            self.prep, self.fresh = "near", False
            self.subject = None
            if token.text == "before":
                self.hypothetical = False

    def _verb(self, token: Token) -> None:
        is_passive = token.form == "ed" and (
            self._text(-1) in AUXILIARY or self._text(-2) in AUXILIARY or self._text(-3) in AUXILIARY
        )
        act = Act(token.value, token.text, token.form, self.i, self.sentence, self.clause)
        act.is_negated, act.is_side, act.is_passive, act.is_repair = self.negated, self.side, is_passive, self.repair
        act.is_hypothetical, act.is_start, act.subject = self.hypothetical, self.fresh, self.subject
        if self.subject is not None and token.value != "be":
            self.subject.verb, self.subject.verb_at, self.subject.is_subject = act.value, self.i, True
        self.parse.acts.append(act)
        if token.value != "be" and token.form != "noun":
            self.act = act
        self.since_negation += self.negated
        self.prep, self.fresh = "", False
        self.i += 1

    def _cue(self, slot: str, value: str) -> None:
        verb = self.act.value if self.act else ""
        cue = Cue(slot, value, self.i, self.sentence, self.clause, verb, self.negated, is_repair=self.repair)
        self.parse.cues.append(cue)
        if value in ("left", "right"):
            self.last_side = value
        self.since_negation += self.negated
        self.prep = ""
        self.i += 1

    def _add(self, m: Mention) -> None:
        m.sentence, m.clause, m.prep = self.sentence, self.clause, self.prep
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
        if self.act is not None:
            m.verb, m.verb_at = self.act.value, self.act.at
            if not m.prep and (self.act.clause == self.clause or not self.fresh):
                self.act.objects.append(m)
        if not m.prep and (self.act is None or self.fresh or self.act.clause != self.clause):
            self.subject = m
        if m.determiner == "no":
            m.is_negated = True
        if self.repair and m.kind != "pronoun":
            self.repair = False
        self.since_negation += self.negated
        self.parse.mentions.append(m)
        self.prep, self.fresh = "", False
        self.i = m.end

    def _word(self, token: Token, kind: str) -> None:
        text = token.text
        self.i += 1
        if kind == "unknown":
            self.parse.unknown.append((text, self.side or self.prep == "cause", self.sentence))
            self.fresh = False
            self.prep = ""
        elif text in ("and", "or", "then", "while", "but", "so", "plus"):
            self._conjunction(text)
        elif text in _HYPOTHETICAL:
            self.hypothetical = self.hypothetical or (
                text not in ("before",)
                and not (text in ("would", "could", "might") and self._text(0) in ("you", "like"))
            )
        elif text in ("please", "just", "now", "only", "kindly", "to"):
            pass
        elif self._near(0) != "break":
            self.fresh = self.fresh and text in (
                "ok",
                "okay",
                "hey",
                "robot",
                "first",
                "next",
                "finally",
                "well",
                "also",
                "slowly",
                "gently",
                "carefully",
                "you",
                "i",
                "we",
                "that",
            )

    def _conjunction(self, text: str) -> None:
        if (
            text == "but"
            and self.parse.mentions
            and self.tokens[self.i - 2].kind in ("arm", "thing", "all", "bowl", "word")
            and self._text(-3) in ("any", "every", "all", "no", "either")
        ):
            self.negated, self.since_negation = True, 0
            return
        if text != "or":
            self.clause += 1
            self.fresh = True
            self.prep = ""
        if text == "while":
            self.subject = None
        if text in ("but", "then", "so", "while"):
            self.negated = self.side = self.hypothetical = False
        elif text == "and" and self._near(0) == "verb":
            next_ = self.tokens[self.i]
            if (
                self.negated
                and self.since_negation > 1
                and next_.form == "base"
                and self._near(1) != "break"
                and self._text(1) not in PRONOUNS
            ):
                self.negated = False
            if next_.form == "base":
                self.side = self.side and self.hypothetical
