"""Says why an English text must not be acted on, in one sentence; "" where nothing speaks against it."""

from finevla_core.language.english_entities import Entity
from finevla_core.language.english_mentions import FOREIGN, Mention
from finevla_core.language.english_parse import Act, Unknown
from finevla_core.language.english_slots import PUTS, WANTING, Decision, Text

_ASK = frozenset("where what who whom whose why how when which is are was were does did do has have am".split())
_ASK_WHAT = frozenset("where who whom whose how which when".split())
_REQUEST = frozenset("can could would will may might".split())
_FOREIGN_WORDS = frozenset(
    """le la les une des du et est dans avec sur pour au aux ce cette il elle je tu nous vous ne pas el los las con por en del y una un der die das und mit
    den dem ein eine einen auf nach ist nicht links rechts von zu bitte gli nella nel di della che per o os um uma no na da ao em com het een van naar och att
    ett med som til og det på på z na w i się jest do bir ve için""".split()
) - frozenset("do no i a o on in me as at z w".split())
_STRANGE = "I read English and Chinese only: say it in one of these"


def _quoted(words: list[str]) -> str:
    unique = list(dict.fromkeys(words))[:6]
    if len(unique) == 1:
        return f"I do not know '{unique[0]}'"
    return "I know none of: " + ", ".join(unique)


def refusal(text: Text, out: Decision) -> tuple[str, tuple[str, ...]]:
    """The reason, and the words that it is about."""
    words = _unknown(text, out)
    if _is_other_language(text):
        return _STRANGE, tuple(words)
    if words:
        return _quoted(words), tuple(dict.fromkeys(words))
    if not text.is_long:
        for check in (_cannot, _questions, _several, _wrong_arms, _wrong_target, _contradiction):
            if reason := check(text, out):
                return reason, ()
    if out.problem:
        return out.problem, ()
    if out.slots.get("task") != "clean" and (out.target is None or out.target.is_nothing):
        return "say which object: its colour, its shape, or both", ()
    if not text.is_long:
        for check in (_no_command, _no_end):
            if reason := check(text, out):
                return reason, ()
    return "", ()


def _unknown(text: Text, out: Decision) -> list[str]:
    """Unknown words that matter: in a short text all that stand in no remark, in a long one those of the target."""
    words: list[str] = []
    for m in text.parse.mentions:
        if not m.unknown or m.is_dead or not _mention_matters(text, m, out):
            continue
        if text.is_long and not (
            m.kind == "object"
            and text.is_target(m, out.target)
            and len(m.unknown) < 2
            and bool(m.colors) != bool(m.shapes)
        ):
            continue
        if not (text.is_long and m.is_negated) and not (
            _is_remark(text, m.sentence) and not text.is_target(m, out.target)
        ):
            words += m.unknown
    if not text.is_long:
        words += [u.text for u in text.parse.unknown if _matters(text, u)]
    return words


def _matters(text: Text, unknown: Unknown) -> bool:
    """Whether an unknown word of a short text may change what shall be done."""
    if unknown.is_predicate:
        return True
    if not text.wanting or unknown.is_first and not unknown.is_side:
        return not unknown.is_aside or not text.wanting
    act = unknown.act
    if (
        unknown.is_side
        or unknown.is_aside
        or unknown.is_statement
        or act is None
        or act.is_negated
        or act.value not in WANTING
    ):
        return False
    if unknown.text.endswith("ly") and not unknown.is_object and not unknown.prep:
        return False
    return True


def _mention_matters(text: Text, m: Mention, out: Decision) -> bool:
    """Whether a phrase with an unknown word names something that the robot shall act on, use, or go to."""
    entity = text.entity(m)
    if entity is not None and entity in (out.target, out.support):
        return True
    act = text.roles.act(m)
    if not text.wanting:
        return True
    if act is None or act.is_negated or act.value not in WANTING or act.clause != m.clause or m.is_negated:
        return False
    before = text.parse.tokens[m.start - 1].text if m.start else ""
    if m.is_side or before in ("for", "like", "about", "as", "than", "at") or m.prep in ("of", "near"):
        return m.kind != "unknown" and not m.is_side
    return True


