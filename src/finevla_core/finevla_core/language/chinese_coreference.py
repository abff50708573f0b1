"""Puts what is meant in the place of words that only point to it: "the former", "the left one"."""

from dataclasses import replace

from finevla_core.language.chinese_grammar import Phrase
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind

_SIDES = (Kind.LEFT, Kind.RIGHT, Kind.FAR, Kind.NEAR, Kind.FRONT, Kind.BACK, Kind.CENTER)


def with_references(scene: ChinesePhrases) -> ChinesePhrases:
    """Put things in the place of "the former" and "the latter", arms and bowls in the place of "the left one"."""
    phrases = list(scene.phrases)
    for place, phrase in enumerate(phrases):
        if phrase.kind in (Kind.LEFT, Kind.RIGHT) and (kind := _sided_kind(scene, phrases, place)) is not None:
            phrases[place] = replace(phrase, kind=kind, side=phrase.kind.name.lower())
        if (
            phrase.kind is Kind.IT
            and scene.before(place, "FROM")
            and scene.after(place, "OF? TOP (?! .* GRASP ) (?: PASS | MOVE | OVER )")
        ):
            nouns = (Kind.ARM, Kind.OBJECT, Kind.BOWL, Kind.POST)
            last = next((p for p in reversed(phrases[:place]) if p.kind in nouns), None)
            if last is not None and last.kind is Kind.POST:
                phrases[place] = replace(phrase, kind=Kind.POST)
        if phrase.kind is Kind.IT and (qualities := _thing_below(scene, phrases, place)) is not None:
            phrases[place] = replace(phrase, kind=Kind.OBJECT, qualities=qualities)
        if (
            phrase.kind is Kind.IT
            and (scene.before(place, "USE") or (place > 0 and phrases[place - 1].text == "由"))
            and scene.after(place, "(?: THEN | DO )* (?: TAKE | GRASP | ACT )")
        ):
            last = next((p for p in reversed(phrases[:place]) if p.kind in (Kind.ARM, Kind.OBJECT, Kind.BOWL)), None)
            if last is not None and last.kind is Kind.ARM and last.side:
                phrases[place] = replace(
                    last, is_negated=False, is_remark=False, clause=phrase.clause, sentence=phrase.sentence
                )
        elif phrase.kind in _SIDES and (qualities := _thing_at(scene, phrases, place)) is not None:
            phrases[place] = replace(phrase, kind=Kind.OBJECT, qualities=qualities)
        if phrase.kind in (Kind.FORMER, Kind.LATTER):
            pair = [p for p in scene.phrases[:place] if p.kind is Kind.OBJECT][-2:]
            arms = [p for p in phrases[:place] if p.kind is Kind.ARM][-2:]
            if len(arms) == 2 and arms[1].clause >= max((p.clause for p in pair), default=0):
                phrases[place] = replace(phrase, kind=Kind.ARM, side=arms[phrase.kind is Kind.LATTER].side)
            elif len(pair) == 2:
                meant = pair[phrase.kind is Kind.LATTER]
                phrases[place] = replace(phrase, kind=Kind.OBJECT, qualities=meant.qualities)
    return ChinesePhrases(tuple(phrases), scene.size)


def _thing_below(scene: ChinesePhrases, phrases: list[Phrase], place: int) -> dict[str, str] | None:
    """The qualities of "it" in "there is a cube, put the brick on it": of the last other thing of an earlier clause."""
    if not (
        scene.before(place, "OBJECT (?: ALL | THEN | BUT )* (?: PUT | STACK ) GOAL?") and scene.after(place, "OF? TOP")
    ):
        return None
    start = scene.bounds[phrases[place].clause][0]
    moved = next(p for p in reversed(phrases[start:place]) if p.kind is Kind.OBJECT)
    earlier = [p for p in range(start) if phrases[p].kind is Kind.OBJECT]
    if not earlier or not scene.counts(earlier[-1]):
        return None
    other = phrases[earlier[-1]].qualities
    return other if any(other.get(name, word) != word for name, word in moved.qualities.items()) else None


