"""Decides how things move: over or round the post, and which way the knob is turned."""

from finevla_core.language.chinese_object_description import LONG, SHORT
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_slots import settled
from finevla_core.language.chinese_word_kinds import Kind

_BESIDE = "(?: BESIDE | LEFT | RIGHT | FRONT | BACK | FAR | NEAR )"


def path_of(scene: ChinesePhrases) -> tuple[str, bool]:
    """Over or round the post, and whether the text says both."""
    votes = [*_said_ways(scene), *_passes(scene)]
    word, is_twofold = settled(scene, sorted(votes))
    denied = {
        scene.phrases[place].kind.name.lower()
        for place in scene.places(Kind.OVER, Kind.ROUND)
        if scene.phrases[place].is_negated and place > scene.last_correction
    }
    tops = "OF? POST OF? TOP | IT? OF? TOP PASS"
    if any(
        scene.phrases[p].is_negated and p > scene.last_correction and scene.after(p, tops)
        for p in scene.places(Kind.FROM)
    ):
        denied.add("over")
    is_denied = word in denied and scene.size <= LONG
    return word, is_twofold or is_denied


def _said_ways(scene: ChinesePhrases) -> list[tuple[int, str]]:
    """What verbs say that mean to go over or round something."""
    votes: list[tuple[int, str]] = []
    has_post = bool(scene.places(Kind.POST))
    for place in scene.places(Kind.OVER):
        is_post_said = has_post or set(scene.phrases[place].text) & set("杆柱")
        is_other = scene.after(place, "TABLE | BETWEEN (?! OF? POST ) | OBJECT") or scene.before(
            place, "OBJECT OF? TOP+"
        )
        if scene.counts(place) and is_post_said and not is_other:
            votes.append((place, "over"))
    for place in scene.places(Kind.ROUND):
        is_clearance = scene.after(place, "POST (?: AND | LIST ) OBJECT")  # "keep clear of the post and the knob"
        is_held = any(p < place and scene.counts(p) for p in scene.places(Kind.GRASP, Kind.LIFT))
        is_approach = not is_held and scene.before(place, "FROM (?: OBJECT | IT | OF )* FACE+")  # "round from its left"
        is_evasion = scene.phrases[place].text.startswith(("避", "躲", "闪", "让"))
        is_vague = is_clearance or ((is_evasion or is_approach) and not has_post)
        if scene.counts(place) and has_post and scene.before(place, "FROM (?: POST | IT | OF )* TOP+"):
            votes.append((place, "over"))  # "go round it by its top"
        elif (
            scene.counts(place) and not is_vague and not scene.after(place, "TABLE (?! OF? PLACE* OF? POST ) | OBJECT")
        ):
            votes.append((place, "round"))
    return votes


def _passes(scene: ChinesePhrases) -> list[tuple[int, str]]:
    """What is said of the side of the post that something passes."""
    votes: list[tuple[int, str]] = []
    has_post = bool(scene.places(Kind.POST))
    for place in scene.places(Kind.PASS):
        if (
            scene.counts(place)
            and scene.after(place, "POST")
            and (
                scene.phrases[place].text in ("越", "跨", "飞", "跃")
                or scene.after(place, "POST OF? TOP")
                or scene.before(place, "LIFT")
                or scene.after(place, "POST (?: OF | THEN | ALL )* LIFT")
            )
        ):
            votes.append((place, "over"))
        elif scene.counts(place) and scene.after(place, f"POST OF? {_BESIDE}"):
            votes.append((place, "round"))  # "pass on the outer side of the post"
    for place in scene.places(Kind.FROM):
        if scene.counts(place) and scene.after(place, "OF? POST OF? TOP"):
            votes.append((place, "over"))
        elif scene.counts(place) and scene.after(place, f"OF? POST OF? {_BESIDE}"):
            votes.append((place, "round"))
    for place in scene.places(Kind.PASS, Kind.MOVE):
        denied = [p.is_negated for at, p in scene.clause(place) if p.kind is Kind.FROM and at < place]
        if not scene.counts(place) or not has_post or (denied and denied[-1]):
            continue
        if scene.before(place, "(?: FROM | POST ) (?: OBJECT | POST | IT | OF )* TOP+"):
            if scene.phrases[place].kind is Kind.PASS or scene.before(place, "POST OF? TOP+"):
                votes.append((place, "over"))
        elif scene.phrases[place].kind is Kind.PASS and scene.before(
            place, "(?: FROM | POST ) (?: POST | IT | OF )* FACE+"
        ):
            votes.append((place, "round"))
    return votes


def turn_of(scene: ChinesePhrases) -> tuple[str, bool]:
    """Which way the knob is to be turned, and whether the text says both."""
    votes: list[tuple[int, str]] = []
    for place in scene.places(Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE):
        if scene.counts(place) and not scene.after(place, "BE SIZE"):
            votes.append((place, scene.phrases[place].kind.name.lower()))
    for place in scene.places(Kind.LEFT, Kind.RIGHT):
        kinds = {phrase.kind for _, phrase in scene.clause(place)}
        is_key = (
            place > 1
            and scene.phrases[place - 1].kind is Kind.COLON
            and scene.phrases[place - 2].kind in (Kind.TURN_KEY, Kind.TURN)
        )
        is_turned = scene.before(place, "TURN") and scene.phrases[place - 1].text.endswith(("到", "向", "往"))
        is_turned = is_turned or (len(scene.phrases[place].text) == 1 and scene.after(place, "TURN"))
        is_key = is_key or scene.before(place, "TURN_KEY BE")
        is_way = is_key or is_turned or scene.before(place, "TO") or scene.corrects(place)
        if scene.counts(place) and is_way and (Kind.TURN in kinds or not kinds & {Kind.MOVE, Kind.PUT}):
            votes.append((place, "counterclockwise" if scene.phrases[place].kind is Kind.LEFT else "clockwise"))
    word, is_twofold = settled(scene, sorted(votes))
    denied = {
        scene.phrases[place].kind.name.lower()
        for place in scene.places(Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE)
        if scene.phrases[place].is_negated and place > scene.last_correction
    }
    denied |= {
        "counterclockwise" if scene.phrases[place].kind is Kind.LEFT else "clockwise"
        for place in scene.places(Kind.LEFT, Kind.RIGHT)
        if scene.phrases[place].is_negated and scene.before(place, "^ NOT TO") and scene.after(place, "(?: MARK | $ )")
    }
    is_neither = not word and len(denied) == 2
    return word, is_twofold or is_neither or (word in denied and scene.size <= SHORT)
