"""Paths of a LeRobot data set's files, by the templates in its info.json; none leads out of its folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError

PLACE = re.compile(r"\{(\w+)(?::0?(\d)d)?\}")


def template(info: Mapping[str, Any], key: str, default: str) -> str:
    """Return a path with places to fill in, as info.json has it; raises `FineVLAError` if it is none."""
    given = info.get(key) or default
    if not isinstance(given, str) or len(given) > 500:
        raise FineVLAError(f"meta/info.json: {key} is not a path with places to fill in")
    return given


def filled(root: Path, path: str, fields: Mapping[str, Any]) -> Path:
    """Return a template filled in; raises `FineVLAError` for a path that leaves the data set."""

    def fill(match: re.Match[str]) -> str:
        value = fields.get(match[1])
        if value is None:
            raise FineVLAError(f"meta/info.json: '{path[:80]}' has the unknown place '{match[1]}'")
        return f"{int(value):0{match[2]}d}" if match[2] else str(value)

    made = PLACE.sub(fill, path)
    if made.startswith("/") or "\0" in made or ".." in Path(made).parts:
        raise FineVLAError(f"meta/info.json: '{made[:80]}' leaves the data set's folder; it is not followed")
    return root / made
