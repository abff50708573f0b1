"""Promises of the doctor about the robot's description: it is read, and who tells it is named."""

import argparse
import importlib.util
import os
from pathlib import Path

import pytest

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools import doctor

ARGUMENTS = argparse.Namespace(bundle="none_such", limits="cobotmagic", can=[])


def finding(monkeypatch: pytest.MonkeyPatch) -> doctor.Finding:
    """What is said of the description; all other checks are left out."""
    for name in ("_python", "_ros", "_dds", "_robot", "_safety", "_bundle", "_providers", "_rendering", "_logs"):
        monkeypatch.setattr(doctor, name, lambda *_: "left out")
    return next(f for f in doctor._look(doctor._checks(ARGUMENTS)) if f.what == "description")


def test_description_is_read_and_who_tells_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "robot_state_publisher").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:{os.environ['AMENT_PREFIX_PATH']}")
    found = finding(monkeypatch)
    assert found.found == f"29 joints, told by ROS's own robot_state_publisher in {tmp_path}"
    assert not found.remedy


def test_bundle_of_weights_is_said_to_run_in_serve_and_what_that_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, robot: Embodiment
) -> None:
    pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")
    from torch_bundle import make_torch_bundle

    bundle = str(make_torch_bundle(tmp_path / "weights", robot))
    assert doctor._bundle(bundle).endswith("runs in 'finevla serve', which the launch file starts")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FineVLAError, match="weights: .* runs in 'finevla serve', which needs torch"):
        doctor._bundle(bundle)


def test_description_that_cannot_be_read_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise FineVLAError("URDF 'x' cannot be expanded")

    monkeypatch.setattr("finevla_core.urdf.expand", broken)
    found = finding(monkeypatch)
    assert found.found == "URDF 'x' cannot be expanded"
    assert found.remedy
