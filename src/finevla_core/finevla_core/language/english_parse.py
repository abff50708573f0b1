"""Walks once through the tokens of an English text: clauses, verbs, mentions and cues, with negation and corrections."""

from finevla_core.language.english_clause_arguments import _PERSONS, AUXILIARY, Steps
from finevla_core.language.english_mentions import Mention, mention_at
from finevla_core.language.english_noun_phrase_words import PLEASED, SAYS
from finevla_core.language.english_parse_types import Act, Parse, Unknown
from finevla_core.language.english_remarks import is_call, remarks
from finevla_core.language.english_tokens import END, EnglishToken
from finevla_core.language.english_word_tables import word_set

PRONOUNS = frozenset(("it", "them", "itself", "they"))
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
_ARTICLES = word_set("the a an your its any both")
_ANY = word_set(
    "anywhere wherever anyone anybody any every all no either anything everything whatever anybody whichever"
)
_POLITE = word_set("could would can might will")
_HYPOTHETICAL = word_set("about ready prepare prepares preparing prepared able tend tends")
_JOINS = word_set("and or then while but so plus")
_STILL_FRESH = word_set("""
    ok okay hey robot first next finally well also slowly gently carefully you i we that please just now only
    kindly to then quickly softly simply task action goal job lastly afterwards alright so and yo hi hello
    second secondly oh ah um uh maybe perhaps basically literally honestly yeah yep yes anyway anyways right
    """) | {"pretty please", "would you", "will you"}
_DONE = word_set("done complete completed finished ok okay ready over passed")
_PURPOSE_OK = word_set("""
    want wants need needs like ask have has is are be going asked told about supposed used use kind way ready
    task job goal is
    """)


