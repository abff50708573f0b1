"""Decides what an English text wants: the target, the task, and where the target shall end."""

from dataclasses import dataclass, field

from finevla_core.language.english_clear_table import is_clean
from finevla_core.language.english_implied_bowl import bowl_there, corrected_bowl, that_bowl, waiting_bowl
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_objects import OPPOSITE, Entity
from finevla_core.language.english_parse_types import Act
from finevla_core.language.english_text import WANTING, EnglishText
from finevla_core.language.english_word_tables import word_set

_LIGHT = word_set("""
    take takes taking taken took get gets getting got hold holds holding held catch catches obtain collect
    gather claim
    """)
_ENCLOSES = ("enclos", "encircl", "embrac")
_BESIDE = frozenset(("next to", "close to", "near to", "close by", "near by", "right beside", "side by side with",
                     "just beside", "adjacent to", "in the vicinity of", "near", "beside", "by", "alongside"))  # fmt: skip
_MEETS = word_set("aligned align aligns line lined contact level flush centred centered parallel")


@dataclass
class Decision:
    """Slots, the objects that they speak of, and what speaks against acting on them."""

    slots: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    target: Entity | None = None
    support: Entity | None = None


def decide(text: EnglishText) -> Decision:
    """Fill in target, task, place and what is below."""
    out = Decision()
    out.target = _target(text)
    if is_clean(text, out.target):
        out.slots["task"] = "clean"
        out.target = None
        _bowl(text, out)
        return out
    if out.target is None:
        return out
    for slot in ("color", "shape", "size"):
        if word := getattr(out.target, slot):
            out.slots[slot] = word
    out.slots["task"] = _task(text, out, out.target)
    return out


def _target(text: EnglishText) -> Entity | None:
    scores: dict[int, float] = {}
    for m in text.mentions:
        if m.kind in ("object", "pronoun") and m.entity >= 0 and not m.is_negated:
            is_any = m.is_plural and text.links.entities[m.entity].is_nothing
            scores[m.entity] = scores.get(m.entity, 0.0) + text.roles.score(m) * (0.5 if is_any else 1.0)
    if not text.is_long and (gripped := _gripped_first(text)) >= 0:
        scores[gripped] = scores.get(gripped, 0.0) + 4.0
    if scores and max(scores.values()) <= 0 and (only := _only_thing(text)) is not None:
        return only
    if (not scores or max(scores.values()) <= 0) and (beside := _beside(text)) is not None:
        return beside
    if not scores or max(scores.values()) <= 0:
        is_turned = any(c.slot == "turn" for c in text.parse.cues) or any(
            m.kind == "side" and m.prep == "to" and not m.is_negated for m in text.mentions
        )  # "the knob is not to go clockwise but the other way"
        knobs = [m for m in text.mentions if "knob" in m.shapes and m.entity >= 0]
        return text.links.entities[knobs[0].entity] if knobs and is_turned else None
    best = max(scores.values())
    if best < 4.0 and any(a.value == "turn" for a in text.positive):
        for entity in text.links.entities:
            if entity.shape == "knob":
                return entity
    return text.links.entities[next(n for n in scores if scores[n] == best)]


def _gripped_first(text: EnglishText) -> int:
    """The only thing named before a grip without an "
    "object: "down on the brick, grab, over to the cube, let go"; else -1."""
    grips = [a.at for a in text.positive if a.value in ("pick", "close") and a.form in ("base", "s") and not a.objects]
    lets_go = [
        a.at for a in text.positive if a.value in ("put", "release", "open", "stack") and grips and a.at > grips[0]
    ]
    if not lets_go:
        return -1
    before = {
        m.entity for m in text.mentions
        if m.kind == "object" and m.entity >= 0 and m.start < grips[0] and not m.is_negated and m.prep != "near"
    }  # fmt: skip
    return before.pop() if len(before) == 1 else -1


def _beside(text: EnglishText) -> Entity | None:
    """The only thing beside which the hand shall be: "move your right hand next to the cube"; None without one."""
    found = {
        m.entity
        for m in text.mentions
        if m.kind == "object" and m.entity >= 0 and m.prep == "near" and not (m.is_negated or m.is_side or m.is_hypothetical)
        and text.parse.tokens[m.start - 1].text in _BESIDE
        and any(a.at == m.verb_at and a.value in ("reach", "wait") and not a.is_side for a in text.positive)
    }  # fmt: skip
    return text.links.entities[found.pop()] if len(found) == 1 else None


