"""What a token of several kinds is where it stands: "can", "left", "right", "turn" and their like."""

from finevla_core.language.english_noun_phrase_words import RIGHT_BEFORE
from finevla_core.language.english_token_cursor import TokenCursor
from finevla_core.language.english_tokens import EnglishToken
from finevla_core.language.english_word_tables import word_set

PARTICLES = word_set("""
    back down off around round past over by in on through along inside above below behind beside
    """)
_NOUN_BEFORE = word_set("the a an its your their this that any each every of further no some one in single")
_ORDER = word_set("next last first second third final new")  # "next run starts soon"
_CAN_BEFORE = word_set("""
    the a that this each any coloured colored one two same other either neither tall open thin empty of
    """)
_LATE = frozenset(
    (
        "wait",
        "excuse me",
        "pardon me",
        "forgive me",
        "er",
        "err",
        "wrong",
        "make it",
        "should be",
        "that should be",
        "mistake",
        "not that",
        "eh",
    )
)
_LONG = 45  # tokens
_STATES = word_set("is are was be stays remains and")
_MEANT_BEFORE = frozenset(("one", "ones", "what", "thing", "object", "the one", "all"))
_CLEANED = word_set("up off away the that this your our all everything it out")
_PRAISES = word_set("nice a good one very really neat lovely perfectly super")
_COMMAND_BEFORE = frozenset(("", ".", ",", "please", "and", "then", "now", "just", "you", "to", "robot", ";", ":", "!"))
_HANDED = word_set("over it me him her us them that this the")
_HANGS = frozenset(("above", "over", "just above", "right above", "there", "still"))
_HANGING = word_set("hang hangs hanging rest rests resting")
_NOUN_VERBS = word_set("hand tip drum box block bar arm finger marble")
_TWO_KINDS = (
    _HANGING
    | _NOUN_VERBS
    | word_set("""
    no top actually rather instead great can clear empty clean tidy open colour color mind blocks bars tubes
    """)
)
_REMAINDERS = word_set("nothing anything something objects things items")
_SOUNDS = word_set("hmm er um uh oh ah well wait ok")


