"""Promises of the policies' statistics: read whole from either file, and another robot's or a broken one's by no means."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.policy_wire.normalisation_statistics import openpi_statistics, starvla_statistics

VALUES = {"mean": [0.1, 0.2], "std": [1.0, 0.5], "q01": [-1.0, -2.0], "q99": [1.0, 2.0]}
ALL = {**VALUES, "min": [-1.5, -3.0], "max": [1.5, 3]}


def write(path: Path, value: object) -> Path:
    file = path / "statistics.json"
    file.write_text(json.dumps(value))
    return file


def openpi(**actions: object) -> dict[str, Any]:
    return {"norm_stats": {"state": VALUES, "actions": {**VALUES, **actions}}}


def starvla(**action: object) -> dict[str, Any]:
    counts = {"num_transitions": 100, "num_trajectories": 3}
    return {"new_embodiment": {"action": {**ALL, "mask": [True, False], **action}, "state": ALL, **counts}}


def test_openpi_statistics_are_read(tmp_path: Path) -> None:
    found = openpi_statistics(write(tmp_path, openpi()), 2, 2)
    assert found.actions.std.tolist() == [1.0, 0.5]
    assert found.actions.q99 is not None
    assert found.actions.q99.tolist() == [1.0, 2.0]
    assert found.actions.min is None
    assert found.actions.mask.all()
    assert found.state is not None
    assert found.state.length == 2


def test_openpi_statistics_without_quantiles_are_read(tmp_path: Path) -> None:
    found = openpi_statistics(write(tmp_path, openpi(q01=None, q99=None)))
    assert found.actions.q01 is None is found.actions.q99


def test_padding_to_the_models_width_is_cut_off(tmp_path: Path) -> None:
    padded = {key: [*value, 0.0, 0.0] for key, value in VALUES.items()}
    found = openpi_statistics(write(tmp_path, {"norm_stats": {"actions": padded}}), 2)
    assert found.actions.mean.tolist() == [0.1, 0.2]
    assert found.actions.mask.shape == (2,)
    assert found.state is None


def test_starvla_statistics_are_read(tmp_path: Path) -> None:
    file = write(tmp_path, starvla())
    for found in (starvla_statistics(file), starvla_statistics(file, "new_embodiment", 2, 2)):
        assert found.actions.mask.tolist() == [True, False]
        assert found.actions.max is not None
        np.testing.assert_array_equal(found.actions.max, [1.5, 3.0])
        assert found.state is not None
        assert found.state.mask.all()


def test_the_key_is_one_that_the_file_has(tmp_path: Path) -> None:
    two = write(tmp_path, {**starvla(), "oxe_bridge": starvla()["new_embodiment"]})
    with pytest.raises(FineVLAError, match="2 robots, and no key chooses one: 'new_embodiment', 'oxe_bridge'"):
        starvla_statistics(two)
    with pytest.raises(FineVLAError, match="unknown key of statistics 'new_embodyment'; did you mean 'new_embodiment'"):
        starvla_statistics(two, "new_embodyment")


def test_another_robots_statistics_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="'action' has 2 values, and 14 are needed: these are another robot's"):
        starvla_statistics(write(tmp_path, starvla()), "", 14)
    with pytest.raises(FineVLAError, match="'state' has 2 values, and 14 are needed"):
        starvla_statistics(write(tmp_path, starvla()), "", 2, 14)
    with pytest.raises(FineVLAError, match="'actions' has 2 values, and 1 are needed"):  # what is behind is no padding
        openpi_statistics(write(tmp_path, openpi()), 1)
    with pytest.raises(FineVLAError, match="'actions' has 2 values, and 14 are needed"):
        openpi_statistics(write(tmp_path, openpi()), 14)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mean": [0.1]}, "'std' has 2 values and 'mean' has 1"),
        ({"q01": [0.1]}, "'q01' has 1 values and 'mean' has 2"),
        ({"mean": []}, "'mean' has 0 values"),
        ({"mean": [0.0] * 513}, "'mean' has 513 values"),
        ({"mean": None}, "'mean' is no list of numbers"),
        ({"mean": [True, False]}, "'mean' is no list of numbers"),
        ({"mean": [[0.1], [0.2]]}, "'mean' is no list of numbers"),
        ({"mean": [0.1, float("nan")]}, "'mean' has nan at 1"),
        ({"std": [float("inf"), 1.0]}, "'std' has inf at 0"),
        ({"mean": [10**400, 0]}, "no float holds"),
        ({"std": [1.0, -1.0]}, "'std' has a negative value at 1"),
        ({"std": None}, "'std' is no list of numbers"),
        ({"q01": [-1.0, 3.0]}, "'q01' is larger than 'q99' at 1"),
        ({"q01": None}, "'q01' is no list of numbers"),
    ],
)
def test_broken_vectors_are_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    for value, read in ((openpi(**changed), openpi_statistics), (starvla(**changed), starvla_statistics)):
        file = write(tmp_path, value)
        with pytest.raises(FineVLAError) as caught:
            read(file)
        assert said in str(caught.value)
        assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mask": [1, 0]}, "'mask' is no list of true and false"),
        ({"mask": [True]}, "'mask' has 1 values"),
        ({"min": [2.0, 0.0]}, "'min' is larger than 'max' at 0"),
    ],
)
def test_what_starvla_says_more_is_checked_too(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(FineVLAError, match=said):
        starvla_statistics(write(tmp_path, starvla(**changed)))


@pytest.mark.parametrize(
    "value", [[], "text", {}, {"norm_stats": []}, {"norm_stats": {"actions": 3}}, {"a": 1, "b": 2}]
)
def test_other_files_are_refused(tmp_path: Path, value: object) -> None:
    for read in (openpi_statistics, starvla_statistics):
        with pytest.raises(FineVLAError, match=r"statistics\.json"):
            read(write(tmp_path, value))


def test_a_file_without_a_needed_field_is_refused(tmp_path: Path) -> None:
    action = dict(ALL)
    del action["q99"]
    with pytest.raises(FineVLAError, match="'action' has no 'q99'"):
        starvla_statistics(write(tmp_path, {"x": {"action": action}}))


def test_no_file_and_no_json_are_named(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="cannot be read"):
        openpi_statistics(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DamagedFileError, match="cannot be read as JSON"):
        starvla_statistics(tmp_path / "bad.json")
