"""The entry `transforms` of a manifest: what a bundle says to the transforms that it means, checked once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError, quoted, unknown
from finevla_core.instruction import MAX_TEXT
from finevla_core.instruction_history import MAX_HISTORY
from finevla_core.policy.prompt_text import PROMPT_PARTS, PromptHistory
from finevla_core.policy.transforms import (
    ACTION_KINDS,
    LAYOUTS,
    NORMALISATIONS,
    FirstRows,
    ImageLayout,
    Normalisation,
    NoState,
    Prompt,
    RelativeActions,
    Scale,
    Transform,
    Units,
    ValueOrder,
)

MAX_TRANSFORMS = 32
MAX_ROWS = 1000
HISTORY_FIELD = "{history}"


def parse_transforms(entries: Any, values: Sequence[str]) -> tuple[Transform, ...]:
    """Return the transforms of a manifest's list, for values of these names.

    Args:
        entries: A list; each entry is a mapping of one name to its settings, or a name alone ("no_state").
        values: Names of the robot's values, in its order.

    Raises:
        FineVLAError: One sentence that names the entry, counted from 1, and what is wrong with it.
    """
    if not isinstance(entries, list) or len(entries) > MAX_TRANSFORMS:
        raise FineVLAError(f"entry 'transforms' must be a list of at most {MAX_TRANSFORMS}, not {quoted(str(entries))}")
    names, steps = tuple(values), []
    for number, entry in enumerate(entries, 1):
        kind, settings = _entry(entry, number)
        try:
            step = _PARSERS[kind](settings, names)
        except FineVLAError as error:
            raise FineVLAError(f"transform {number} ('{kind}'): {error}") from error
        if isinstance(step, ValueOrder):
            names = tuple(names[place] for place in step.places)
        steps.append(step)
    return tuple(steps)


def _entry(entry: Any, number: int) -> tuple[str, Any]:
    kind, settings = (entry, None) if isinstance(entry, str) else (None, None)
    if isinstance(entry, Mapping) and len(entry) == 1:
        kind, settings = next(iter(entry.items()))
    if kind not in _PARSERS:
        said = quoted(str(entry))
        raise FineVLAError(f"transform {number} is {said}; {unknown('transform', str(kind), _PARSERS)}")
    return kind, settings


def _layout(settings: Any, names: Sequence[str]) -> Transform:
    return ImageLayout(_word(settings, "the order of a picture's axes", LAYOUTS))


def _order(settings: Any, names: Sequence[str]) -> Transform:
    if not isinstance(settings, list) or sorted(map(str, settings)) != sorted(names):
        raise FineVLAError(f"it must list each of these once, in the policy's order: {', '.join(names)}")
    return ValueOrder(tuple(names.index(name) for name in settings))


def _units(settings: Any, names: Sequence[str]) -> Transform:
    factors, offsets = dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.0)
    for name, entry in _mapping(settings, names).items():
        numbers = _mapping(entry, ("factor", "offset"))
        factors[name] = _number(numbers.get("factor", 1.0), f"the factor of {name}")
        offsets[name] = _number(numbers.get("offset", 0.0), f"the offset of {name}")
        if factors[name] == 0.0:
            raise FineVLAError(f"the factor of {name} is 0, which loses the value; give another")
    return Units(tuple(factors.values()), tuple(offsets.values()))


def _actions(settings: Any, names: Sequence[str]) -> Transform:
    entry = _mapping(settings, ACTION_KINDS)
    if len(entry) != 1:
        raise FineVLAError(f"it must name one of {', '.join(ACTION_KINDS)} and the values that are so")
    kind, marked = next(iter(entry.items()))
    if not isinstance(marked, list) or not marked:
        raise FineVLAError(f"'{kind}' must list at least one value")
    if odd := [name for name in marked if name not in names]:
        raise FineVLAError(unknown("value", str(odd[0]), names))
    return RelativeActions(kind, tuple(name in marked for name in names))


def _normalise(settings: Any, names: Sequence[str]) -> Transform:
    entry = _mapping(settings, ("kind", "state", "actions", "clip"))
    kind = _word(entry.get("kind"), "the kind", NORMALISATIONS)
    clip = None if entry.get("clip") is None else _number(entry["clip"], "clip")
    if clip is not None and clip <= 0:
        raise FineVLAError(f"clip is {clip}; it must be positive")
    scales = {part: _scale(entry[part], part, kind, len(names)) for part in ("state", "actions") if part in entry}
    if not scales:
        raise FineVLAError("it needs statistics of 'state' or 'actions'")
    return Normalisation(kind, scales.get("state"), scales.get("actions"), clip)


def _scale(settings: Any, part: str, kind: str, count: int) -> Scale:
    first, second = NORMALISATIONS[kind]
    entry = _mapping(settings, (first, second, "mask"))
    numbers = {}
    for name in (first, second):
        row = entry.get(name)
        if not isinstance(row, list) or len(row) != count:
            size = len(row) if isinstance(row, list) else "no list of"
            raise FineVLAError(f"{part}.{name} has {size} numbers, the robot has {count} values")
        numbers[name] = tuple(_number(value, f"{part}.{name}") for value in row)
    widths = np.array(numbers[second]) - (0.0 if kind == "mean_std" else np.array(numbers[first]))
    if (widths < 0).any():
        raise FineVLAError(f"{part}.{second} of value {int(np.argmax(widths < 0)) + 1} is below what it may be")
    mask = entry.get("mask", [True] * count)
    if not isinstance(mask, list) or len(mask) != count or not all(isinstance(flag, bool) for flag in mask):
        raise FineVLAError(f"{part}.mask must be {count} times true or false")
    return Scale(numbers[first], numbers[second], tuple(mask))


def _no_state(settings: Any, names: Sequence[str]) -> Transform:
    if settings not in (None, True):
        raise FineVLAError("it takes no settings")
    return NoState()


def _first_rows(settings: Any, names: Sequence[str]) -> Transform:
    return FirstRows(_whole(settings, "it", 2, MAX_ROWS))


def parse_prompt(settings: Any) -> Prompt:
    """Return the transform `prompt` of these settings; raises `FineVLAError` that says what is wrong with them."""
    entry = _mapping(settings, ("parts", "separator", "template", "lower", "fallback", "history"))
    parts, separator = _parts(entry.get("parts")), _text(entry, "separator", Prompt.separator)
    history = None if entry.get("history") is None else _history(entry["history"], parts)
    template = _template(entry, (HISTORY_FIELD, "{}") if history else ("{}",))
    flags = {name: entry.get(name, default) for name, default in (("lower", False), ("fallback", True))}
    if odd := [name for name, flag in flags.items() if not isinstance(flag, bool)]:
        raise FineVLAError(f"'{odd[0]}' must be true or false")
    return Prompt(parts, separator, template, **flags, history=history)


def _prompt(settings: Any, names: Sequence[str]) -> Transform:
    return parse_prompt(settings)


def _history(settings: Any, parts: tuple[str, ...]) -> PromptHistory:
    """How earlier instructions are written; by the prompt's own `parts` unless others are named."""
    try:
        entry = _mapping(settings, ("most", "parts", "separator", "template", "none", "characters"))
        return PromptHistory(
            _whole(entry.get("most"), "'most'", 1, MAX_HISTORY),
            _parts(entry["parts"]) if "parts" in entry else parts,
            _text(entry, "separator", PromptHistory.separator),
            _template(entry, ("{}",)),
            _text(entry, "none", PromptHistory.none),
            _whole(entry.get("characters", PromptHistory.characters), "'characters'", 1, MAX_TEXT),
        )
    except FineVLAError as error:
        raise FineVLAError(f"'history': {error}") from error