def _sided_kind(scene: ChinesePhrases, phrases: list[Phrase], place: int) -> Kind | None:
    """What "the left one" is: the kind of thing that was spoken of last, if one of the two is denied or corrected."""
    if scene.before(place, "PUT GOAL? | OBJECT (?: THEN | BUT | ALL )* MOVE") and scene.after(
        place, "OF? COUNT* (?: MARK | $ )"
    ):
        return Kind.BOWL if any(p.kind is Kind.BOWL for p in phrases[:place]) else None
    if scene.before(place, "USE | ARM OF? INSIDE? SELECT") and scene.after(place, "OF? (?: MARK | $ | ACT )"):
        return Kind.ARM
    start = scene.bounds[phrases[place].clause][0]
    before = [p for p in phrases[: max(0, start - 1)] if p.kind is not Kind.INSIDE]
    if before and before[-1].kind is Kind.BOWL and not before[-1].side and _is_clause(scene, place):
        return Kind.BOWL  # "into the bowl, the right one"
    is_arm_said = any(p.kind is Kind.ARM for p in phrases)
    if (
        is_arm_said
        and scene.before(place, "^ BUT?")
        and scene.after(place, "OF (?: BUT | THEN | DO )* (?: MOVE | GRASP | TAKE )")
    ):
        return Kind.ARM
    is_knob = any(p.kind is Kind.TURN or p.qualities.get("shape") == "knob" for p in phrases)
    is_tag = not is_knob and not scene.places(Kind.BOWL) and scene.after(place, "MARK")
    is_last = (place + 2 >= len(phrases) or is_tag) and phrases[place].clause > 0
    if not is_arm_said and is_last and len(phrases[place].text) == 1 and scene.before(place, "^"):
        return Kind.ARM  # "grasp the ball, left"
    is_arm = start > 1 and phrases[start - 2].kind is Kind.ARM
    if is_arm and scene.before(place, "^ (?: BE | BUT | USE )") and scene.after(place, "OF? (?: MARK | $ )"):
        return Kind.ARM
    if not scene.after(place, "OF? (?: MARK | $ | NOT )") or not scene.before(
        place, "(?: ^ | NOT | CORRECTION | USE | PUT | SELECT | BE | BUT )"
    ):
        return None
    last = next((p for p in reversed(phrases[:place]) if p.kind in (Kind.ARM, Kind.BOWL)), None)
    if last is None or not last.side or not (last.is_negated or phrases[place].is_negated or scene.corrects(place)):
        return None
    return last.kind


def _is_clause(scene: ChinesePhrases, place: int) -> bool:
    """Whether a side is all that its clause says."""
    return scene.before(place, "^ BE?") and scene.after(place, "OF? (?: MARK | $ )")


def _thing_at(scene: ChinesePhrases, phrases: list[Phrase], place: int) -> dict[str, str] | None:
    """The qualities of "the left one": of what was said to be there, or of what lies elsewhere and is not meant."""
    kind = phrases[place].kind
    if (
        len(phrases[place].text) < 2
        or not (scene.before(place, "(?: GRASP | LIFT | SELECT | TAKE )") or _is_clause(scene, place))
        or not scene.after(place, "OF? (?: MARK | $ | PUT | GRASP | LIFT | STACK )")
    ):
        return None
    things = [p for p in range(place) if phrases[p].kind is Kind.OBJECT]
    there = [p for p in things if scene.before(p, f"{kind.name} (?: ALL | BUT )* (?: EXIST | BE | AT )")]
    there += [p for p in things if scene.after(p, f"(?: ALL | BUT )* AT (?: TABLE | OF )* {kind.name}")]
    if there:
        return phrases[there[-1]].qualities
    if not things:
        return None
    opposite = {Kind.LEFT: "RIGHT", Kind.RIGHT: "LEFT", Kind.FAR: "NEAR", Kind.NEAR: "FAR"}.get(kind)
    is_denied = opposite is not None and any(
        scene.before(p, f"{opposite} OF? COUNT*") and scene.after(p, "(?: ALL | THEN )* NOT") for p in things[-1:]
    )
    return phrases[things[-1]].qualities if is_denied or phrases[things[-1]].is_negated else None
