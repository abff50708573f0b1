"""Decides how the hand goes to an object: the side to come from, and how the fingers lie."""

from itertools import pairwise

from finevla_core.language.chinese_object_description import LONG, Role, Things
from finevla_core.language.chinese_object_roles import head_of
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_slots import settled
from finevla_core.language.chinese_word_kinds import Kind

_SIDES = {
    Kind.LEFT: "left",
    Kind.RIGHT: "right",
    Kind.TOP: "top",
    Kind.FRONT: "front",
    Kind.BACK: "front",
    Kind.FAR: "front",
}


_FINGER_FACES = (
    Kind.LEFT,
    Kind.RIGHT,
    Kind.FRONT,
    Kind.BACK,
    Kind.FAR,
    Kind.NEAR,
    Kind.INSIDE,
    Kind.BESIDE,
)
# What a hand may do behind the side that it comes from.
_STEPS = (
    Kind.ROUND,
    Kind.OVER,
    Kind.PASS,
    Kind.PUT,
    Kind.STACK,
    Kind.OPEN,
    Kind.GRASP,
    Kind.MOVE,
    Kind.TO,
    Kind.TURN,
    Kind.DOWN,
)
_LETTER_OF = {Kind.LEFT: "左", Kind.RIGHT: "右"}
_TOWARDS = ("到", "至", "往", "向", "朝")
_ALONG = ("经", "沿", "顺")


def approach_of(scene: ChinesePhrases, things: Things) -> tuple[str, bool, str]:
    """The side that the gripper comes from, whether the text says two, and the words of a side that it cannot come from."""
    votes: list[tuple[int, str]] = []
    wrong = ""
    for place in scene.places(Kind.FROM):
        face = _face(scene, place)
        is_passed = things.roles.get(place + 1) is Role.TOPIC and scene.after(place, "OBJECT OF? TOP .* PASS")
        if face is None or not scene.counts(place) or things.roles.get(place + 1) is Role.ASIDE or is_passed:
            continue
        if scene.phrases[face].kind in _SIDES:
            votes.append((place, _SIDES[scene.phrases[face].kind]))
            other = next((p for p in scene.phrases[face + 1 : face + 4] if p.kind in _SIDES), None)
            is_two = scene.after(face, "(?: LIST | AND ) FROM? FACE") and other is not None
            if is_two and other is not None and _SIDES[other.kind] != _SIDES[scene.phrases[face].kind]:
                votes.append((place + 1, "both"))
        elif scene.phrases[face].kind in (Kind.UNDER, Kind.NEAR, Kind.INSIDE):
            wrong = scene.phrases[face].text
    for place in scene.places(Kind.NEAR, Kind.UNDER):
        is_told = (
            scene.before(place, "^") and scene.after(place, "(?: MARK | $ )") and len(scene.phrases[place].text) > 1
        )
        if scene.counts(place) and (is_told or scene.is_behind(place, Kind.COLON, Kind.SIDE_KEY)):
            wrong = scene.phrases[place].text
    denied = _denied_faces(scene)
    votes.extend((place, "top") for place in scene.places(Kind.DOWN) if _is_straight_down(scene, place))
    votes.extend((place, "top") for place in scene.places(Kind.FROM_TOP) if _is_before_grasp(scene, place))
    votes.extend(
        (place, "front") for place in scene.places(Kind.FROM_FAR) if _is_coming(scene, place) and scene.counts(place)
    )
    fingers = {place for pair in _finger_pairs(scene) for place in pair[:2]}
    votes.extend(
        (place, _SIDES[scene.phrases[place].kind])
        for place in scene.places(*_SIDES)
        if place not in fingers and _is_bare_face(scene, place)
    )
    word, is_twofold = settled(scene, sorted(votes))
    is_denied = word in denied and scene.size <= LONG and not scene.places(Kind.CORRECTION)
    is_none = denied >= set(_SIDES.values()) and scene.size <= LONG
    return word or _position(scene, things, fingers), is_twofold or is_denied or is_none, wrong


def _is_before_grasp(scene: ChinesePhrases, place: int) -> bool:
    """Whether a way of coming is not that of what is held already: "grasp it, then lower it from above onto ..."."""
    held = [p for p in scene.places(Kind.GRASP, Kind.CLOSE) if p < place and scene.counts(p)]
    is_put = scene.after(place, "(?: THEN | ALL | IT | TAKE )* (?: PUT | STACK | OPEN )")
    return scene.counts(place) and not (is_put and held)