class Context(TokenCursor):
    """Tokens with a place in them."""

    def __init__(self, tokens: list[EnglishToken]) -> None:
        super().__init__(tokens)
        self.has_mentions = False
        self.verb = ""  # class of the verb that rules here

    def kind(self) -> str:
        """The kind that the token at this place has here."""
        token = self.tokens[self.i]
        text = token.text
        if (token.kind == "corr" or text in _TWO_KINDS) and (found := self._special(token, text)):
            return found
        if token.kind == "verb":
            return self._verb_kind(token)
        if token.kind == "side":
            return "word" if self._is_no_side(text) else "side"
        return "prep" if text in PARTICLES else token.kind

    def _special(self, token: EnglishToken, text: str) -> str:
        """The kind of a word that is one of several by what stands beside it; "" where its table is right."""
        before, after = self.text(-1), self.text(1)
        if text == "no":
            return "corr" if self._is_no_correction() else "neg"
        if text == "top" and before in _COMMAND_BEFORE and after in ("the", "that"):
            token.kind, token.value, token.form = "verb", "stack", "base"  # "top the brick with the ball"
        if text in ("i mean", "i meant") and before in _MEANT_BEFORE:
            return "word"  # "that is not the one I mean"
        if token.kind == "corr" and text in _LATE:
            return self._late_kind(token)
        if text in ("actually", "rather", "instead") and self.near(-1) == "break" and self.has_mentions:
            return "corr"
        is_first = self.near(-1) in ("break", "word") and before in _COMMAND_BEFORE
        is_paint = text in ("colour", "color") and self.near(-1) == "break" and after in ("the", "it", "that")
        if (text in _NOUN_VERBS and is_first and after in _HANDED) or is_paint:
            token.kind, token.value, token.form = "verb", "cannot", "base"
        if text == "great" and before in ("be", "is", "was", "are", "feel", "feels", "sounds", "looks"):
            return "word"
        if text == "can" and token.kind == "shape":
            return "shape" if self._is_can_noun() else "word"
        if text == "clear" and (after == "of" or before in ("well", "is", "are", "be")):
            return "word"
        if text in _HANGING and after in _HANGS:
            token.value, token.is_idle = "wait", False
        if text in ("empty", "clean", "tidy") and self._is_how_it_is():
            return "word"
        if text == "open" and token.kind == "verb" and self._is_state():
            return "word"
        is_warned = text == "mind" and self.near(1) in ("word", "color", "post")
        is_warned = is_warned and (self.near(-1) == "break" or before in ("and", "but", "then"))
        if is_warned and after in ("the", "that"):
            return "neg"
        if token.kind == "shape" and text in ("blocks", "bars", "tubes") and self.near(-1) in ("post", "table", "arm"):
            return "word"
        return ""

    def _late_kind(self, token: EnglishToken) -> str:
        """The kind of a word that corrects only after something was said: "wait", "should be"."""
        text = token.text
        if text in ("should be", "that should be") and self.near(1) == "verb":
            return "word"
        is_late = self.near(-1) in ("break", "corr") and self.has_mentions
        if is_late and not (text == "wait" and (self.near(1) in ("prep", "number") or self._is_step())):
            return "corr"
        if text == "wait":
            token.kind, token.value, token.form = "verb", "wait", "base"
            return "verb"
        return "word"

    def _is_step(self) -> bool:
        """ "Open the fingers, wait one second, go up": a step of a text that describes motions, and no second thought."""
        is_taken_back = self.near(1) == "break" and (self.near(2) in ("corr", "neg") or self.text(2) == "actually")
        return self.text(1) in ("one", "two", "three", "five", "ten") or (
            len(self.tokens) > _LONG and not is_taken_back
        )

    def _is_how_it_is(self) -> bool:
        """Whether "clean" says how something is, and is not what shall be done: "and clean up the table"."""
        before = self.text(-1)
        return (before in _STATES or before in _PRAISES) and not (before == "and" and self.text(1) in _CLEANED)

    def _is_state(self) -> bool:
        """Whether "open" says how the hand is, and is not what it shall do."""
        if self.text(-1) in (
            "fully",
            "wide",
            "held",
            "stay",
            "stays",
            "kept",
            "fingers",
            "jaws",
            "start",
            "starts",
            "initially",
            "is",
            "are",
            "an",
        ):
            return True
        return self.near(-1) in ("arm", "finger") and self.text(1) not in (
            "the",
            "your",
            "its",
            "up",
            "it",
            "and",
            "them",
            "both",
        )

    def _is_no_correction(self) -> bool:
        """Whether "no" takes back what was said, and is not "no lifting" or "no left gripper"."""
        if not self.has_mentions or not (self.near(-1) in ("break", "corr") or self.text(-1) in _SOUNDS):
            return False
        after = self.near(1)
        if after == "verb":
            return self.tokens[self.i + 1].form == "base" and self.near(2) not in ("break", "verb")
        return after in ("break", "corr", "prep") or self.text(1) in ("the", "not", "wait", "it", "both")

    def _is_can_noun(self) -> bool:
        after = self.text(1)
        if after in ("you", "be", "not", "i", "we", "stay", "rest", "remain"):
            return self.text(-1) in ("the", "a") and after in ("be", "not")
        before = self.near(-1)
        follows = self.tokens[self.i + 1] if self.i + 1 < len(self.tokens) else None
        if before == "side" and follows is not None and follows.kind == "verb" and follows.form == "base":
            return False  # "the left can pick the ball"
        if before == "verb" or (before == "word" and self.text(-1) in ("up", "down")):
            return after not in ("it", "the")
        return before in ("color", "size", "shapeword", "break", "prep", "side") or self.text(-1) in _CAN_BEFORE

    def _verb_kind(self, token: EnglishToken) -> str:
        before = self.text(-1)
        if token.form in ("base", "s") and token.value not in ("be", "release"):
            is_noun = (
                before in _NOUN_BEFORE
                and not (before in ("that", "this") and self.text(1) in ("the", "a", "your", "it"))
            ) or self.near(-1) in ("size", "number")
            is_noun = is_noun or (token.value == "cannot" and self._is_compound())  # "the benchmark run"
            is_noun = is_noun or (before in _ORDER and self.near(1) == "verb" and self.tokens[self.i + 1].form == "s")
            is_noun = is_noun or (self.near(-1) == "grasp" and token.text in ("grip", "grasp", "hold"))
            is_noun = is_noun or (
                self.near(-1) in ("grasp", "turn", "approach") and self.text(-2) in ("a", "the", "no", "its", "your")
            )
            if is_noun and not (token.form == "s" and before in ("that", "this", "one", "in")):
                token.form = "noun"
        is_deed = before == "for" and self.near(1) in ("word", "color", "size", "shape") and self.verb == "use"
        is_deed = is_deed or (before == "the" and self.text(-2) in ("do", "does", "doing"))
        if token.form == "ing" and before in ("the", "no", "a", "for") and not is_deed:
            token.form = "noun"
        return "verb"

    def _is_compound(self) -> bool:
        at = self.i - 1
        return at > 0 and self.tokens[at].value == "noun" and self.tokens[at - 1].text in _NOUN_BEFORE

    def _is_no_side(self, text: str) -> bool:
        """Whether "right" is just "right above", or "left" just what was left there."""
        after = self.text(1)
        if (
            text == "right"
            and self.text(-1) in ("this", "that", "it", "all", "just", "got")
            and self.near(1) == "break"
            and self.verb != "turn"
        ):
            return True
        if text == "right" and after in RIGHT_BEFORE:
            if self.near(-1) == "verb":
                return self.verb != "turn"
            is_arm = self.near(-1) == "arm" and not {"the", "your"} & {self.text(-2), self.text(-3)}
            return self.text(-1) not in ("the", "your", "to", "its", "from", "far", "left", "her", "a") and not is_arm
        if text == "left" and self.text(-1) in (
            "who",
            "whoever",
            "i",
            "we",
            "he",
            "she",
            "they",
            "somebody",
            "someone",
            "you",
        ):
            return self.near(1) != "arm"
        if text == "left" and self.text(-1) in ("has", "have", "had") and self.near(1) == "break":
            return True
        if text == "left" and self.text(-1) in _REMAINDERS:
            return after not in ("of", "and") and self.near(1) not in ("arm", "bowl", "finger")
        if text == "left" and self.text(-1) in ("is", "are", "be", "been", "was", "being", "were"):
            return self.near(1) not in ("arm", "bowl", "finger") and after not in ("of", "and", "")
        return False
