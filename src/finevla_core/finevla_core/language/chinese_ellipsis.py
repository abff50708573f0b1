"""Fills what a Chinese text leaves out of its target and of the object below it from the other things that it speaks of."""

from finevla_core.language.chinese_object_description import SHORT, Role, Things, agrees
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind


def complete(scene: ChinesePhrases, things: Things) -> None:
    """Fill what is missing of the target from the things that were only spoken of."""
    weak = [place for place, role in things.roles.items() if role is Role.TOPIC]
    turns = [p for p in scene.places(Kind.TURN, Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE) if scene.counts(p)]
    has_knob = any(phrase.qualities.get("shape") == "knob" for phrase in scene.phrases)
    if not things.target and turns and has_knob:
        things.target["shape"] = "knob"  # "the right hand is near the knob, so turn with it"
    if not things.target:
        things.is_guess = True
        corrected = max(scene.places(Kind.CORRECTION), default=-1)
        for place in [p for p in weak if p > corrected] or weak:
            if agrees(scene.phrases[place].qualities, things.target):
                things.target.update(scene.phrases[place].qualities)
    for place in things.roles:
        if things.below.keys() == {"size"} and scene.before(
            place, "ALL BE"
        ):  # "the small one onto the big one, both red"
            things.below = scene.phrases[place].qualities | things.below
    for place in weak:
        if scene.phrases[place].is_many and things.target.keys() == {"color"}:  # "of the three bricks the blue one"
            things.target |= {name: word for name, word in scene.phrases[place].qualities.items() if name == "shape"}
    _stack_on_topic(scene, things, weak)
    if scene.size > SHORT:
        _color_of_kind(scene, things.target, things.below)
        _color_of_kind(scene, things.below, things.target)
    denied = [place for place, role in things.roles.items() if role is Role.DENIED]
    for place in reversed(weak):
        qualities = scene.phrases[place].qualities
        is_same = "shape" not in things.target or things.target["shape"] == qualities.get(
            "shape", things.target["shape"]
        )
        if things.target and is_same and agrees(qualities, things.target):
            things.target.update(qualities)
    if not things.target:
        _revive(scene, things, denied)
    _contrast(scene, things)
    for place in denied:
        qualities = scene.phrases[place].qualities
        names = ("shape", "color") if things.target.keys() == {"size"} else ("shape",)
        if things.target and "shape" not in things.target:
            things.target.update({name: qualities[name] for name in names if name in qualities})


def _color_of_kind(scene: ChinesePhrases, thing: dict[str, str], other: dict[str, str]) -> None:
    """Give a thing of which only the shape is said the colour of all things of its shape, if these have only one."""
    if thing.keys() != {"shape"} or thing == other:
        return
    named = [scene.phrases[place].qualities for place in scene.places(Kind.OBJECT)]
    alike = [qualities for qualities in named if qualities.get("shape") == thing["shape"]]
    colors = {qualities["color"] for qualities in alike if "color" in qualities}
    if len(colors) == 1:
        thing["color"] = colors.pop()


def _stack_on_topic(scene: ChinesePhrases, things: Things, weak: list[int]) -> None:
    """Find what "put it on top" means: the thing whose top was spoken of before."""
    ends = ("上去", "上面", "上", "上头")
    is_put_on = any(
        scene.counts(place) and (scene.phrases[place].text.endswith(ends) or scene.after(place, "TOP"))
        for place in scene.places(Kind.PUT, Kind.STACK)
    )
    if things.below or not is_put_on:
        return
    for place in weak:
        qualities = scene.phrases[place].qualities
        is_only = len(weak) == 1 and bool(scene.places(Kind.STACK))
        if (is_only or scene.after(place, "OF? TOP")) and not agrees(qualities, things.target):
            things.below = dict(qualities)


def _revive(scene: ChinesePhrases, things: Things, denied: list[int]) -> None:
    """Take what was denied for the target, if it is spoken of again: "need not be lifted, go near it"."""
    others = [place for place in denied if is_for_other_arm(scene, place)]
    nears = [place for place in scene.places(Kind.MOVE, Kind.WAIT) if scene.counts(place)]
    others += [
        place
        for place in denied
        if scene.before(place, "NOT (?: GRASP | LIFT )") and any(near > place for near in nears)
    ]
    asides = [place for place, role in things.roles.items() if role is Role.ASIDE]
    lone = asides if len(things.roles) == 1 else []
    acts = [place for place in scene.places(Kind.GRASP, Kind.LIFT, Kind.PUT) if scene.counts(place)]
    others += [
        place
        for place in lone
        if scene.after(place, "(?: AT | HERE | ALL | THEN )* IDLE") and max(acts, default=0) > place
    ]
    if not others and not any(scene.counts(place) for place in scene.places(Kind.IT)):
        return
    spared = [place for place in asides if lone or scene.before(place, "NOT USE")]
    for place in (*denied, *spared):
        if not things.target and (is_for_other_arm(scene, place) or not scene.before(place, "NOT TOUCH")):
            things.target.update(scene.phrases[place].qualities)


def is_for_other_arm(scene: ChinesePhrases, place: int) -> bool:
    """Whether a thing is denied to one arm only: "the left hand must not touch it, the right one takes it"."""
    return (
        scene.before(place, "ARM NOT MOVE? (?: TOUCH | GRASP | LIFT ) | NOT USE ARM (?: TOUCH | GRASP | LIFT )")
        and len({scene.phrases[p].side for p in scene.places(Kind.ARM)}) > 1
    )


def _contrast(scene: ChinesePhrases, things: Things) -> None:
    """Fill what "the small one" is from a thing of another size, and what "the blue one" is from a corrected thing."""
    for place in scene.places(Kind.OBJECT):
        qualities = scene.phrases[place].qualities
        if things.target.keys() == {"size"} and qualities.get("size", "") != things.target["size"]:
            things.target.update({name: word for name, word in qualities.items() if name != "size"})
    targets = [place for place, role in things.roles.items() if role is Role.TARGET]
    if targets and things.target.keys() == {"color"} and scene.corrects(targets[-1]):
        shapes = [scene.phrases[place].qualities.get("shape", "") for place in things.roles if place < targets[-1]]
        things.target.update(dict.fromkeys(("shape",), next((shape for shape in reversed(shapes) if shape), "")))
        things.target = {name: word for name, word in things.target.items() if word}