def _is_remark(text: Text, sentence: int) -> bool:
    """Whether a sentence wants nothing, beside others that do."""
    return sentence not in text.wanting and bool(text.wanting)


def _is_other_language(text: Text) -> bool:
    tokens = text.parse.tokens
    strange = [t for t in tokens if t.kind == "unknown"]
    signs = sum(t.text in _FOREIGN_WORDS for t in strange)
    letters = [t for t in tokens if t.text[:1].isalpha()]
    return (signs >= 2 or (signs == 1 and len(strange) > 2)) and 3 * len(strange) > len(letters)


# ---- what the robot cannot do


def _cannot(text: Text, out: Decision) -> str:
    if text.parse.bad:
        return f"I cannot do this {text.parse.bad[0]}"
    for act in text.positive:
        if act.value == "cannot" and not act.is_side and act.form != "noun" and _is_wanted(text, act):
            return f"I cannot {act.text} things"
        if act.value == "throw" and "place" not in out.slots and out.slots.get("task") not in ("place", "clean"):
            return f"I cannot {act.text} things, I can put them into a bowl"
    words = [t.text for t in text.parse.tokens]
    if any(
        a == "or" and b == "not" or words[n : n + 3] == ["or", "do", "not"]
        for n, (a, b) in enumerate(zip(words, words[1:], strict=False))
    ):
        return "say clearly whether you want it"
    if words[-1:] and words[-1] in ("on", "in", "into", "onto", "with", "to", "from", "the", "a", "of", "at", "and"):
        return f"the text ends after '{words[-1]}': say the rest"
    if out.slots.get("task") == "turn" and any(
        w in ("upwards", "downwards", "up", "down", "upward", "downward") and words[n - 1] in ("knob", "dial", "it")
        for n, w in enumerate(words)
    ):
        return "say clockwise or counterclockwise"
    for number, token in enumerate(text.parse.tokens[:-1]):
        if token.kind == "finger" and any(
            w in ("beneath", "underneath", "below", "under") for w in words[number : number + 12]
        ):
            return "I cannot grip from above and below"
        after = text.parse.tokens[number + 1]
        if (
            token.text in ("by", "just by")
            and after.text.endswith("ing")
            and after.kind in ("verb", "unknown", "word")
            and after.value in ("", "see", "cannot", "want", "happen")
        ):
            return f"I cannot do it by {after.text}"
    hard = [a for a in text.positive if a.value == "squeeze" and not a.is_side and a.form != "noun"]
    if hard and not any(
        a.value in ("pick", "put", "stack", "turn", "reach", "descend") for a in text.positive if a.form != "noun"
    ):
        return f"I cannot {hard[0].text} things"
    return ""


def _is_wanted(text: Text, act: Act) -> bool:
    """Whether a verb is something to do, and not "hiding behind the brick"."""
    before = text.parse.tokens[act.at - 1].text if act.at else ""
    if act.is_command or act.is_passive:
        return True
    if act.form == "ing":
        return before in ("by", "start", "mind", "try", "begin")
    return act.form == "base" or any(text.is_thing(m) or m.kind in ("arm", "bowl", "post") for m in act.objects)


def _wrong_target(text: Text, out: Decision) -> str:
    for act in text.positive:
        for m in act.objects:
            if m.kind == "table" and out.slots.get("task") == "clean":
                continue
            if (
                act.value in ("pick", "put", "turn", "stack", "open", "close")
                and m.kind in ("bowl", "post", "table")
                and act.form != "noun"
                and not m.prep
            ):
                if not (m.kind == "bowl" and (_is_tag(text, m) or (not m.determiner and act.value == "put"))):
                    return f"I cannot {act.text} the {m.head}"
            if act.value == "open" and text.is_thing(m) and m.kind == "object":
                return f"I cannot open the {m.head}"
            if act.value == "turn" and m.kind == "object" and m.shapes and m.shapes[0] != "knob":
                return f"I can turn the knob only, not the {m.head}"
            if (
                act.value in ("pick", "put")
                and m.kind == "finger"
                and not m.prep
                and act.form != "noun"
                and act.text not in ("put", "place", "bring", "hold", "keep", "get", "set")
            ):
                return f"I cannot {act.text} a {m.head}"
    for m in text.mentions:
        if m.entity < 0 or m.is_negated:
            continue
        if len(set(m.colors)) > 1:
            return f"you say both {m.colors[0]} and {m.colors[1]}: say one"
        if len(set(m.sizes)) > 1:
            return "you say both small and big: say one"
        if m.prep == "in" and m.kind == "object" and text.roles.act(m) is not None and m.verb in PUTS:
            return f"I cannot put things into the {m.head}"
    return ""