def _is_coming(scene: ChinesePhrases, place: int) -> bool:
    """Whether the hand is still on its way to the object: nothing is held, or it is grasped next."""
    events = [p for p in scene.places(Kind.GRASP, Kind.CLOSE, Kind.PUT, Kind.OPEN) if scene.counts(p)]
    is_held = any(scene.phrases[p].kind in (Kind.GRASP, Kind.CLOSE) for p in events if p < place)
    following = next((scene.phrases[p].kind for p in events if p > place), Kind.OPEN)
    return not is_held or following in (Kind.GRASP, Kind.CLOSE)


def _is_straight_down(scene: ChinesePhrases, place: int) -> bool:
    """Whether the hand goes straight down before it has grasped anything."""
    return scene.counts(place) and _is_coming(scene, place) and bool(set(scene.phrases[place].text) & set("直竖"))


def _denied_faces(scene: ChinesePhrases) -> set[str]:
    """The sides that the text says not to come from."""
    faces = [(place, _face(scene, place)) for place in scene.places(Kind.FROM)]
    meant = {scene.phrases[face].kind for place, face in faces if face is not None and scene.counts(place)}
    denied = {scene.phrases[face].kind for place, face in faces if face is not None and scene.phrases[place].is_negated}
    denied |= {
        scene.phrases[place].kind
        for place in scene.places(*_SIDES)
        if scene.before(place, "^") and scene.after(place, "(?: ALL | THEN )* NOT (?: MOVE | GRASP )? (?: MARK | $ )")
    }
    denied |= {Kind.TOP for place in scene.places(Kind.FROM_TOP) if scene.phrases[place].is_negated}
    is_other = "front" in {_SIDES.get(kind) for kind in meant} and not meant & denied
    words = {_SIDES.get(kind, "") for kind in denied}
    return words - {"front"} if is_other else words  # "from behind, not from the front": both may mean the far side


def _is_alone(scene: ChinesePhrases, place: int) -> bool:
    """Whether a side is all that a clause says, and the clause before it does not speak of an arm."""
    start = scene.bounds[scene.phrases[place].clause][0]
    is_of_arm = any(phrase.kind in (Kind.ARM, Kind.BOWL) for phrase in scene.phrases[max(0, start - 3) : start])
    rule = "^ CORRECTION?" if is_of_arm else "^ (?: BE | CORRECTION )?"
    return scene.before(place, rule) and scene.after(place, "(?: MARK | $ )")


def _is_bare_face(scene: ChinesePhrases, place: int) -> bool:
    """Whether a side is said without "from": alone in its clause, after a key, or before "approach"."""
    if not scene.counts(place) or scene.after(place, "(?: ALL | BUT )* (?: IDLE | NOT ) (?: MARK | $ )"):
        return False
    if (
        place > 1
        and scene.phrases[place - 1].kind is Kind.COLON
        and scene.phrases[place - 2].kind in (Kind.SIDE_KEY, Kind.TURN_KEY, Kind.MOVE, Kind.FROM, Kind.TO, Kind.BESIDE)
    ):
        return True
    if scene.before(place, "PASS") and not scene.places(Kind.POST):
        return True
    is_tag = not scene.has("ACT") and scene.phrases[place].kind is not Kind.TOP and bool(scene.places(Kind.ARM))
    if (
        is_tag
        and len(scene.phrases[place].text) > 1
        and scene.before(place, "OBJECT")
        and scene.after(place, "(?: MARK | $ )")
    ):
        return True
    if scene.before(place, "^ ARM? (?: GRASP | LIFT ) OBJECT") and scene.after(place, "$") and len(scene.phrases) < 6:
        return True  # a telegram: "left, grasp red can, top"
    if scene.before(
        place, "SIDE_KEY (?: BUT | THEN )* (?: BE | GRASP | FROM | SELECT )? (?: OBJECT | THING | IT )? OF?"
    ):
        return True
    if scene.after(place, "OF? SIDE_KEY") and scene.phrases[place].kind is not Kind.TOP:
        return True
    if len(scene.phrases[place].text) > 1 and _is_alone(scene, place):
        return True
    is_of_arm = scene.before(place, "ARM") and scene.after(place, "(?: MARK | $ | SIDEWAYS | LENGTHWAYS )")
    return (len(scene.phrases[place].text) > 1 and is_of_arm) or _is_face_of_coming(scene, place)


