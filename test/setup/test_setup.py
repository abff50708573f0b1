"""Promises of tools/setup: a Python that runs or one sentence, mended CMake files, an environment that can be sourced twice."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SETUP = Path(__file__).resolve().parents[2] / "tools" / "setup"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SETUP / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def find_python(home: Path, *folders: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(folder) for folder in folders)
    environment = {"PATH": path, "HOME": str(home), **environment}
    command = ["/bin/sh", str(SETUP / "find_python.sh")]
    return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "python3.12", "exit 127")  # as a pyenv shim of a version that is not there
    program(tmp_path / "python3", f'exec {sys.executable} "$@"')
    found = find_python(tmp_path, tmp_path)
    assert (found.returncode, found.stdout.strip()) == (0, str(tmp_path / "python3"))


@pytest.mark.skipif(Path("/usr/local/bin/python3.12").exists(), reason="this machine has one at a fixed place")
def test_no_python_is_one_sentence(tmp_path: Path) -> None:
    program(tmp_path / "python3", "echo 3.10")
    found = find_python(tmp_path, tmp_path)
    assert found.returncode == 1
    assert found.stderr.startswith("error: no Python 3.12 that runs was found; install it")
    assert found.stderr.count("\n") == 1


def test_python_can_be_named(tmp_path: Path) -> None:
    mine = program(tmp_path / "mine", f'exec {sys.executable} "$@"')
    assert find_python(tmp_path, FINEVLA_PYTHON=str(mine)).stdout.strip() == str(mine)


def test_wheels_are_mended_once_and_their_cached_copy_is_left_alone(tmp_path: Path) -> None:
    mend = script("mend_wheels")
    text = 'set(DIRS "/build/machine/include/python3.12;/build/site-packages/numpy/_core/include")\n'
    cached, installed = tmp_path / "cached.cmake", tmp_path / "share" / "fileConfig.cmake"
    cached.write_text(text, encoding="utf-8")
    installed.parent.mkdir()
    os.link(cached, installed)
    assert mend.mend(installed.parent, "/here/include/python3.12", "/here/numpy/_core/include") == 1
    expected = 'set(DIRS "/here/include/python3.12;/here/numpy/_core/include")\n'
    assert installed.read_text(encoding="utf-8") == expected
    assert cached.read_text(encoding="utf-8") == text
    assert mend.mend(installed.parent, "/here/include/python3.12", "/here/numpy/_core/include") == 0


def test_environment_can_be_sourced_twice(tmp_path: Path) -> None:
    script("underlay").write(tmp_path)
    source = f". {tmp_path}/setup.bash; "
    printed = subprocess.run(
        ["/bin/bash", "-c", source * 2 + 'echo "$AMENT_PREFIX_PATH|$ROS_DISTRO|$ROS_AUTOMATIC_DISCOVERY_RANGE"'],
        env={"PATH": os.defpath, "AMENT_PREFIX_PATH": "/other"},
        text=True,
        capture_output=True,
        check=True,
    ).stdout.strip()
    assert printed == f"{tmp_path}:/other|jazzy|LOCALHOST"
