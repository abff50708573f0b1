"""What a mention does in its clause: how strongly it is what the robot acts on, or what something is put on."""

from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_parse_types import Act, Parse
from finevla_core.language.english_word_tables import word_set

# Verbs that move the hand where nothing else is named, and what is named where something is.
MOVERS = word_set("""
    mov slid bring brought guid send sent position swing swung draw drew drift align float eas steer advanc
    sneak leav left get
    """)
WORK = frozenset(("pick", "put", "throw", "stack", "turn", "reach"))
PUTS = frozenset(("put", "throw", "stack"))
_OBJECT = {
    "pick": 5.0,
    "put": 5.0,
    "throw": 5.0,
    "stack": 5.0,
    "turn": 5.0,
    "reach": 5.0,
    "want": 3.0,
    "see": 1.0,
    "state": 0.3,
    "withdraw": 0.0,
}
_AFTER = {"to": 4.0, "over": 3.5, "on": 3.5, "round": 3.0, "of": 2.5, "in": 2.0, "with": 1.0}
_ENDS = word_set("belongs belong end ends ending go goes need needs")
LIFELESS = frozenset(("near", "from", "under", "through", "basis"))


def is_mover(act: Act) -> bool:
    """Whether the verb moves what is named after it: "move the cube", and not "approach the cube"."""
    return is_moving(act.text)


def is_moving(verb: str) -> bool:
    """Tell whether a verb in any form moves what is named after it."""
    stem = verb
    for ending in ("ing", "es", "ed", "e", "s"):
        stem = stem.removesuffix(ending)
    return stem in MOVERS or verb in MOVERS


class Roles:
    """Roles of all mentions of a text."""

    def __init__(self, parse: Parse) -> None:
        self.parse = parse
        self._acts = {act.at: act for act in parse.acts}
        is_short = len(parse.tokens) <= 45
        first = min((m.clause for m in parse.mentions if m.kind == "object"), default=0)
        idle = {
            a.at
            for a in parse.acts
            if a.value == "be"
            and a.clause > first
            and a.subject is not None
            and a.subject.kind == "pronoun"
            and not any(o.kind == "object" for o in a.objects)
        }  # "red cube, it is an emergency"
        working = {
            a.sentence for a in parse.acts if a.form != "noun" and not (is_short and (a.is_side or a.at in idle))
        }
        self.verbless = {m.sentence for m in parse.mentions} - working
        if len(parse.tokens) > 45:
            self.verbless -= {u.sentence for u in parse.unknown if not u.is_aside}

    def act(self, m: Mention) -> Act | None:
        """The verb that rules a mention."""
        return self._acts.get(m.verb_at)

    def score(self, m: Mention) -> float:
        """How strongly the mention is what the robot acts on."""
        if (
            m.is_negated
            or m.is_dead
            or (m.clause_is_bare and m.kind == "object" and not (m.colors or m.shapes or m.sizes))
        ):
            return 0.0
        if m.sentence in self.verbless and m.prep in ("", "to"):
            return 3.0
        act = self.act(m)
        if act is None:
            return 2.0 if not m.prep and m.clause_is_bare and len(self.parse.tokens) <= 45 else 0.5
        if act.is_negated or act.value == "withdraw":
            return 0.0
        weight = 0.3 if act.is_hypothetical else 0.4 if m.is_side or m.is_hypothetical or act.is_hypothetical else 1.0
        if m.kind == "pronoun":
            weight *= 0.4
        return weight * self._role(m, act)

    def _is_placed(self, act: Act) -> bool:
        tokens = self.parse.tokens[act.at + 1 : act.at + 4]
        return any(t.value in ("in", "on") and t.kind == "prep" for t in tokens)

    def _role(self, m: Mention, act: Act) -> float:
        value = act.value
        if value in PUTS and any(o.kind in ("arm", "finger") for o in act.objects):
            value = "reach"
        if m.is_subject:
            is_end = value in ("state", "be", "want") and (act.text in _ENDS or (act.is_modal and self._is_placed(act)))
            return 4.0 if value in WORK or value == "rise" or is_end else 0.5
        subject = act.subject
        if (
            subject is not None
            and subject.kind in ("object", "pronoun")
            and act.text in _ENDS
            and m.prep in ("on", "in")
        ):
            return 0.0  # "it is to go on the blue cube"
        if not m.prep:
            return _OBJECT.get(value, 0.5)
        if m.prep in LIFELESS:
            return 0.0
        if m.prep in ("on", "over") and (value in PUTS or value == "state"):
            return 0.0
        if value == "be" and m.prep in ("over", "to"):
            return 1.5
        if value == "wait":
            return {"over": 3.0, "on": 2.0, "to": 2.5}.get(m.prep, 0.5)
        if value in ("reach", "descend", "close", "pick", "squeeze", "turn"):
            return _AFTER.get(m.prep, 1.0)
        return {"of": 1.5, "with": 2.0}.get(m.prep, 0.5)
