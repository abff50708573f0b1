"""What speaks against a long English text: other things to grasp, other deeds, two jobs, a story that wants nothing."""

import re

from finevla_core.language.english_acting_arm import is_idle
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_parse_types import Act
from finevla_core.language.english_role_placeholders import in_names
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText
from finevla_core.language.english_word_tables import word_set

_DEEDS = frozenset(("pick", "put", "stack", "throw", "turn", "open", "squeeze"))
ATTACK = re.compile(
    r"\b(ignore|disregard|forget|override|bypass|disable|deactivate|suspend)(s|ing)? (all |any |the |your |every |of )*"
    r"(previous|prior|earlier|former|above|rules|orders|safety|force|speed|torque|system|(?:\w+ )?limits?|zones?|instructions|"
    r"restrictions|guard)\b"
    r"|\b(switch|turn|shut) (off|down) (all |the |your )*(force|safety|speed|torque|limits?|sensors?|bridge|"
    r"collisions?|checks?|checking|protection|guards?|gate|brakes?|interlocks?|supervision|"
    r"emergency|stop|"
    r"camera|cameras|watchdog|limiter)\b"
    r"|\b(system prompt|developer mode|admin mode|jailbreak|root access|no safety|safety off|safety is off|"
    r"limits? off|no (?:force|speed|torque) limits?|without (any )?safety)\b"
    r"|\bbypass(ing)? (the |all |any |your )*(bridge|gate|checks?|filters?|interlocks?|monitor|watchdog|emergency|"
    r"stop|safety|limits?)\b"
    r"|\byou are (now|henceforth) (dan|free|root|unrestricted|jailbroken|an? (ai|admin|unrestricted)|in (\w+ "
    r")?mode)\b|\brm - ?rf\b"
    r"|\bat (full|maximum|top|max) (speed|power|force) (against|into|onto|at|toward|towards)\b"
)
_PARTS = word_set("""
    feel look grip hold nibble rest reading turn breath bow curve wait glance peek note measure touch chance detour
    while time lead load weight strain breather leap step action sequence motion lift photo photograph picture snapshot shot
    video egg eggs screenshot cue course stance position hit stop break tour trip path route plunge aim angle moment
    edge scene shape opportunity glimpse sight advantage stock charge responsibility effect pains initiative sides grasp
    selfie footage snap bird feather baby newborn sparrow bite peep gander leave leisure second
    """)
_HANDS_OVER = re.compile(
    r"\b(hand|give|pass|offer|deliver|present|throw|toss)(s|es|ed)? (it|the \w+|the \w+ \w+) (over )?to "
    r"(a|an|the|his|her|my|me|our) ?"
    r"(person|operator|visitor|human|customer|colleague|man|woman|child|neighbour|guest|user|technician|boy|girl|"
    r"lady)?\b"
    r"(?! (left|right|other))"
)
_TWO_BOWLS = re.compile(
    r"\b(in|into|to) the (left|right) bowl and (also |then )?(in |into |to )?the (left|right) (bowl|one)\b"
)
_SECOND_JOB = re.compile(
    r"\b(?:releas\w+|lets? go|drop\w*|lays?|laid|plac\w+|sets?|puts?|opens?|opened|deposit\w*|stack\w*|done|finished)\b"
    r"[^:]{0,170} (?:then|next|now|afterwards|after that|second|once|finally|secondly|later)\b[^:.;]{0,60}"
    r"\b(?:to|on|onto|over|above|approach\w*|picks? up|takes?|grips?|grasps?|lifts?|fetch\w*) (?:OTHER|SUPPORT) "
    r"[^:.;]{0,60}\b(?:grips?|grasps?|closes?|lifts?|picks?|rotates?|turns? (?:it|OTHER))\b"
    r"|\b(?:releases|drops|lays|sets|lets go of) [^:.]{0,40}BOWL [^:]{0,80}\b(?:then|next|afterwards|second|"
    r"once)\b[^:.;]{0,60}"
    r"\b(?:to|on|onto|over|above|approaches|picks up|takes|grips|grasps|lifts) TARGET [^:.;]{0,40}\b(?:grips|"
    r"grasps|closes|lifts|picks)\b"
)
_WORK = frozenset(
    ("pick", "put", "stack", "turn", "reach", "descend", "close", "open", "release", "throw", "use", "clean", "wait")
)


