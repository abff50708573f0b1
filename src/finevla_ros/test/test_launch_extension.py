"""The substitution that `ros2 launch` gets from us, on a stand-in of the part of `launch` that it is written with."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tiny_bundle import make_tiny_bundle

from finevla_core.embodiment import Embodiment


class Text:
    """A text of a launch file, as `launch` has it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def describe(self) -> str:
        return repr(self.text)

    def perform(self, context: object) -> str:
        return self.text


def _played_launch() -> tuple[dict[str, ModuleType], dict[str, Any]]:
    """The part of `launch` that a substitution is written with, and what was made known to it."""
    exposed: dict[str, Any] = {}

    def expose_substitution(name: str) -> Any:
        def remember(cls: Any) -> Any:
            exposed[name] = cls.parse
            return cls

        return remember

    modules = {
        name: ModuleType(name) for name in ("launch", "launch.frontend", "launch.substitution", "launch.utilities")
    }
    modules["launch"].LaunchContext = object  # type: ignore[attr-defined]
    modules["launch.frontend"].expose_substitution = expose_substitution  # type: ignore[attr-defined]
    modules["launch.substitution"].Substitution = object  # type: ignore[attr-defined]
    modules["launch.utilities"].normalize_to_list_of_substitutions = list  # type: ignore[attr-defined]
    modules["launch.utilities"].perform_substitutions = lambda context, parts: "".join(  # type: ignore[attr-defined]
        part.perform(context) for part in parts
    )
    return modules, exposed


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Any:
    modules, exposed = _played_launch()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "finevla_ros.launch_extension", raising=False)
    importlib.import_module("finevla_ros.launch_extension")
    monkeypatch.delitem(sys.modules, "finevla_ros.launch_extension")
    return exposed["bundle-runtime"]


def test_runtime_of_a_bundle_is_told_and_empty_for_none(parse: Any, tmp_path: Path, robot: Embodiment) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny", robot)
    for name, runtime in ((f"{bundle}", "onnx"), (f"{tmp_path}/nowhere", ""), (f"{tmp_path}", "")):
        cls, arguments = parse([[Text(name[:3]), Text(name[3:])]])
        made = cls(**arguments)
        assert made.perform(None) == runtime
        assert name[3:] in made.describe()
    with pytest.raises(TypeError, match="one bundle, not 2"):
        parse([[Text("a")], [Text("b")]])