class Walk(Steps):
    """One pass over the tokens."""

    def run(self) -> Parse:
        """Walk over all tokens to the end of the text."""
        self.remarks = remarks(self.tokens)
        while self.i < len(self.tokens):
            self.context.i, self.context.has_mentions = self.i, bool(self.parse.mentions or self.parse.cues)
            self.context.verb = self.act.value if self.act else ""
            if self.i in self.remarks:
                self.side, self.subject, self.act = True, None, None
            self._step(self.tokens[self.i], self.context.kind())
        self._end_sentence()
        return self.parse

    def _end_sentence(self) -> None:
        if self.i > self.start:
            self.parse.sentences.append((self.start, self.i))
        self.start = self.i

    def _step(self, token: EnglishToken, kind: str) -> None:
        if kind == "break":
            self._break(token)
        elif kind == "corr":
            self.repair, self.negated, self.prep, self.fresh = True, False, "", True
            self.repair_at = self.i
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
        elif self._is_relative_of_somebody(token):
            self.side = True
            self.i += 2 + (self.text(2) == "left")
        elif token.text == "up" and self.fresh and self.text(1) == "with" and self.near(-1) in ("break", "word"):
            token.kind, token.value, token.form = "verb", "pick", "base"  # "up with the red cube"
            self._verb(token)
            self.i += 1
        elif token.text in PRONOUNS:
            self._add(Mention("pronoun", self.i, self.i + 1, head=token.text))
        elif (found := mention_at(self.tokens, self.i, kind)) is not None:
            self._add(found)
        else:
            self._word(token, kind)

    def _break(self, token: EnglishToken) -> None:
        self.i += 1
        if self.near(-2) != "prep" or token.text in END:
            self.prep = ""
        self.fresh = True
        if token.text in END:
            self._end_sentence()
            self.sentence += 1
            self.clause += 1
            is_open = self.repair and all(
                t.kind in ("corr", "break") or t.text == "no" for t in self.tokens[self.repair_at : self.i]
            )
            self._new_sentence()
            self.repair = is_open  # "Left bowl. Wait. Right bowl."
            return
        self.clause += 1
        if self.near(-2) != "neg" or self.text(-2) == "never mind":
            self.negated = False
        self.side = False
        self.repair = self.repair and self.i - self.repair_at <= 8
        if token.text == "," and (self.main is not None or self.main_act is not None):
            self.subject, self.act = self.main or self.subject, self.main_act
            self.main = self.main_act = None
        is_over = token.text == "," and self.act is not None and self.act.is_side and len(self.tokens) <= 45
        is_over = is_over and not any(m.sentence == self.sentence and not m.is_side for m in self.parse.mentions)
        is_headed = token.text == ":" and self.act is not None and self.act.is_negated and not self.act.objects
        if token.text == ";" or is_over or is_headed:  # "hover, do not grab: green brick"
            self.subject = self.act = None
        self.hypothetical = self.conditional and len(self.tokens) > 60

    def _negate(self, token: EnglishToken) -> None:
        at = -1 - (self.text(-1) == "do")
        is_taken_back = (
            self.near(at) == "corr"
            or self.text(at) == "actually"
            or (self.near(at) == "break" and self.near(at - 1) == "corr")
        )
        is_taken_back = is_taken_back or (self.near(at) == "break" and self.text(at - 1) in ("actually", "no"))
        if self.repair and is_taken_back and self.near(1) == "break":
            self._take_back()  # "actually don't, ..."
            self.negated, self.i = False, self.i + 1
            return
        self.negated, self.since_negation, self.negated_acts = True, 0, 0
        self.i += 1
        follows = self.near(0)
        self.negates_once = token.text in ("not", "never", "no", "none", "neither", "nor") and follows != "verb" and (
            (follows == "prep" and self.text(0) != "to") or self.text(0) in _ARTICLES
        )  # fmt: skip
        is_doing = self.text(0).endswith("ing") and follows in ("word", "unknown")  # "without jostling the other"
        if token.text == "without" and is_doing:
            self.since_negation = 1
        elif token.text == "without" and follows != "verb" and self.near(1) != "verb":
            self.negates_once = True
        if token.value == "verb" or token.text == "mind":
            self.prep, self.negated_acts = "", 1
            self.negates_once = token.text.split()[0] not in ("at", "by", "in", "under", "on", "no")
            self.negates_list = self.negates_once

    def _negate_next(self) -> None:
        """Negate the next mention or cue alone: "instead of ...", "any arm but ..."."""
        self.negated = self.negates_once = True
        self.since_negation = self.negated_acts = 0

    def _subordinate(self, token: EnglishToken) -> None:
        is_polite = token.text in ("if", "whether") and self.text(1) in ("you", "i") and self.text(2) in _POLITE
        is_polite = is_polite or (
            token.text == "if" and any(t.text in PLEASED for t in self.tokens[self.start : self.i])
        )
        self.polite = self.polite or is_polite
        if self.near(-1) != "neg":
            self.negated = self.negates_once = False
        if token.text in CONDITIONS and not is_polite:
            self.hypothetical = True
            self.conditional = self.conditional or self.i <= self.start + 1
        if token.text in ("which", "who", "whose", "whom", "where", "whatever", "whichever"):
            self.main, self.main_act = self.subject, self.act
            if self.prep in ("over", "round") and self.parse.mentions:
                self.parse.mentions[-1].prep = self.prep  # "the post, over which ..."
                self.parse.mentions[-1].is_negated = False
        self.side, self.prep = not is_polite, ""
        self.clause += 1
        self.subject = self.act = None
        self.i += 1

    def _prep(self, token: EnglishToken) -> None:
        if token.text == "from" and self.text(1) in ("that", "this") and self.text(2) == "side" and self.last_side:
            self._cue("approach", self.last_side)
            self.i += 2
            return
        if token.text == "to" and self.near(1) in ("verb", "unknown"):
            self._purpose()
            return
        if token.text == "about" and self.text(1) == "to":
            self.hypothetical, self.i = True, self.i + 1
            return
        if token.text in ("for", "when") and self._excludes_a_tool():
            self.negated = False  # "do not use the right arm for the cube"
        self.i += 1
        for side in ("left", "right"):
            if side in token.text.split():
                self.last_side = side
        if token.text == "above" and self._is_tag():
            self.i -= 1
            self._cue("approach", "top")
            return
        if token.value == "instead":
            self._negate_next()
            return
        if token.text == "than" and self.near(0) in ("approach", "grasp"):
            self._negate_next()  # "rather from the left than from above"
            return
        if token.text == "as" and self.fresh and self.near(0) in ("word", "unknown"):
            self.side, self.act, self.subject = True, None, None
            return
        if token.value == "cause":
            self.side = True
            return
        if token.text in ("before", "after", "until"):
            self.negated = self.negated and self.text(0) != "you"  # "do not let go after you grab it"
            self.clause += 1
            self.side = self.side or self.act is None
            self.subject = self.act = None
            self.prep = "near"
            return
        self.prep = token.value

    def _purpose(self) -> None:
        """ "to" before a verb: what it is for, or what is wanted."""
        if (self.fresh and self.act is None) or (
            self.text(-1) not in _PURPOSE_OK
            and (self.near(1) == "unknown" or self.tokens[self.i + 1].value in ("see", "cannot", "state"))
        ):
            self.side = True
        if self._excludes_a_tool():
            self.negated = False  # "do not use the right arm to lift it"
        self.prep = ""
        self.i += 1

    def _excludes_a_tool(self) -> bool:
        """Whether it is an arm that is not to be used, and not the deed that follows."""
        act = self.act
        if act is None or not act.is_negated or act.value != "use":
            return False
        is_used = act.is_passive and act.subject is not None and act.subject.kind == "arm"
        return is_used or any(m.kind == "arm" for m in act.objects)

    def _word(self, token: EnglishToken, kind: str) -> None:
        text = token.text
        self.i += 1
        if self.negates_once and (
            kind == "unknown" or (kind == "word" and text not in _ARTICLES and self.near(-2) == "neg")
        ):
            self.negated = self.negates_once = False  # "without delay"
        if kind == "unknown":
            self._strange(text)
            self.side = self.side or (self._begins_relative() and self.near(0) == "verb")
            self.fresh = False
            self.prep = ""
        elif kind == "bad":
            self.parse.bad.append(text)
        elif (
            text == "all"
            and self.near(0) in ("break", "prep")
            and (
                (self.act is not None and self.act.value in ("clean", "put", "pick", "throw"))
                or (self.act is None and self.text(0) in ("in", "into", "to"))
            )
        ):
            self.i -= 1
            self._add(Mention("all", self.i, self.i + 1, head="all"))
        elif text in _JOINS:
            self._conjunction(text)
        elif text in ("i", "we", "my", "our", "his", "her", "he", "she", "they") and self._begins_relative():
            self.side = True
        elif text in _HYPOTHETICAL:
            self.hypothetical = text != "about" or self.text(0) == "to"
        elif text == "did" and self.text(0) != "not":
            self.side = self.hypothetical = True
        elif kind == "way" and self._is_tag():
            self.i -= 1
            self._cue("approach", token.value)
        elif text in ("top", "front", "overhead") and (self._is_tag() or self._is_keyword()):
            self.i -= 1
            self._cue("approach", "front" if text == "front" else "top")
        elif text == "should" and self.fresh and self.text(-2) != "you" and self.act is None and self.subject is None:
            self.hypothetical = self.conditional = self.side = True
        elif self.near(0) != "break":
            self.fresh = self.fresh and text in _STILL_FRESH

    def _is_tag(self) -> bool:
        """Whether the word just passed stands alone between breaks."""
        return self.near(0) == "break" and (self.i < 2 or self.near(-2) == "break")

    def _is_keyword(self) -> bool:
        """Whether the word just passed stands in a telegram after another part of it: "pick cube left arm top"."""
        is_telegram = len(self.tokens) <= 16 and not any(t.text in _ARTICLES for t in self.tokens)
        is_after = self.near(-2) in ("arm", "shape", "bowl", "color", "approach", "grasp", "finger")
        return is_telegram and is_after and (self.near(0) in ("break", "prep", "arm", "grasp", "side"))

    def _begins_relative(self) -> bool:
        """ "the block (that) I dropped": what somebody did with it is a remark."""
        before = self.parse.mentions[-1] if self.parse.mentions else None
        return (
            before is not None
            and before.kind == "object"
            and (before.end == self.i - 1 or (before.end == self.i - 2 and self.text(-2) == "that"))
        )

    def _strange(self, text: str) -> None:
        act = self.act if self.act is not None and self.act.clause == self.clause else None
        is_command = (
            self.fresh
            and not {self.text(-2), self.text(-3)} & _PERSONS
            and self.near(0) != "break"
            and self.text(0) not in ("that", "and", "or", "but", "you", "i", "is", *_DONE)
        )
        is_command = is_command and self._may_be_command(text)
        is_relative = self._begins_relative() and (self.near(0) == "verb" or self.text(0) == "left")
        is_side = self.side or is_relative or self._is_compared() or self.prep == "basis"
        prep = "with" if self.text(-2) == "by" else self.prep
        unknown = Unknown(text, self.sentence, is_side, is_command, self.clause, prep, act)
        unknown.at = self.i - 1
        unknown.is_object = self.near(-2) == "verb" or self.text(-2) in ("up", "down", "off", "on")
        unknown.is_aside = (self.near(-2) == "break" and self.near(0) == "break") or is_call(self.tokens, unknown.at)
        is_thing = self.subject is None or self.subject.kind == "object"
        unknown.is_predicate = (is_thing and self.text(-2) == "of" and self.text(-3) == "made") or (
            self.text(-2) in AUXILIARY and self.text(-3) in ("that", "which")
        )
        self.parse.unknown.append(unknown)

    def _is_relative_of_somebody(self, token: EnglishToken) -> bool:
        """ "The cube that Priya left there": what somebody whose name is not known did with it."""
        before = self.parse.mentions[-1] if self.parse.mentions else None
        is_after = before is not None and before.kind == "object" and before.end == self.i and bool(before.shapes)
        return (
            is_after
            and token.text in ("that", "which")
            and self.near(1) == "unknown"
            and (self.text(2) == "left" or (self.near(2) in ("verb", "word") and self.text(2).endswith("ed")))
        )

    def _may_be_command(self, text: str) -> bool:
        """Whether an unknown word where a clause begins may be a verb that says what to do: "hoover", not "Bob says"."""
        follows = self.tokens[self.i] if self.i < len(self.tokens) else None
        is_subject = follows is not None and follows.kind in ("verb", "unknown") and follows.form in ("s", "ed")
        is_subject = is_subject or (follows is not None and follows.text in SAYS)
        is_base = not text.endswith(("ing", "ed", "ly")) and (not text.endswith("s") or text.endswith(("ss", "us")))
        return is_base and not is_subject and self.near(-2) != "prep"

    def _is_compared(self) -> bool:
        """ "As smoothly as butter", "for inspection": what it is like, or what it is for."""
        return any(self.text(-n) in ("as", "like", "for", "than") for n in (2, 3)) and self.near(-2) != "verb"

    def _conjunction(self, text: str) -> None:
        if text == "but" and (self.text(-3) in _ANY or self.text(-2) in _ANY):
            self._negate_next()
            return
        is_contrast = text == "but" and self.near(0) == "prep" and self.negated
        if is_contrast and self.act is not None and self.act.is_negated and self.act.clause == self.clause:
            self._negate_end_only(self.act)
        if text != "or":
            self.clause += 1
            self.fresh = True
            self.prep = ""
        if text == "while" or self.text(0) == "you":
            self.subject = self.act = None
        if text in ("but", "then", "so", "while"):
            self.negated = self.side = self.hypothetical = False
        elif text == "and":
            self._and()

    def _is_after_doing(self) -> bool:
        """ "Without touching it and drops it": what is not to be done ends in "-ing", what follows does not."""
        last = self.parse.acts[-1] if self.parse.acts else None
        is_doing = last is not None and last.is_negated and last.form == "ing"
        return is_doing and self.tokens[self.i].form in ("s", "base")

    def _negate_end_only(self, act: Act) -> None:
        """ "Should not go into the left bowl but into ...": it is the end that is denied, and not the deed."""
        act.is_negated = False
        for m in self.parse.mentions:
            if m.verb_at == act.at and not m.prep:
                m.is_negated = False

    def _and(self) -> None:
        is_verb = self.near(0) == "verb"
        if self.text(0) in ("instead", "rather"):
            self.negated = self.side = False  # "never touches the can and instead lifts the ball"
        if self.negated and not self.negated_acts:
            self.negated = False
        elif (
            self.negated
            and is_verb
            and self.since_negation > 1
            and self.text(1) not in PRONOUNS
            and self.near(1) != "break"
        ):
            self.negated = self.tokens[self.i].form != "base"
        if self.negated and is_verb and self._is_after_doing():
            self.negated = False
        if is_verb and self.tokens[self.i].form == "base" and not self.hypothetical:
            self.side = False