def _only_thing(text: EnglishText) -> Entity | None:
    """The only thing that is named where the hand closes or lifts without an object: "goes left of the can, closes"."""
    tokens = text.parse.tokens
    grips = any(
        a.value in ("pick", "close") and a.form in ("base", "s") and not a.objects
        and all(t.kind in ("break", "prep") or t.text in ("and", "then", "up") for t in tokens[a.at + 1 : a.at + 2])
        for a in text.positive
    )  # fmt: skip
    named = [m for m in text.mentions if m.kind == "object" and m.entity >= 0 and not m.is_negated and m.shapes]
    is_one = len({m.entity for m in named}) == 1 and not any(m.is_plural for m in named)
    return text.links.entities[named[0].entity] if grips and is_one else None


def _task(text: EnglishText, out: Decision, target: Entity) -> str:
    if target.shape == "knob":
        is_bare = not text.is_long and all(a.form == "noun" or a.is_side for a in text.parse.acts)
        is_turned = is_bare and any(m.kind == "side" and m.prep == "to" and m.side for m in text.mentions)
        return "turn" if is_turned or _turns(text, target) else "reach"
    _bowl(text, out)
    if "place" in out.slots or _is_for_a_bowl(text):
        return "place"
    out.support = _support(text, target) or _late_support(text, target)
    if out.support is not None:
        out.slots["place"] = "object"
        support = _known_better(text, out.support, target)
        for slot in ("color", "shape"):
            if word := getattr(support, slot):
                out.slots[f"below_{slot}"] = word
        return "stack"
    carries = any(a.value == "put" and any(text.is_target(m, target) for m in a.objects) for a in text.positive)
    if carries and any(m.kind == "post" and m.prep in ("over", "round") for m in text.mentions):
        return "place"
    if not target.shape and _turns(text, target):
        return "turn"
    wants = [a for a in text.positive if a.value in WANTING | {"want"} and a.form != "noun" and not a.is_side]
    if wants and all(a.value == "want" and any(text.is_target(m, target) for m in a.objects) for a in wants):
        return "pick"
    return "pick" if _picks(text, target) else "reach"


# ---- where it ends


def _bowl(text: EnglishText, out: Decision) -> None:
    scores: dict[str, float] = {}
    for m in text.mentions:
        if m.kind != "bowl" or m.is_negated or not m.side or m.is_hypothetical:
            continue
        act = text.roles.act(m)
        if act is not None and act.is_negated and act.clause == m.clause:
            continue
        if weight := _bowl_weight(text, m, act):
            scores[m.side] = scores.get(m.side, 0.0) + weight
    if not scores:
        excluded = {
            m.side for m in text.mentions if m.kind == "bowl" and m.is_negated and m.side and m.prep in ("in", "to", "")
        }
        if len(excluded) == 1 and any(m.kind == "bowl" and not m.is_negated and m.prep == "in" for m in text.mentions):
            scores[OPPOSITE[next(iter(excluded))]] = 1.0
    if not scores and (side := bowl_there(text) or that_bowl(text) or (waiting_bowl(text) if text.is_long else "")):
        scores[side] = 1.0
    if scores:
        side = max(scores, key=lambda side: scores[side])
        if len(set(scores.values())) < len(scores):
            side = corrected_bowl(text) or side
        out.slots["place"] = f"{side}_bowl"


def _bowl_weight(text: EnglishText, m: Mention, act: Act | None) -> float:
    if not m.prep:
        if (
            act is not None
            and not m.is_subject
            and (act.value == "use" or (act.value in ("put", "clean", "throw") and not m.determiner))
        ):
            return 2.0
        if not text.is_long and _stands_alone(text, m):
            return 2.0
        if m.is_subject and not m.determiner and act is not None and act.value == "reach" and act.form == "base":
            return 2.0  # "green cube left bowl go round post"
        is_free = not m.is_subject and (
            act is None or act.value not in ("pick", "turn", "open", "use", "state", "close")
        )
        return 1.0 if m.sentence in text.roles.verbless or is_free else 0.0
    weight = {"in": 3.0, "to": 2.0, "over": 2.0, "on": 1.5}.get(m.prep, 0.0)
    if (
        m.prep == "in"
        and act is not None
        and act.value == "state"
        and act.text in ("lie", "lies", "lying", "stands", "sits", "sitting")
    ):
        return 0.0
    return weight


