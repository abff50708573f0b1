"""What speaks against itself in an English text: one sentence that says so, or "" where nothing does."""

from finevla_core.language.english_clauses import Act
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import Text

_SAME = {
    "pick": ("pick", "squeeze"),
    "turn": ("turn",),
    "place": ("pick", "put"),
    "stack": ("pick", "put"),
    "reach": ("reach",),
    "clean": ("clean",),
}
_CARRIED = ("pick", "place", "stack")
_STAYS = (
    "on the table",
    "where it is",
    "where it lies",
    "as it is",
    "where they are",
    "in place",
    "everything on it",
    "everything on the table",
)


def contradiction(text: Text, out: Decision) -> str:
    """A text that wants a thing, and its opposite."""
    task = out.slots.get("task", "")
    for act in text.parse.acts:
        if act.is_negated and not act.is_dropped and act.form != "noun" and _is_excluded(text, out, act, task):
            return f"you say to {task} it, and not to {act.text} it"
    if task in (*_CARRIED, "clean") and any(_leaves_it(text, out, act) for act in text.positive):
        return f"you say to {task} it, and to leave it there"
    if task in _CARRIED and any(_keeps_hand_open(text, act) for act in text.parse.acts):
        return "you say to grasp, and not to close the gripper"
    if task in _CARRIED and _gripper_stays_open(text):
        return "you say to grasp, and to keep the gripper open"
    if any(_excludes_arms(text, act) for act in text.parse.acts):
        return "you exclude both arms"
    return ""


def _is_excluded(text: Text, out: Decision, act: Act, task: str) -> bool:
    """Whether the deed itself is excluded, and not a way, an arm or a place."""
    near = " ".join(t.text for t in text.parse.tokens[max(0, act.at - 2) : act.at])
    is_partial = act.text[:4] in ("hold", "held") or any(word in near for word in ("just", "only", "merely"))
    if act.value not in _SAME.get(task, ()) or is_partial:
        return False
    ruled = [m for m in text.parse.mentions if m.verb_at == act.at]
    about = any((m.kind == "pronoun" or text.is_target(m, out.target)) and not m.prep for m in ruled)
    about = about or text.is_target(act.subject, out.target)
    others = any(m.kind in ("arm", "bowl", "post", "finger") for m in ruled)
    others = others or any(m.kind == "object" and not text.is_target(m, out.target) for m in ruled)
    how = any(c.is_negated and c.sentence == act.sentence and c.at > act.at for c in text.parse.cues)
    arms = any(m.kind == "arm" and m.is_negated and m.clause == act.clause for m in text.parse.mentions)
    return about and not others and not how and not arms


def _leaves_it(text: Text, out: Decision, act: Act) -> bool:
    """ "... but leave it lying on the table"."""
    if act.text not in ("leave", "leaving", "leaves", "left", "keep", "keeping", "keeps"):
        return False
    ends = " ".join(t.text for t in text.parse.tokens[act.at : act.at + 9])
    ruled = [m for m in text.mentions if m.verb_at == act.at]
    is_it = any(m.kind in ("pronoun", "all") or text.is_target(m, out.target) for m in ruled)
    return is_it and any(words in ends for words in _STAYS)


def _keeps_hand_open(text: Text, act: Act) -> bool:
    ruled = [m for m in text.parse.mentions if m.verb_at == act.at]
    return act.is_negated and act.value == "close" and any(m.kind in ("arm", "finger") for m in ruled)


def _excludes_arms(text: Text, act: Act) -> bool:
    ruled = [m for m in text.parse.mentions if m.verb_at == act.at]
    is_moved = act.is_negated and act.value in ("reach", "use")
    return is_moved and any(m.kind == "arm" and m.determiner == "any" for m in ruled)


def _gripper_stays_open(text: Text) -> bool:
    words = [t.text for t in text.parse.tokens]
    closed = any(w in ("closed", "shut") for w in words)
    always = any(w in ("the whole time", "all the time", "the entire time", "throughout", "all along") for w in words)
    return always and ("open" in words or closed)
