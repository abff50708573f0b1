"""Decides each slot from what an English text was parsed into."""

from dataclasses import dataclass, field

from finevla_core.language.english_entities import OPPOSITE, Entity, Links
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_parse import Act, Cue, Parse

WORK = frozenset(("pick", "put", "throw", "stack", "turn", "reach"))
ON = frozenset(("on", "over"))


@dataclass
class Decision:
    """Slots, and what speaks against acting on them."""

    slots: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    target: Entity | None = None
    support: Entity | None = None
    scores: dict[int, float] = field(default_factory=dict)


class Decider:
    """One decision for each slot."""

    def __init__(self, parse: Parse, links: Links) -> None:
        self.parse, self.links = parse, links
        self.acts = [a for a in parse.acts if not a.is_dead]
        self.positive = [a for a in self.acts if not a.is_negated and not a.is_hypothetical]
        self.mentions = [m for m in parse.mentions if not m.is_dead]
        self.is_long = len(parse.tokens) > 60
        self.out = Decision()
        self.verbless = {m.sentence for m in self.mentions} - {a.sentence for a in self.acts if a.form != "noun"}

    def decide(self) -> Decision:
        """Fill in the slots."""
        self._target()
        self._task()
        self._arm()
        self._approach()
        self._grasp()
        self._path()
        self._turn()
        return self.out

    # ---- target

    def _target(self) -> None:
        scores: dict[int, float] = {}
        for m in self.mentions:
            if m.kind in ("object", "pronoun") and m.entity >= 0 and not m.is_negated:
                scores[m.entity] = scores.get(m.entity, 0.0) + self._score(m)
        self.out.scores = scores
        if scores and max(scores.values()) > 0:
            best = max(scores.values())
            number = next(n for n in scores if scores[n] == best)
            self.out.target = self._merged(number)

    def _merged(self, number: int) -> Entity:
        return self.links.entities[number]

    def _score(self, m: Mention) -> float:
        weight = 0.4 if m.is_side or m.is_hypothetical else 1.0
        if m.kind == "pronoun":
            weight *= 0.4
        if m.sentence in self.verbless and not m.prep:
            return 3.0
        if m.sentence in self.verbless and m.prep == "to":
            return 3.0
        act = self._act_of(m)
        if act is None:
            return 0.5 * weight
        if act.is_negated or m.is_idle:
            return 0.0
        return weight * self._role(m, act)

    def _role(self, m: Mention, act: Act) -> float:
        value = act.value
        if m.is_subject:
            return (
                4.0
                if value in WORK or (value in ("state", "be") and act.text in ("belongs", "belong", "end", "ends"))
                else 0.5
            )
        if not m.prep:
            return {
                "pick": 5.0,
                "put": 5.0,
                "throw": 5.0,
                "stack": 5.0,
                "turn": 5.0,
                "reach": 5.0,
                "want": 3.0,
                "see": 1.0,
            }.get(value, 0.3 if value == "state" else 0.5)
        if m.prep in ("near", "from", "under", "through"):
            return 0.0
        if value in ("put", "throw", "stack", "state") and m.prep in ON:
            return 0.0
        if value in ("reach", "descend", "close", "pick", "squeeze", "turn"):
            return {"to": 4.0, "over": 3.5, "on": 3.5, "round": 3.0, "of": 2.5, "in": 2.0, "with": 1.0}.get(m.prep, 1.0)
        return {"of": 1.5, "with": 2.0}.get(m.prep, 0.5)

    def _act_of(self, m: Mention) -> Act | None:
        for act in self.parse.acts:
            if act.at == m.verb_at:
                return act
        return None

    # ---- task, place and what is below

    def _task(self) -> None:
        out = self.out
        if self._is_clean():
            out.slots["task"] = "clean"
            out.target = None
            self._bowl()
            return
        target = out.target
        if target is not None:
            for slot in ("color", "shape", "size"):
                if word := getattr(target, slot):
                    out.slots[slot] = word
        is_knob = target is not None and target.shape == "knob"
        if is_knob:
            out.slots["task"] = "turn" if self._turns() else "reach"
            return
        self._bowl()
        if "place" in out.slots or self._goes_into_bowl():
            out.slots["task"] = "place"
            return
        self._support()
        if out.support is not None:
            out.slots["task"] = "stack"
            out.slots["place"] = "object"
            for slot in ("color", "shape"):
                if word := getattr(out.support, slot):
                    out.slots[f"below_{slot}"] = word
            return
        out.slots["task"] = "turn" if target is not None and self._turns() else "pick" if self._picks() else "reach"

    def _is_clean(self) -> bool:
        for act in self.positive:
            kinds = {m.kind for m in act.objects}
            if act.value == "clean" and (
                kinds & {"table", "all"}
                or (
                    act.text[:3] in ("cle", "tid", "dec")
                    and act.form != "noun"
                    and not kinds - {"pronoun", "arm"}
                    and act.text[:4] != "clea"
                )
            ):
                return True
            if act.value in ("put", "clean", "throw", "pick", "stack") and "all" in kinds:
                return True
        for m in self.mentions:
            if (
                m.kind == "all"
                and not m.is_negated
                and m.is_subject
                and m.verb in ("put", "pick", "reach", "state", "clean", "throw", "be")
            ):
                return not self._is_kept(m)
            if m.kind == "table" and m.verb == "clean" and not m.is_negated:
                return True
        return (
            any(a.value == "clean" and a.text.startswith(("clean", "tid")) and a.form != "noun" for a in self.positive)
            and not self.out.target
        )

    def _is_kept(self, m: Mention) -> bool:
        return any(
            self.parse.tokens[i].text in ("stay", "stays", "remains", "remain", "untouched")
            for i in range(m.end, min(m.end + 4, len(self.parse.tokens)))
        )

    def _bowl(self) -> None:
        scores: dict[str, float] = {}
        for m in self.mentions:
            if m.kind != "bowl" or m.is_negated or not m.side or m.is_hypothetical:
                continue
            act = self._act_of(m)
            if act is not None and act.is_negated:
                continue
            weight = {"in": 3.0, "to": 2.0, "over": 2.0, "on": 1.5}.get(m.prep, 0.0)
            if not m.prep and (
                m.sentence in self.verbless
                or not m.is_subject
                and (act is None or act.value not in ("pick", "turn", "open", "use"))
            ):
                weight = 1.0
            if (
                m.prep == "in"
                and act is not None
                and act.value in ("be", "state")
                and act.text not in ("belong", "belongs", "end", "ends", "be")
            ):
                weight = 0.5
            if weight:
                scores[m.side] = scores.get(m.side, 0.0) + weight
        if scores:
            side = max(scores, key=lambda s: scores[s])
            self.out.slots["place"] = f"{side}_bowl"

    def _goes_into_bowl(self) -> bool:
        return any(
            m.kind == "bowl" and not m.is_negated and m.prep in ("in", "to", "over") and not m.side
            for m in self.mentions
        )

    def _support(self) -> None:
        scores: dict[int, float] = {}
        target = self.out.target
        for m in self.mentions:
            if (
                m.entity < 0
                or m.is_negated
                or m.prep not in ON
                or m.kind not in ("object", "pronoun")
                or m.is_hypothetical
            ):
                continue
            if self.links.entities[m.entity] is target:
                continue
            act = self._act_of(m)
            if act is not None and act.is_negated:
                continue
            value = act.value if act else ""
            weight = 3.0 if value in ("put", "stack", "state", "throw", "be", "reach", "pick") else 1.0
            if m.prep == "over" and not self._has_picked(m):
                weight = 0.0
            if value in ("close", "squeeze"):
                weight = 0.0
            scores[m.entity] = scores.get(m.entity, 0.0) + weight
        if scores and max(scores.values()) > 0:
            self.out.support = self.links.entities[max(scores, key=lambda n: scores[n])]

    def _has_picked(self, m: Mention) -> bool:
        return any(a.at < m.start and a.value in ("pick", "put", "stack", "close") for a in self.positive)

    def _turns(self) -> bool:
        return any(a.value == "turn" for a in self.positive) or any(
            c.slot == "turn" and not c.is_negated for c in self.parse.cues if not c.is_dead
        )

    def _picks(self) -> bool:
        for act in self.positive:
            kinds = {m.kind for m in act.objects}
            if act.value == "pick" and not kinds & {"arm", "finger", "post", "bowl"}:
                if act.text in ("hold", "holds", "holding", "held") and not kinds & {"object"}:
                    continue
                return True
            if act.value == "close" and self.is_long:
                return True
        return bool(
            any(a.value in ("put",) and {m.kind for m in a.objects} & {"object"} for a in self.positive) and False
        )

    # ---- how

    def _arm(self) -> None:
        scores = {"left": 0.0, "right": 0.0}
        for m in self.mentions:
            if m.kind != "arm" or not m.side:
                continue
            if m.is_negated or self._is_idle(m):
                scores[m.side] -= 3.0
            elif m.is_plural:
                continue
            else:
                scores[m.side] += 3.0 if m.prep == "with" or m.verb == "use" else 2.0
        left, right = scores["left"], scores["right"]
        if left > 0 and right > 0 and abs(left - right) < 2 and not self.is_long:
            self.out.problem = "you say both left and right arm: say one"
        elif left > right and (left > 0 or left == 0 > right):
            self.out.slots["arm"] = "left"
        elif right > left and (right > 0 or right == 0 > left):
            self.out.slots["arm"] = "right"

    def _is_idle(self, m: Mention) -> bool:
        """Whether the words around say that this arm does nothing."""
        act = self._act_of(m)
        tokens = self.parse.tokens
        if (
            act is not None
            and not m.is_subject
            and not m.prep
            and act.value == "state"
            and act.text[:4] in ("keep", "leav", "lets")
        ):
            return True
        if m.prep == "with" and act is not None:
            return False
        if act is not None and act.is_negated and m.is_subject:
            return True
        has_work = False
        for i in range(m.end, min(m.end + 14, len(tokens))):
            token = tokens[i]
            if token.text in ".!?;\n" or (token.kind == "break" and has_work):
                break
            if token.text in ("while", "but"):
                break
            if (
                token.kind == "verb"
                and token.value in WORK | {"use", "descend", "close", "open"}
                and token.form != "noun"
                and not token.is_idle
            ):
                return False
            if token.kind == "neg" and (i - m.end) < 6:
                return True
            if token.is_idle:
                return True
            if token.kind in ("arm", "shape", "bowl") and i > m.end:
                break
            has_work = has_work or token.kind == "verb"
        return False

    def _cues(self, slot: str) -> list[Cue]:
        """Live cues of a slot, in order; a correction kills what was said before it."""
        cues = [c for c in self.parse.cues if c.slot == slot]
        for number, cue in enumerate(cues):
            if cue.is_repair:
                for earlier in cues[:number]:
                    earlier.is_dead = True
        return [c for c in cues if not c.is_dead]

    def _approach(self) -> None:
        values = [c.value for c in self._cues("approach") if not c.is_negated and c.verb not in ("withdraw",)]
        wrong = [v for v in values if v in ("near", "below")]
        if wrong and len(wrong) == len(values):
            self.out.problem = f"I cannot come {'from below' if wrong[0] == 'below' else 'from the near side'}"
        values = [v for v in values if v not in wrong]
        if values:
            self.out.slots["approach"] = max(values, key=lambda v: (values.count(v), -values.index(v)))

    def _grasp(self) -> None:
        values = [
            c.value
            for c in self._cues("grasp")
            if not c.is_negated
            and not (c.verb in ("reach", "put", "throw", "turn", "state", "stack") and self._needs_grip(c))
        ]
        values = values or self._fingers()
        if values:
            self.out.slots["grasp"] = values[-1]

    def _needs_grip(self, cue: Cue) -> bool:
        return self.parse.tokens[cue.at].text in ("sideways", "across", "lateral", "left and right")

    def _fingers(self) -> list[str]:
        """Where the fingers go, one by one."""
        tokens = self.parse.tokens
        for start, token in enumerate(tokens):
            if token.kind != "finger":
                continue
            marks: set[str] = set()
            for i in range(start, min(start + 22, len(tokens))):
                if tokens[i].text in (".", "!", "?", "\n"):
                    break
                if tokens[i].kind == "neg" and i < start + 2:
                    break
                if tokens[i].kind == "side" and (i + 1 >= len(tokens) or tokens[i + 1].kind not in ("arm", "bowl")):
                    marks.add(tokens[i].value)
                text = tokens[i].text
                if text in (
                    "in front",
                    "in front of",
                    "ahead",
                    "ahead of",
                    "front",
                    "before",
                    "on the far side of",
                    "beyond",
                    "far",
                ):
                    marks.add("far")
                elif text in ("behind", "back", "rear", "on the near side of", "near"):
                    marks.add("near")
            if {"left", "right"} <= marks:
                return ["sideways"]
            if {"far", "near"} <= marks:
                return ["lengthways"]
        return []

    def _path(self) -> None:
        values: list[tuple[str, bool]] = []
        last = ""
        for m in self.mentions:
            if m.kind == "post" or (m.kind == "pronoun" and last == "post"):
                word = {"over": "over", "round": "round"}.get(m.prep, "")
                if word:
                    values.append((word, m.is_negated))
            if m.kind in ("post", "object"):
                last = m.kind
        yes = [v for v, negated in values if not negated]
        no = [v for v, negated in values if negated]
        if yes:
            self.out.slots["path"] = yes[-1]
        elif no:
            self.out.slots["path"] = {"over": "round", "round": "over"}[no[-1]]

    def _turn(self) -> None:
        if self.out.slots.get("task") != "turn":
            return
        cues = self._cues("turn")
        for m in self.mentions:
            if m.kind == "side" and m.side and m.verb == "turn" and not m.is_negated:
                cues.append(
                    Cue("turn", "clockwise" if m.side == "right" else "counterclockwise", m.start, m.sentence, m.clause)
                )
        yes = [c.value for c in cues if not c.is_negated]
        no = [c.value for c in cues if c.is_negated]
        if len(set(yes)) > 1:
            self.out.problem = "you say both clockwise and counterclockwise: say one"
        elif yes:
            self.out.slots["turn"] = yes[-1]
        elif no:
            self.out.slots["turn"] = "counterclockwise" if no[-1] == "clockwise" else "clockwise"


__all__ = ["OPPOSITE", "Decider", "Decision"]
