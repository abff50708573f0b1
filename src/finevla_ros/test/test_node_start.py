"""Promises of a node's start: Ctrl-C ends it at any moment, and nothing is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2]
BLOCKED = (
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); signal.raise_signal(signal.SIGINT)\n"
)
START = "import sys\nfrom finevla_ros.node_start import entry_point\nsys.exit(entry_point('loaded')())\n"
NODE = (
    "import sys\nfrom rclpy.node import Node\nfrom finevla_ros.node_main import LastingNode, run_node\n"
    "class Lasting(LastingNode):\n"
    "    def begin_end(self): pass\n"
    "    def has_ended(self): return True\n"
    "class Usual(Node): pass\n"
    "kind = {}\n"
    "class Made(kind):\n"
    "    def __init__(self): super().__init__('made')\n"
    "sys.exit(run_node(Made))\n"
)


def ended(code: str, folder: Path | None = None) -> tuple[int, str]:
    environment = os.environ | ({"PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"} if folder else {})
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "import signal\nsignal.raise_signal(signal.SIGINT)\nprint('went on')\n",
        "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException:\n    raise ImportError from None\n",
        "import signal\ndef main():\n    signal.raise_signal(signal.SIGINT)\n",
    ],
    ids=["while imported", "within an extension", "before the node's own handler"],
)
def test_interrupt_while_a_node_is_loaded_ends_it_without_a_word(tmp_path: Path, module: str) -> None:
    (tmp_path / "loaded.py").write_text(module)
    assert ended(START, tmp_path) == (0, "")


def test_interrupt_from_before_the_program_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "loaded.py").write_text("print('loaded')\ndef main():\n    return 0\n")
    assert ended(START, tmp_path) == (0, "loaded\n")
    assert ended(BLOCKED + START, tmp_path) == (0, "")


@pytest.mark.parametrize("kind", ["Usual", "Lasting"])
def test_interrupt_that_waits_ends_a_node_that_is_started_directly(kind: str) -> None:
    code, said = ended(BLOCKED + NODE.format(kind))
    assert code == 0
    assert "Traceback" not in said


def test_every_node_starts_by_an_entry_point_that_loads_nothing() -> None:
    packages = [setup.parent.name for setup in SOURCES.glob("*/setup.py") if "console_scripts" in setup.read_text()]
    assert len(packages) >= 5
    for package in packages:
        assert not re.findall(r"_node:main", (SOURCES / package / "setup.py").read_text())
        assert (SOURCES / package / package / "executables.py").is_file()
    imports = "".join(f"import {package}.executables\n" for package in packages)
    heavy = "import sys\nprint(sorted({'numpy', 'rclpy', 'yaml', 'mujoco', 'onnxruntime'} & set(sys.modules)))"
    assert ended(imports + heavy) == (0, "[]\n")


def test_every_executable_is_there() -> None:
    named = re.compile(r'"(\w+) = (\w+)\.executables:(\w+)"')
    found = [m for setup in SOURCES.glob("*/setup.py") for m in named.findall(setup.read_text())]
    assert len(found) >= 10
    for executable, package, name in found:
        text = (SOURCES / package / package / "executables.py").read_text()
        (module,) = re.findall(rf'^{name} = entry_point\("{package}\.(\w+)"\)$', text, re.MULTILINE)
        assert executable == name
        assert "def main() -> int:" in (SOURCES / package / package / f"{module}.py").read_text()