def _is_tag(text: Text, m: Mention) -> bool:
    tokens = text.parse.tokens
    return m.start > 0 and tokens[m.start - 1].kind == "break"


def _wrong_arms(text: Text, out: Decision) -> str:
    for m in text.mentions:
        if (
            m.kind == "arm"
            and m.determiner in FOREIGN
            and not m.is_side
            and not (m.is_subject and m.verb == "be")
            and (m.prep or m.verb in ("pick", "use", "put"))
        ):
            return "I can use my own arms only"
        if m.kind == "object" and m.determiner == "both" and not m.is_negated:
            return "one thing at a time: say only the first job"
        if (
            m.kind == "arm"
            and not m.is_negated
            and (m.determiner in ("both", "each") or (m.is_plural and m.prep == "with"))
        ):
            act = text.roles.act(m)
            if act is None or act.value not in ("state", "see"):
                return "I use one arm at a time: say which"
        if (
            m.kind == "finger"
            and m.is_plural
            and any(t.text in ("three", "four", "five") for t in text.parse.tokens[max(0, m.start - 1) : m.end])
        ):
            return "I have two fingers on each hand"
    tokens = text.parse.tokens
    for number, token in enumerate(tokens):
        ends = number + 1 == len(tokens) or tokens[number + 1].kind == "break"
        if token.text == "both" and ends and any(m.kind == "arm" and not m.is_negated for m in text.mentions):
            return "I use one arm at a time: say which"
    if any(m.kind == "arm" and m.determiner == "neither" and not m.side for m in text.mentions) and "task" in out.slots:
        return "you exclude both arms"
    sides = [m for m in text.mentions if m.kind == "arm" and m.side]
    negated = {m.side for m in sides if m.is_negated}
    if len(negated) == 2:
        return "you exclude both arms"
    if (
        len(negated) == 1
        and all(m.side in negated for m in sides)
        and any(not m.is_negated and m.prep == "with" for m in sides)
    ):
        return "you say an arm and exclude it"
    return ""


# ---- talk, questions, several jobs


def _questions(text: Text, out: Decision) -> str:
    """A text that only asks."""
    asks = commands = 0
    for number, (start, end) in enumerate(text.parse.sentences):
        tokens = text.parse.tokens[start:end]
        words = [t.text for t in tokens if t.kind != "break"]
        if not words:
            continue
        first = words[0]
        is_request = any(w in _REQUEST for w in words[:3]) and any(
            w in ("you", "it be", "it", "i", "we", "would you", "could you", "can you") for w in words[:4]
        )
        is_request = is_request or words[0] in (
            "would you mind",
            "do you mind",
            "could you",
            "can you",
            "will you",
            "would you",
            "please",
            "do me a favour",
            "do me a favor",
        )
        is_request = (
            is_request
            or any(a.text in _REQUEST and b.text == "you" for a, b in zip(tokens, tokens[1:], strict=False))
            or any(t.text in ("could you", "can you", "would you", "will you") for t in tokens)
        )
        is_request = is_request or (
            first in ("might", "may", "can", "could")
            and any(a.sentence == number and a.value in WANTING for a in text.positive)
        )
        is_request = is_request or any(
            b.text in ("might", "may", "could", "can") and a.text in ("but", ",", "so")
            for a, b in zip(tokens, tokens[1:], strict=False)
        )
        is_request = (
            is_request
            or words[:2] in (["mind", "lifting"], ["why", "do"], ["why", "not"])
            or (first == "mind" and tokens[1].kind == "verb")
        )
        is_asking = tokens[-1].text == "?" and (not is_request or first in _ASK_WHAT) and words[:2] != ["how", "about"]
        is_request = is_request and not is_asking
        is_asking = is_asking or (
            first in _ASK
            and not is_request
            and not (first in ("do", "have", "which") and words[1:2] not in (["you"], ["i"], ["we"], ["they"]))
            and not (first in ("when", "what") and tokens[-1].text != "?")
        )
        is_asking = is_asking and not any(a.is_command and a.sentence == number for a in text.positive)
        asks += is_asking
        commands += not is_asking and any(a.sentence == number and a.value not in ("be", "see") for a in text.positive)
    return "this is a question: say what to do" if asks and not commands else ""


