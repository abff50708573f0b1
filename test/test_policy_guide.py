"""Promises of docs/policy_servers.md: its manifest entries, transforms and code are taken as they stand."""

import contextlib
import io
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from finevla_core.embodiment import Embodiment
from finevla_core.manifest import Manifest, RemoteServer, parse_manifest
from finevla_core.policy.manifest_transforms import _PARSERS, parse_transforms

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "policy_servers.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the table whose first heading this is."""
    table = GUIDE.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_transform_has_an_example_that_is_taken(robot: Embodiment) -> None:
    examples = [yaml.safe_load(code(row[-1])[0]) for row in rows("transform")]
    for example in examples:
        assert len(parse_transforms([example], robot.names)) == 1
    assert {next(iter(e)) if isinstance(e, dict) else e for e in examples} == set(_PARSERS)


def test_every_entry_of_the_table_is_taken_by_the_manifest(robot: Embodiment) -> None:
    whole: dict[str, Any] = yaml.safe_load((ROOT / "models/examples/starvla_robotwin/manifest.yaml").read_text("utf-8"))
    whole["transforms"] = []
    named = set()
    for row in rows("entry"):
        names, values = code(row[0]), [yaml.safe_load(text) for text in code(row[1])]
        for name, value in zip(names, values, strict=len(names) == len(values)):
            named.add(name)
            part, _, key = name.rpartition(".")
            (whole[part] if part else whole)[key] = value
        named |= set(names)
    manifest = parse_manifest(whole | {"values": list(robot.names)})
    assert manifest.remote is not None
    assert (manifest.horizon, manifest.dt_s, manifest.remote.token_env) == (50, 0.02, "POLICY_TOKEN")
    remote = {name.rpartition(".")[2] for name in named}
    assert {entry.name for entry in fields(RemoteServer)} <= remote
    assert {name for name in named if "." not in name} <= {f.name for f in fields(Manifest)} | remote


@pytest.mark.parametrize("snippet", re.findall(r"`((?:images|units|remote|cameras|prompt|layout): [^`]+)`", GUIDE))
def test_snippets_of_a_manifest_in_the_text_are_taken(snippet: str, robot: Embodiment) -> None:
    entry = yaml.safe_load(snippet.replace(", ..}", "}"))
    if next(iter(entry)) in _PARSERS:
        parse_transforms([entry], robot.names)
        return
    name = "finevla_fork" if "statistics" in snippet else "pi0_aloha"
    whole = yaml.safe_load((ROOT / f"models/examples/{name}/manifest.yaml").read_text("utf-8"))
    given = next(iter(entry.values()))
    parse_manifest(whole | {next(iter(entry)): {"url": "ws://gpu-host:8000"} | given if "remote" in entry else given})


def test_code_of_the_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    snippets = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert snippets
    for snippet in snippets:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(snippet, {})
        assert "cam_high" in said.getvalue()