def _is_face_of_coming(scene: ChinesePhrases, place: int) -> bool:
    """Whether the hand is said to come in at a side that no "from" stands before: "the left side, go in"."""
    target = next((p for p in (place - 1, place - 2) if p >= 0 and scene.phrases[p].kind is Kind.OBJECT), None)
    is_goal = (target is not None and scene.before(head_of(scene, target), "(?: GOAL | MOVE | WAIT )")) or scene.before(
        place, "(?: GOAL | MOVE | WAIT | PUT | STACK | DOWN | FINGER | ROUND | LIFT ) (?: OBJECT | IT ) OF?"
    )
    is_held = not _is_coming(scene, place) and any(
        scene.counts(p) and scene.phrases[p].clause < scene.phrases[place].clause
        for p in scene.places(Kind.GRASP, Kind.CLOSE)
    )
    is_free = (
        not is_goal
        and not (is_held and scene.before(place, "OBJECT OF? | IT OF?"))
        and scene.before(place, "^ | OBJECT OF? | IT OF? | ARM | SIDEWAYS | LENGTHWAYS")
    )
    return (
        is_free
        and (len(scene.phrases[place].text) > 1 or scene.after(place, "PUT"))
        and scene.after(place, "(?: BUT | THEN )? (?: MOVE | GRASP | PUT (?: MARK | $ ) )")
        and not scene.has("LEFT (?! TO | FROM ) . RIGHT")
    )


def _face(scene: ChinesePhrases, place: int) -> int | None:
    """Where the side stands that a "from" speaks of, None if it speaks of a path or of something else."""
    is_held = any(scene.phrases[p].kind in (Kind.GRASP, Kind.CLOSE) and scene.counts(p) for p in range(place))
    if scene.after(place, "TABLE OF? (?: LEFT | RIGHT | FRONT | BACK | FAR | NEAR ) (?: OPEN | MOVE | ALL | MARK )"):
        return None  # where the arm comes from
    for other, phrase in scene.clause(place):
        if phrase.kind is Kind.BESIDE and scene.after(other, "SIDE"):
            continue  # "from the side, the right one"
        if other <= place or phrase.kind in (Kind.OBJECT, Kind.IT, Kind.OF, Kind.AND, Kind.ARM, Kind.THING, Kind.TABLE):
            continue
        if phrase.kind is Kind.HERE and scene.before(other, "FROM"):  # "from that side"
            return next((p for p in range(place - 1, -1, -1) if scene.phrases[p].kind in _SIDES), None)
        if phrase.kind is Kind.INSIDE and (
            scene.before(other, "FROM OBJECT OF?")
            or (scene.before(other, "FROM") and scene.after(other, "BESIDE? GRASP OBJECT"))
        ):
            return other
        if phrase.kind not in (*_SIDES, Kind.UNDER, Kind.NEAR):
            return None
        rest = [p.kind for p in scene.phrases[other + 1 :] if p.clause == phrase.clause]
        acts = [kind for kind in rest if kind in _STEPS]
        if _is_pair(scene, other) or scene.after(
            other,
            "MOVE (?: IT | OBJECT ) OF? (?: FAR | LEFT | RIGHT ) |"
            "(?: ROUND | OVER | PASS ) OBJECT (?: MOVE | THEN )* (?: GRASP | TAKE | LIFT ) OBJECT",
        ):
            return None
        if acts and acts[0] in (Kind.PASS, Kind.ROUND) and not scene.places(Kind.POST):
            return other
        is_way = scene.after(other, "(?: TO | MOVE ) PLACE") and scene.phrases[other + 1].text in _TOWARDS
        if is_way:
            return other if scene.after(other, "(?: TO | MOVE ) PLACE (?: MOVE | GRASP )") else None
        if (
            scene.phrases[place].text.startswith(_ALONG)
            and not scene.before(other, "OBJECT OF?")
            and not scene.after(other, "MOVE OBJECT")
        ):
            return None
        if acts and acts[0] in (Kind.ROUND, Kind.OVER, Kind.PASS, Kind.TURN):
            return None
        if acts and is_held and acts[0] in (Kind.PUT, Kind.STACK, Kind.OPEN):
            return None
        return other
    return None