def _no_command(text: Text, out: Decision) -> str:
    """A text that speaks of something, without wanting anything."""
    target = out.target
    tokens = text.parse.tokens
    for m in text.mentions:
        if m.prep == "near" and m.kind == "object" and m.start and tokens[m.start - 1].text == "out of":
            return f"I cannot take things out of the {m.head}"
    is_bare = text.roles.verbless and not any(a.form != "noun" for a in text.parse.acts)
    if is_bare and tokens[0].text in ("i", "we", "my", "he", "she"):
        return "say what to do with it"
    if (
        is_bare
        and target is not None
        and len(out.slots) == 2
        and not target.shape
        and not any(m.is_one or m.head in ("thing", "object", "item") for m in target.mentions)
    ):
        return "say which object: its colour and its shape"
    if (
        target is not None
        and target.mentions
        and all(m.prep == "of" for m in target.mentions)
        and not any(a.objects for a in text.positive)
    ):
        return "say what to do with it"
    for act in text.positive:
        if act.value in ("pick", "put", "throw", "stack", "turn", "clean", "reach", "descend", "close", "want", "use"):
            return ""
    if any(m.kind == "bowl" and m.prep == "in" and m.clause_is_bare and not m.is_negated for m in text.mentions):
        return ""
    for m in text.mentions:
        if text.is_target(m, target) and (
            m.sentence in text.roles.verbless and m.prep in ("", "to") or text.roles.score(m) >= 2.0
        ):
            return ""
    return "say what to do with it" if target is not None else ""


def _several(text: Text, out: Decision) -> str:
    """Two jobs in one text."""
    if out.slots.get("task") == "clean":
        things = [
            m
            for a in text.positive
            if a.value in ("put", "pick", "turn", "stack")
            for m in a.objects
            if m.kind == "object" and (m.colors or m.shapes)
        ]
        return "one thing at a time: say only the first job" if things else ""
    if any(m.kind == "bowl" and m.determiner == "both" and m.prep and not m.is_negated for m in text.mentions):
        return "you say both bowls: say one"
    if out.slots.get("place", "object") != "object" and any(
        m.kind == "object" and m.prep == "on" and not m.is_negated and not text.is_target(m, out.target) and m.colors
        for m in text.mentions
    ):
        return "you say a bowl and another object to put it on: say one"
    jobs: list[Entity] = []
    for m in text.mentions:
        act = text.roles.act(m)
        entity = text.entity(m)
        if entity is None or m.is_negated or m.is_hypothetical or m.kind != "object" or entity is out.support:
            continue
        if (
            m.prep == ""
            and act is not None
            and not act.is_negated
            and act.value in ("pick", "put", "throw", "stack", "turn", "reach")
            and not _is_aside(text, m, act)
        ):
            jobs.append(entity)
        elif m.prep in ("to", "over") and act is not None and act.value == "reach" and not act.is_negated:
            jobs.append(entity)
        elif act is None and m.prep == "to" and m.sentence in text.roles.verbless:
            jobs.append(entity)
    jobs = [job for job in jobs if not job.is_nothing]
    if any(not _may_be_same(a, b) for a in jobs for b in jobs):
        return "one thing at a time: say only the first job"
    sides = {
        m.side
        for m in text.mentions
        if m.kind == "bowl"
        and m.side
        and not m.is_negated
        and m.prep in ("in", "to", "")
        and not m.is_subject
        and not m.is_side
        and not m.is_hypothetical
    }
    if len(sides) > 1 and not any(m.kind == "bowl" and m.prep in ("from", "near") for m in text.mentions):
        return "you say both the left and the right bowl: say one"
    target = out.target
    if (
        target is not None
        and target.is_group
        and out.slots.get("task")
        and not any(not m.is_plural for m in target.mentions)
    ):
        return "one thing at a time: say which of them"
    return ""


