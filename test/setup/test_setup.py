"""Promises of tools/setup: a Python that runs or one sentence, mended CMake files, an environment that can be sourced twice."""

import importlib.util
import os
import re
import shutil
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


@pytest.fixture
def installing(tmp_path: Path) -> Path:
    """A root for `requirements.sh`, with a played uv that notes what it is asked for and fails over the text in `fails`."""
    shutil.copytree(SETUP.parents[1] / "requirements", tmp_path / "requirements")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    program(tmp_path / ".venv/bin/python", "exit 0")
    noted = 'echo "$*" >> asked; if [ -e fails ]; then case "$*" in *$(cat fails)*) echo no >&2; exit 1;; esac; fi'
    program(tmp_path / ".venv/bin/uv", noted)
    return tmp_path


def install(root: Path, *lists: str, **environment: str) -> tuple[list[str], str]:
    """What uv was asked for, and what was said."""
    (root / "asked").unlink(missing_ok=True)
    command = ["/bin/bash", str(SETUP / "requirements.sh"), "ros.txt", "robot.txt", *lists]
    done = subprocess.run(
        command, cwd=root, env={"PATH": os.defpath, **environment}, text=True, capture_output=True, check=False
    )
    asked = (root / "asked").read_text(encoding="utf-8").splitlines() if (root / "asked").exists() else []
    return asked, done.stdout + done.stderr


def test_lists_are_installed_once(installing: Path) -> None:
    (asked,), said = install(installing, "dev.txt")
    assert asked.endswith("-r requirements/ros.txt -r requirements/robot.txt -r requirements/dev.txt")
    assert "CUDA" not in said
    assert install(installing, "dev.txt") == ([], "")
    assert len(install(installing)[0]) == 1, "other lists"


def test_one_onnx_runtime_goes_before_the_other_comes(installing: Path) -> None:
    install(installing)
    (removed, installed, tensorrt), _ = install(installing, GPU="1")
    assert removed.startswith("pip uninstall ")
    assert removed.endswith(" onnxruntime onnxruntime-gpu")
    assert installed.endswith("-r requirements/ros.txt -r .venv/robot-gpu.txt -r requirements/gpu.txt")
    assert tensorrt.endswith("-r requirements/tensorrt.txt")
    robot = (installing / ".venv/robot-gpu.txt").read_text(encoding="utf-8").splitlines()
    assert "onnxruntime" not in robot
    assert "mujoco" in robot
    assert install(installing, GPU="1") == ([], "")
    (later,), _ = install(installing, "dev.txt")
    assert "requirements/gpu.txt" in later, "'make test' afterwards keeps it"
    (removed, installed), _ = install(installing, GPU="0")
    assert "uninstall" in removed
    assert installed.endswith("-r requirements/ros.txt -r requirements/robot.txt")
    assert install(installing) == ([], "")


def test_without_tensorrt_cuda_is_kept_and_that_is_said(installing: Path) -> None:
    (installing / "fails").write_text("tensorrt.txt", encoding="utf-8")
    asked, said = install(installing, GPU="1")
    assert len(asked) == 3
    assert "TensorRT could not be installed, policies run on CUDA" in said
    assert install(installing) == ([], ""), "it is tried again by who asks for it"
    (installing / "fails").unlink()
    (retried,), said = install(installing, GPU="1")
    assert retried.endswith("-r requirements/tensorrt.txt")
    assert "could not" not in said


def test_odd_gpu_is_refused(installing: Path) -> None:
    assert install(installing, GPU="yes") == ([], "error: GPU is 'yes'; give GPU=1 for NVIDIA GPUs or GPU=0 for none\n")


def test_onnx_runtime_for_gpus_has_the_version_of_the_other() -> None:
    lists = SETUP.parents[1] / "requirements"
    plain = re.search(r"^onnxruntime==(\S+)$", (lists / "constraints.txt").read_text(encoding="utf-8"), re.M)
    gpu = re.search(r"^onnxruntime-gpu\[cuda,cudnn\]==(\S+)$", (lists / "gpu.txt").read_text(encoding="utf-8"), re.M)
    assert plain is not None
    assert gpu is not None
    assert plain[1] == gpu[1]