def long_problem(text: EnglishText, out: Decision) -> str:
    """Say what speaks against a long text.

    Args:
        text: the text, with everything that was made of it.
        out: what it seems to want.

    Returns:
        One sentence for the operator; "" where nothing speaks against it.
    """
    words = text.words
    bad = [b for b in text.parse.bad if not re.search(rf"\b(not|never|without|no)\b[^.]{{0,40}}{b}", words)]
    if bad:
        return f"I cannot do this {bad[0]}"
    for check in (_other_thing, _other_deed, _other_place, _two_hands, _two_jobs, _wants_nothing):
        if reason := check(text, out):
            return reason
    return ""


def _is_real(act: Act | None) -> bool:
    return act is not None and not (act.is_negated or act.is_hypothetical or act.is_side or act.form == "noun")


def _by_robot(act: Act) -> bool:
    """Whether the robot does it, as far as a subject is named."""
    return act.is_command or act.is_passive or act.subject is None or act.subject.kind in ("arm", "pronoun", "finger")


def _ruled(text: EnglishText, act: Act) -> list[Mention]:
    return [m for m in text.mentions if m.verb_at == act.at and not m.is_negated and not m.is_hypothetical]


def _is_strange(text: EnglishText, m: Mention) -> bool:
    """Whether a mention names a thing that the robot does not know, and is no other name of one that it knows."""
    if m.kind != "unknown" or not m.unknown or m.is_side or m.unknown[-1] in _PARTS:
        return False
    for alias in text.mentions:
        follows = alias.end + 1 < len(text.parse.tokens) and text.parse.tokens[alias.end].kind in ("break", "verb")
        if alias.unknown[-1:] == m.unknown[-1:] and follows:
            named = [o for o in text.mentions if o.kind == "object" and o.start == alias.end + 1 and o.shapes]
            if named:
                return False  # "the exhibit, an orange cube"
    return True


def _other_thing(text: EnglishText, out: Decision) -> str:
    """Something unknown is grasped, carried or turned."""
    for act in text.positive:
        is_deed = act.value in ("pick", "put", "turn", "throw", "stack") and not act.text.startswith("adjust")
        if not _is_real(act) or not _by_robot(act) or not is_deed:
            continue
        for m in _ruled(text, act):
            is_object = not m.prep and m in act.objects and m.start <= act.at + 3
            is_done_to = m.is_subject and act.is_passive
            is_compared = text.parse.tokens[act.at - 1].text in ("might", "would", "could", "as", "like") and act.at > 0
            if _is_strange(text, m) and (is_object or is_done_to) and not is_compared:
                return f"I do not know '{m.unknown[-1]}'"
    return ""


def _other_deed(text: EnglishText, out: Decision) -> str:
    """The target is pushed, thrown, painted, handed over or otherwise treated as the robot cannot."""
    for act in text.positive:
        if not _is_real(act) or not _by_robot(act) or act.form == "ing":
            continue
        things = [m for m in act.objects if text.is_target(m, out.target)]
        done = act.is_passive and text.is_target(act.subject, out.target)
        is_told = act.is_command or act.is_modal or act.is_passive or act.form != "base"
        is_odd = act.value == "cannot" and not act.text.startswith(("pull", "drag", "tip", "hand", "follow"))
        if (is_odd or act.text.startswith("push")) and is_told and (things or done):
            return f"I cannot {act.text} things"
        if act.value == "throw" and (things or done) and "place" not in out.slots:
            return f"I cannot {act.text} things, I can put them into a bowl"
    words = text.words
    if _HANDS_OVER.search(words):
        return "I cannot hand things to somebody"
    return ""


def _other_place(text: EnglishText, out: Decision) -> str:
    """The target is put somewhere where the robot puts nothing."""
    if out.slots.get("task") == "clean":
        return ""
    for act in text.positive:
        is_real = not (act.is_negated or act.is_hypothetical or act.form == "noun")
        has_target = any(text.is_target(m, out.target) and m.head != "itself" for m in (*act.objects, act.subject) if m)
        if act.value not in ("put", "throw", "stack") or not is_real or not _by_robot(act) or not has_target:
            continue
        for m in _ruled(text, act):
            before = text.parse.tokens[m.start - 1].text if m.start else ""
            is_under = m.prep in ("under", "through") and m.kind in ("table", "bowl", "object", "unknown")
            is_beside = before in ("between", "in front of", "behind", "beside", "next to") and m.kind != "unknown"
            is_beside = is_beside and not out.slots.get("place") and m.kind in ("object", "bowl") and bool(act.objects)
            is_strange = _is_strange(text, m) and m.prep in ("in", "on", "to") and not out.slots.get("place")
            if (is_under or is_beside or is_strange) and (act.objects or act.is_passive):
                return f"I cannot put things {before} the {m.unknown[-1] if m.unknown else m.head}"
    return ""