def _stands_alone(text: EnglishText, m: Mention) -> bool:
    """ "Pick, right bowl, done": a step of its own."""
    tokens = text.parse.tokens
    begins = m.start > 0 and tokens[m.start - 1].kind == "break"
    return begins and not m.determiner and (m.end == len(tokens) or tokens[m.end].text in (",", ".", ";", "!"))


def _is_for_a_bowl(text: EnglishText) -> bool:
    dropped = {a.at for a in text.parse.acts if a.is_dropped}
    return any(
        m.kind == "bowl"
        and not m.is_negated
        and m.verb_at not in dropped
        and m.prep in ("in", "to", "over")
        and not m.side
        for m in text.mentions
    )


def _support(text: EnglishText, target: Entity) -> Entity | None:
    scores: dict[int, float] = {}
    for m in text.mentions:
        if (
            m.entity < 0
            or m.is_negated
            or m.prep not in ("on", "over", "to")
            or m.is_hypothetical
            or text.is_target(m, target)
        ):
            continue
        act = text.roles.act(m)
        if act is not None and act.is_negated:
            continue
        scores[m.entity] = scores.get(m.entity, 0.0) + _support_weight(text, m, act, target)
    if scores and max(scores.values()) > 0:
        return text.links.entities[max(scores, key=lambda n: scores[n])]
    return None


def _late_support(text: EnglishText, target: Entity) -> Entity | None:
    """What a long text goes to with the target in hand, before it lets go: "across to the brick, down, open"."""
    grips = [a.at for a in text.positive if a.value in ("pick", "close") and a.form != "noun"]
    is_topped = any(t.text in ("on top", "on the top") for t in text.parse.tokens)
    if (
        not (text.is_long or is_topped)
        or not grips
        or any(m.kind == "bowl" and m.prep in ("in", "to", "over") for m in text.mentions)
    ):
        return None
    for m in text.mentions:
        near = {t.text for t in text.parse.tokens[max(0, m.start - 3) : m.start]}
        is_met = m.prep == "with" and bool(near & _MEETS)
        is_end = (
            m.kind == "object" and m.entity >= 0 and (m.prep in ("to", "over", "on") or is_met) and m.start > grips[0]
        )
        if not is_end or m.is_negated or m.is_hypothetical or m.is_plural or text.is_target(m, target):
            continue
        act = text.roles.act(m)
        is_static = act is not None and (act.is_negated or act.value in ("happen", "see", "close"))
        is_static = is_static or (act is not None and act.value == "pick" and not (is_topped and m.prep == "to"))
        lets_go = any(a.at > m.start and a.value in ("release", "open", "put", "stack") for a in text.positive)
        if lets_go and not is_static and text.links.entities[m.entity].known:
            return text.links.entities[m.entity]
    return None


def _known_better(text: EnglishText, support: Entity, target: Entity) -> Entity:
    """The support under its full name, where "a brick" is the red brick of another sentence."""
    if support.color or not text.is_long:
        return support
    named = [
        e for e in text.links.entities
        if e.color and e.shape == support.shape and e is not target and not all(m.is_negated for m in e.mentions)
    ]  # fmt: skip
    return named[0] if len(named) == 1 else support


def _support_weight(text: EnglishText, m: Mention, act: Act | None, target: Entity) -> float:
    value = act.value if act else ""
    entity = text.entity(m)
    if value in ("close", "squeeze", "descend") or (
        entity is not None and entity.is_nothing and (m.head in ("one", "part", "bit") or m.kind == "pronoun")
    ):
        return 0.0
    if m.prep == "to":
        return 2.0 if value == "stack" else 0.0
    if m.prep == "over" and value == "reach" and act is not None and act.is_command and not text.is_long:
        return 0.0
    if m.prep == "over":
        has_picked = any(
            a.at < m.start
            and a.value in ("pick", "put", "stack", "close")
            and not (a.objects and all(o.kind in ("arm", "finger") for o in a.objects))
            for a in text.positive
        )
        return 1.5 if has_picked else 0.0
    if (
        act is not None
        and value == "be"
        and act.at
        and act.clause == m.clause
        and text.parse.tokens[act.at - 1].text == "there"
    ):
        return 0.0  # "there is a spider on the red ball"
    return 3.0 if value in ("put", "stack", "state", "throw", "be", "reach", "pick") else 1.0