def _may_be_same(a: Entity, b: Entity) -> bool:
    pairs = ((a.color, b.color), (a.shape, b.shape), (a.size, b.size))
    return a is b or all(not x or not y or x == y for x, y in pairs)


def _is_aside(text: Text, m: Mention, act: Act) -> bool:
    return m.is_subject and act.value == "reach" and not act.is_passive


# ---- contradictions, places


def _contradiction(text: Text, out: Decision) -> str:
    task = out.slots.get("task")
    tokens = text.parse.tokens
    same = {
        "pick": ("pick", "squeeze"),
        "turn": ("turn",),
        "place": ("pick", "put"),
        "stack": ("pick", "put"),
        "reach": ("reach",),
        "clean": ("clean",),
    }
    for act in text.parse.acts:
        if not act.is_negated or act.is_dropped or act.value not in same.get(task or "", ()) or act.form == "noun":
            continue
        objects = [m for m in text.parse.mentions if m.verb_at == act.at]
        about = [m for m in objects if (m.kind == "pronoun" or text.is_target(m, out.target)) and not m.prep] or [
            m for m in [act.subject] if text.is_target(m, out.target)
        ]
        others = [
            m
            for m in objects
            if m.kind in ("arm", "bowl", "post", "finger") or (m.kind == "object" and not text.is_target(m, out.target))
        ]
        how = any(c.is_negated and c.sentence == act.sentence and c.at > act.at for c in text.parse.cues)
        arms = any(m.kind == "arm" and m.is_negated and m.clause == act.clause for m in text.parse.mentions)
        if about and not others and not how and not arms:
            return f"you say to {task} it, and not to {act.text} it"
    for act in text.positive:
        if (
            act.value == "state"
            and act.text[:4] in ("leav", "keep", "left")
            or act.text in ("leave", "leaving", "leaves")
        ):
            ends = " ".join(t.text for t in tokens[act.at : act.at + 9])
            stays = any(
                words in ends
                for words in (
                    "on the table",
                    "where it is",
                    "where it lies",
                    "as it is",
                    "where they are",
                    "in place",
                    "everything on it",
                    "everything on the table",
                )
            )
            is_it = any(
                m.verb_at == act.at and (m.kind in ("pronoun", "all") or text.is_target(m, out.target))
                for m in text.mentions
            )
            if stays and is_it and task in ("pick", "place", "stack", "clean"):
                return f"you say to {task} it, and to leave it there"
    if task in ("pick", "place", "stack") and _gripper_stays_open(text):
        return "you say to grasp, and to keep the gripper open"
    if any(
        a.is_negated
        and a.value in ("reach", "use")
        and any(m.verb_at == a.at and m.kind == "arm" and m.determiner == "any" for m in text.parse.mentions)
        for a in text.parse.acts
    ):
        return "you exclude both arms"
    return ""


def _gripper_stays_open(text: Text) -> bool:
    words = [t.text for t in text.parse.tokens]
    closed = any(w in ("closed", "shut") for w in words)
    always = any(w in ("the whole time", "all the time", "the entire time", "throughout", "all along") for w in words)
    return always and ("open" in words or closed)


def _no_end(text: Text, out: Decision) -> str:
    """Something shall be put, and it is not said where, or somewhere where nothing can be put."""
    if out.support is not None and out.support.shape == "knob":
        return "I cannot put things onto the knob"
    if out.slots.get("task") in ("place", "stack", "clean", "turn") or out.slots.get("path"):
        return ""
    for act in text.positive:
        if (
            act.value in PUTS
            and act.form != "noun"
            and any(text.is_thing(m) for m in act.objects)
            or (act.value in PUTS and text.is_target(act.subject, out.target))
        ):
            return "I can put things into a bowl or onto another object: say where"
    return ""


def passed_over(text: Text) -> list[str]:
    """Unknown words on which nothing depends."""
    return list(
        dict.fromkeys([u.text for u in text.parse.unknown] + [w for m in text.parse.mentions for w in m.unknown])
    )