def _two_hands(text: EnglishText, out: Decision) -> str:
    """Both arms do the work together."""
    for m in text.mentions:
        act = text.roles.act(m)
        if m.kind != "arm" or m.is_negated or m.determiner not in ("both", "two") or act is None:
            continue
        if (
            m.is_subject
            and _is_real(act)
            and act.value in ("pick", "put", "close", "cannot", "turn")
            and m.prep != "of"
        ):
            return "I use one arm at a time: say which"
    words = text.words
    if re.search(r"\bboth (arms|hands|grippers) (work|act|lift|grasp|carry|hold|pick|take|raise|grip|move) ", words):
        return "I use one arm at a time: say which"
    return ""


def _two_jobs(text: EnglishText, out: Decision) -> str:
    """Two things are grasped one after the other."""
    if out.slots.get("task") == "clean":
        return ""
    if _TWO_BOWLS.search(text.words):
        return "you say both bowls: say one"
    if _SECOND_JOB.search(in_names(text, out)):
        return "one thing at a time: say only the first job"
    grasped: list[int] = []
    for act in text.positive:
        if not _is_real(act) or not _by_robot(act) or act.value not in ("pick", "turn", "close"):
            continue
        for m in act.objects:
            is_it = m.kind == "pronoun" and m.head == "it" and act.value == "pick" and act.is_command
            entity = m.entity if (m.kind == "object" or is_it) and not m.prep and not m.is_plural else -1
            if entity >= 0 and (is_it or m.colors or "knob" in m.shapes):
                grasped.append(entity)
        if act.value == "turn" and (act.is_command or act.form == "s") and act.objects:
            grasped += [n for n, e in enumerate(text.links.entities) if e.shape == "knob"]
    entities = [text.links.entities[n] for n in dict.fromkeys(grasped)]
    for one in entities:
        for other in entities:
            differs = (one.color and other.color and one.color != other.color) or (
                "knob" in (one.shape, other.shape) and one.shape != other.shape
            )
            if one is not other and differs:
                return "one thing at a time: say only the first job"
    return ""


def _wants_nothing(text: EnglishText, out: Decision) -> str:
    """A story in which nothing is done to what is named."""
    if out.slots.get("task") == "clean" or out.target is None:
        return ""
    best = max((text.roles.score(m) for m in text.mentions if text.is_target(m, out.target)), default=0.0)
    is_listed = any(m.sentence in text.roles.verbless and text.is_target(m, out.target) for m in text.mentions)
    works = any(_is_work(text, act, out) for act in text.positive) or any(_is_busy(text, m) for m in text.mentions)
    is_known = best >= 0.3 or out.slots.get("task") == "turn"
    return "" if is_known and (works or is_listed) else "say what to do with it"


def _is_busy(text: EnglishText, m: Mention) -> bool:
    """Whether one arm is spoken of that does something."""
    act = text.roles.act(m)
    is_named = m.kind == "arm" and bool(m.side) and not m.is_plural and (not m.prep or m.prep == "with")
    is_hidden = m.is_hypothetical or (act is not None and (act.is_hypothetical or act.value in ("be", "see", "happen")))
    return is_named and not m.is_negated and not is_hidden and not is_idle(text, m)


def _is_work(text: EnglishText, act: Act, out: Decision) -> bool:
    """Whether the robot does something, or is told to."""
    if act.value not in _WORK or act.form == "noun" or act.is_hypothetical:
        return False
    subject = act.subject
    by_hand = subject is not None and subject.kind in ("arm", "finger")
    by_hand = by_hand or (
        subject is not None and subject.kind == "pronoun" and (subject.entity < 0 or text.is_hand(subject))
    )
    is_done = text.is_target(subject, out.target) and (act.is_passive or act.value != "turn")
    is_target = is_done or (_by_robot(act) and any(text.is_target(m, out.target) for m in act.objects))
    is_log = act.form == "ing" and subject is None and text.parse.tokens[act.at - 1].kind == "break"
    return act.is_command or by_hand or is_target or is_log