def _is_pair(scene: ChinesePhrases, place: int) -> bool:
    """Whether a side is one of two that the fingers come from: "from left and right"."""
    kind = scene.phrases[place].kind
    others = {
        Kind.LEFT: "RIGHT",
        Kind.RIGHT: "LEFT",
        Kind.NEAR: "(?: FRONT | BACK | FAR )",
        Kind.FRONT: "(?: BACK | NEAR )",
    }
    is_two = scene.after(place, f"(?: LIST | AND ) {others.get(kind, '(?: FRONT | NEAR )')}")
    return is_two and any(phrase.kind in (Kind.FINGER, Kind.GRASP, Kind.CLOSE) for _, phrase in scene.clause(place))


def _position(scene: ChinesePhrases, things: Things, fingers: set[int]) -> str:
    """The side that the gripper goes to before it grasps: "to the left of the ball", "above it, then down"."""
    for place in scene.places(Kind.OBJECT, Kind.IT, Kind.THING):
        goal = "(?: MOVE TO? | TO | ROUND | DOWN GOAL? | DOWN PUT | AT | WAIT | LIFT )"
        is_goal = scene.before(place, goal) or scene.before(head_of(scene, place), goal)
        if things.roles.get(place, Role.TARGET) is not Role.TARGET or not is_goal:
            continue
        if any(phrase.kind is Kind.FINGER and other < place for other, phrase in scene.clause(place)):
            continue
        if fingers & {place + 1, place + 2}:
            continue
        if any(scene.phrases[p].kind is Kind.GRASP and scene.counts(p) for p in range(place)):
            break
        rest = scene.phrases[place + 1 : place + 3]
        face = next((phrase.kind for phrase in rest if phrase.kind is not Kind.OF), None)
        is_stop = scene.before(place, "(?: AT | WAIT )") and not _moves_on(scene, place + 2, face)
        is_reached = not is_stop and any(len(phrase.text) > 1 for phrase in rest if phrase.kind is face)
        if is_reached and face in (Kind.LEFT, Kind.RIGHT, Kind.FAR, Kind.BACK, Kind.FRONT):
            return _SIDES[face]
        if face is Kind.HERE and scene.before(place, "ROUND") and rest[0].text.startswith("那"):
            return "front"  # round it to that other side
        if face is Kind.TOP and scene.before(place, "DOWN GOAL?"):
            return "top"
        if face is Kind.TOP:
            for phrase in scene.phrases[place + 1 :]:
                if (phrase.kind is Kind.DOWN or phrase.text in ("下去", "下来")) and not phrase.is_negated:
                    return "top"
                if phrase.kind in (Kind.GRASP, Kind.CLOSE):
                    break
    return _side_of_descent(scene, things)


def _moves_on(scene: ChinesePhrases, place: int, side: Kind | None) -> bool:
    """Whether the hand goes on from one side of the object to the other before it grasps."""
    opposite = {Kind.LEFT: Kind.RIGHT, Kind.RIGHT: Kind.LEFT}.get(side, Kind.NEAR) if side else Kind.NEAR
    for other in range(place, len(scene.phrases)):
        if scene.phrases[other].kind in (Kind.GRASP, Kind.CLOSE, Kind.PUT, Kind.LIFT):
            return False
        if scene.phrases[other].kind is opposite and scene.before(other, "TO"):
            return True
        if scene.phrases[other].kind is Kind.MOVE and _LETTER_OF.get(opposite, "?") in scene.phrases[other].text:
            return True
    return False


def _side_of_descent(scene: ChinesePhrases, things: Things) -> str:
    """The side of the target at which the open hand goes down before it moves in and grasps."""
    grasps = [place for place in scene.places(Kind.GRASP, Kind.CLOSE) if scene.counts(place)]
    if scene.size > LONG and any(scene.phrases[place].sentence > 0 for place in grasps):
        grasps = [place for place in grasps if scene.phrases[place].sentence > 0]  # the first one says what it is about
    for place in scene.places(Kind.LEFT, Kind.RIGHT, Kind.FAR, Kind.BACK, Kind.FRONT):
        if not scene.counts(place) or not any(grasp > place for grasp in grasps):
            continue
        if any(grasp < place and scene.phrases[grasp].clause < scene.phrases[place].clause for grasp in grasps):
            break
        goal = "(?: AT | MOVE | TO | DOWN ) (?: OBJECT | IT | THING )? OF?"
        is_other = scene.before(place, f"(?: OBJECT | BOWL | POST | IT ) (?: ALL | THEN )* {goal}")
        roles = {things.roles.get(other, Role.TARGET) for other in range(max(0, place - 2), place)}
        is_down = scene.after(place, "(?: THEN | BUT | IT )* DOWN")
        if len(scene.phrases[place].text) > 1 and is_down and not is_other and scene.before(place, goal):
            return _SIDES[scene.phrases[place].kind] if roles == {Role.TARGET} else ""
    return ""