# ---- what is done


def _turns(text: EnglishText, target: Entity) -> bool:
    for act in text.positive:
        if act.value != "turn":
            continue
        things = [m for m in act.objects if m.kind in ("object", "pronoun")]
        if not things or any(text.is_target(m, target) or m.kind == "pronoun" for m in things):
            return True
    return any(c.slot == "turn" and not c.is_negated and not c.is_dead for c in text.parse.cues) and not any(
        a.value == "turn" and a.is_negated for a in text.parse.acts
    )


def _picks(text: EnglishText, target: Entity) -> bool:
    refused = any(a.value in ("pick", "close") and a.is_negated for a in text.parse.acts)
    strong = weak = 0
    for act in text.positive:
        if _is_pose(text, act) or (act.form == "noun" and act.at and text.parse.tokens[act.at - 1].kind == "grasp"):
            continue  # "lengthways grip": a way
        if act.value == "close" and (text.is_long or any(a.value == "rise" for a in text.positive)):
            weak += act.form != "noun"
        elif act.value == "close" and act.is_command and not any(text.is_thing(m) for m in act.objects):
            weak += 1
        if act.value != "pick":
            continue
        if act.form == "noun" or (text.is_long and act.text.startswith(_ENCLOSES)):
            weak += 1
        elif act.form == "ed" and act.subject is not None and not act.objects:
            strong += text.is_target(act.subject, target) or (act.subject is not None and act.subject.kind == "pronoun")
        elif act.is_passive:
            weak += not text.is_long
        elif any(text.is_target(m, target) for m in act.objects):
            is_up = any(t.text == "up" for t in text.parse.tokens[act.at + 1 : act.at + 7])
            strong += act.text[:4] not in ("hold", "held") or is_up or any(m.kind == "object" for m in act.objects)
        elif not act.objects:
            is_own = (
                text.is_long
                and text.parse.tokens[act.at + 1 : act.at + 2]
                and (
                    text.parse.tokens[act.at + 1].text in ("off", "from", "away")
                    and act.subject is not None
                    and act.subject.kind == "arm"
                )
            )  # "the arm lifts off its rest"
            follows = text.parse.tokens[act.at + 1 : act.at + 4]
            is_pose = act.text[:4] == "hold" and any(
                t.text in ("pose", "position", "station", "still") for t in follows
            )
            strong += act.text not in _LIGHT and not is_own and not is_pose
            weak += act.text in _LIGHT and act.text[:4] not in ("hold", "held") and not text.is_long
    return bool(strong) or _goes_up(text, target) or (bool(weak) and not refused)


def _is_pose(text: EnglishText, act: Act) -> bool:
    """ "Stays there with the gripper closed": how a hand is, and no grip."""
    tokens = text.parse.tokens
    ends = act.at + 1 >= len(tokens) or tokens[act.at + 1].kind == "break"
    is_of_hand = act.at > 0 and tokens[act.at - 1].kind in ("arm", "finger")
    return text.is_long and act.value == "close" and act.form == "ed" and not act.is_passive and ends and is_of_hand


def _goes_up(text: EnglishText, target: Entity) -> bool:
    """ "Yellow cube up", "close, up": what goes up in a short text without another deed."""
    tokens = text.parse.tokens
    if text.is_long or any(a.value in ("put", "stack", "turn", "clean") for a in text.positive):
        return False
    ends = {m.end for m in text.mentions if text.is_target(m, target) and not m.is_negated}
    for i, token in enumerate(tokens):
        follows = tokens[i + 1].kind if i + 1 < len(tokens) else "break"
        goes = i > 0 and tokens[i - 1].text in ("goes", "go", "comes", "come") and bool({i - 1, i - 2, i - 3} & ends)
        begins = i in ends or goes or i == 0 or tokens[i - 1].kind == "break" or tokens[i - 1].text in ("and", "then")
        if (
            token.text == "up"
            and begins
            and (follows == "break" or tokens[i + 1].text in ("with", "you", "please", "by"))
        ):
            return True
    return False
