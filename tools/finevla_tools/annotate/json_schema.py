"""Checks a value against the part of JSON Schema that our requests use, and finds JSON in what a model said.

A server that ignores `response_format` answers just like one that obeys it, so every answer is checked here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
KEYWORDS = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "minItems", "maxItems",
     "minLength", "maxLength", "minimum", "maximum", "description"}
)  # fmt: skip
THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
SHOWN = 60  # characters of a wrong value in a sentence


def find_json(text: str) -> dict[str, Any]:
    """Return the JSON object in a model's answer: all of it, a fenced block, or the first object in its words.

    Thinking is left out first, also where only its end is marked. Raises `ValueError` with one sentence if there is none.
    """
    plain = THINKING.sub("", text)
    end = re.search(r"</think(?:ing)?>", plain, re.IGNORECASE)
    plain = plain[end.end() :].strip() if end else plain.strip()
    for candidate in (plain, *FENCE.findall(plain)):
        try:
            value = json.loads(candidate, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    found = _first_object(plain)
    if found is None:
        raise ValueError("the answer holds no JSON object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _first_object(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    at = text.find("{")
    for _ in range(100):  # a long text of brackets is not searched for ever
        if at < 0:
            break
        try:
            value, _end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict):
            return value
    return None


def schema_errors(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Give one sentence for each place where `value` does not fit; raises `KeyError` for a keyword that is not known here."""
    if unknown := set(schema) - KEYWORDS:
        raise KeyError(f"JSON Schema keywords that are not checked: {sorted(unknown)}")
    where = path or "the answer"
    if "type" in schema and not _is_of(value, schema["type"]):
        yield f"{where} must be {schema['type']}, not {_shown(value)}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{where} must be {json.dumps(schema['const'])}, not {_shown(value)}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} must be one of {', '.join(map(str, schema['enum']))}, not {_shown(value)}"
    if isinstance(value, dict):
        yield from _object_errors(value, schema, path)
    elif isinstance(value, list):
        yield from _bounds(len(value), schema, "Items", f"{where} has {len(value)} items")
        for k, item in enumerate(value):
            yield from schema_errors(item, schema.get("items", {}), f"{path}[{k}]")
    elif isinstance(value, str):
        yield from _bounds(len(value.strip()), schema, "Length", f"{where} has {len(value.strip())} characters")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _bounds(value, schema, "imum", f"{where} is {value}")


def _object_errors(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path or 'the answer'} lacks '{name}'"
    for name, item in value.items():
        if name in properties:
            yield from schema_errors(item, properties[name], f"{path}.{name}".lstrip("."))
        elif schema.get("additionalProperties") is False:
            yield f"{path or 'the answer'} has a field {_shown(name)} that was not asked for"


def _bounds(size: float, schema: Mapping[str, Any], what: str, said: str) -> Iterator[str]:
    if size < schema.get(f"min{what}", size):
        yield f"{said}, fewer than {schema[f'min{what}']}"
    if size > schema.get(f"max{what}", size):
        yield f"{said}, more than {schema[f'max{what}']}"


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES[kind])


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