def grasp_of(scene: ChinesePhrases) -> tuple[str, bool]:
    """How the fingers lie at the object, and whether the text says both ways."""
    votes = [
        (place, "sideways" if scene.phrases[place].kind is Kind.SIDEWAYS else "lengthways")
        for place in scene.places(Kind.SIDEWAYS, Kind.LENGTHWAYS)
        if scene.counts(place)
        and not scene.after(place, "NOT (?: MARK | $ )")
        and not (scene.after(place, "OBJECT") and scene.phrases[place + 1].is_many)
        and not (
            place > 1
            and scene.phrases[place - 2].kind in (Kind.BOWL, Kind.POST)
            and not set(scene.phrases[place].text) & set("夹抓捏")
        )
    ]
    votes.extend((first, word) for first, _, word in _finger_pairs(scene))
    word, is_twofold = settled(scene, sorted(votes))
    kind = {"sideways": Kind.SIDEWAYS, "lengthways": Kind.LENGTHWAYS}.get(word)
    is_denied = any(
        phrase.kind is kind and phrase.is_negated and not phrase.is_remark
        for phrase in scene.phrases[scene.last_correction + 1 :]
    )
    return word, is_twofold or (is_denied and scene.size <= LONG)


def _is_finger_depth(scene: ChinesePhrases, place: int) -> bool:
    """Whether "inside" or "outside" says where a finger is, not what lies in a bowl."""
    here = scene.phrases[place].sentence
    kinds = {phrase.kind for phrase in scene.phrases if phrase.sentence == here}
    is_depth = scene.phrases[place].text.startswith(("里", "内", "外")) and len(scene.phrases[place].text) > 1
    return is_depth and Kind.FINGER in kinds and Kind.BOWL not in kinds


def _finger_pairs(scene: ChinesePhrases) -> list[tuple[int, int, str]]:
    """Two opposite sides in one sentence that the fingers lie at."""
    votes = []
    free = [
        place
        for place in scene.places(*_FINGER_FACES)
        if scene.counts(place)
        and (scene.phrases[place].kind not in (Kind.INSIDE, Kind.BESIDE) or _is_finger_depth(scene, place))
        and not scene.phrases[place].text.startswith(("朝", "面向"))
        and not (scene.after(place, "OF? OBJECT") and not scene.places(Kind.FINGER))
        and not scene.after(place, "(?: ALL | BUT )* (?: EXIST | BE ) OBJECT")
        and (
            len(scene.phrases[place].text) > 1
            or scene.before(place, "AT | FINGER | LIST | AND")
            or scene.after(place, "LIST | AND")
        )
        and (
            _is_pair(scene, place)
            or not scene.before(place, "(?: TO | BE | (?: OBJECT | ARM | BOWL ) AT | FROM (?: OBJECT | IT )? OF? )")
        )
    ]
    pairs = {
        frozenset((Kind.LEFT, Kind.RIGHT)): "sideways",
        frozenset((Kind.FRONT, Kind.BACK)): "lengthways",
        frozenset((Kind.FAR, Kind.NEAR)): "lengthways",
        frozenset((Kind.FRONT, Kind.NEAR)): "lengthways",
        frozenset((Kind.BACK, Kind.NEAR)): "lengthways",
        frozenset((Kind.INSIDE, Kind.BESIDE)): "lengthways",
    }
    for first, second in pairwise(free):
        word = pairs.get(frozenset((scene.phrases[first].kind, scene.phrases[second].kind)))
        is_split = (
            scene.phrases[first].clause != scene.phrases[second].clause
            and scene.after(second, "(?: AND | LIST ) FACE")
            and scene.phrases[first].kind is scene.phrases[second + 2].kind
        )
        is_near = (
            not is_split and second - first <= 8 and scene.phrases[first].sentence == scene.phrases[second].sentence
        )
        around = scene.phrases[max(0, first - 5) : second + 6]
        here = scene.phrases[first].sentence
        has_fingers = any(scene.phrases[p].sentence == here and p < first for p in scene.places(Kind.FINGER))
        is_held = has_fingers or any(p.kind in (Kind.FINGER, Kind.GRASP, Kind.CLOSE) for p in around)
        if word and is_near and is_held:
            votes.append((first, second, word))
    return votes