def _parts(parts: Any) -> tuple[str, ...]:
    if not isinstance(parts, list) or not parts or any(part not in PROMPT_PARTS for part in parts):
        raise FineVLAError(f"'parts' must list some of {', '.join(PROMPT_PARTS)}")
    return tuple(parts)


def _template(entry: Mapping[str, Any], fields: Sequence[str]) -> str:
    """A template that has each of these fields once, and no other brace."""
    template: Any = entry.get("template", "{}")
    if isinstance(template, str) and all(template.count(field) == 1 for field in fields):
        rest = template
        for field in fields:
            rest = rest.replace(field, "")
        if not set("{}") & set(rest):
            return template
    also = ", and '{history}' once, where those before them go" if HISTORY_FIELD in fields else ""
    if not also and isinstance(template, str) and HISTORY_FIELD in template:
        also = "; '{history}' needs the entry 'history' of the prompt, as in 'history: {most: 3}'"
    raise FineVLAError(f"'template' is {quoted(str(template))}; it must hold '{{}}' once, where the words go{also}")


def _text(entry: Mapping[str, Any], name: str, default: str) -> str:
    value = entry.get(name, default)
    if not isinstance(value, str):
        raise FineVLAError(f"'{name}' is {quoted(str(value))}; it must be text")
    return value


def _mapping(settings: Any, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(settings, Mapping):
        raise FineVLAError(f"its settings are {quoted(str(settings))}; they must be a mapping with {', '.join(known)}")
    if odd := [key for key in settings if key not in known]:
        raise FineVLAError(unknown("entry", str(odd[0]), known))
    return settings


def _word(value: Any, what: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    if value not in known:
        raise FineVLAError(f"{what} is {quoted(str(value))}; known are {', '.join(known)}")
    return str(value)


def _whole(value: Any, what: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise FineVLAError(f"{what} is {quoted(str(value))}; it must be a whole number, {low} to {high}")
    return value


def _number(value: Any, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not np.isfinite(value):
        raise FineVLAError(f"{what} is {quoted(str(value))}; it must be a finite number")
    return float(value)


_PARSERS = {
    "layout": _layout,
    "order": _order,
    "units": _units,
    "actions": _actions,
    "normalise": _normalise,
    "no_state": _no_state,
    "first_rows": _first_rows,
    "prompt": _prompt,
}
