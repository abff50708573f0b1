"""Promises of bundles of the runtime "torch" where there is no torch: read and checked, and never run in this process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from finevla_core.bundle import load_bundle, read_manifest, write_bundle
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.manifest import MANIFEST, Manifest
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.network_spec import TabletopSpec

NETWORK: dict[str, Any] = {
    "kind": "tabletop",
    "head": "flow",
    "basis": 6,
    "hidden": 64,
    "blocks": 1,
    "cameras_on": [None, 0, 1],
    "fov_deg": 55.0,
    "lower": [-1.0] * 14,
    "upper": [1.0] * 14,
}


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    manifest = Manifest(
        name="weights",
        embodiment=robot.name,
        cameras={name: name for name in robot.camera_names},
        images=robot.images,
        values=robot.names,
        horizon=16,
        dt_s=0.1,
        files={},
        runtime="torch",
        reader="tabletop",
        seen_from=0.25,
        policy_model="policy.safetensors",
        network=NETWORK,
    )
    return write_bundle(tmp_path / "weights", manifest, {"policy.safetensors": b"weights", "card.md": b"#"}).path


def change(bundle: Path, **entries: Any) -> None:
    raw = yaml.safe_load((bundle / MANIFEST).read_text()) | entries
    (bundle / MANIFEST).write_text(yaml.safe_dump({key: value for key, value in raw.items() if value is not ...}))


def test_manifest_comes_back_as_it_was_written(bundle: Path) -> None:
    manifest = load_bundle(bundle).manifest
    assert (manifest.runtime, manifest.seen_from, manifest.network) == ("torch", 0.25, NETWORK)
    spec = manifest.network_spec()
    assert spec == TabletopSpec("flow", 14, 16, 6, 64, 1, (None, 0, 1), 55.0, (-1.0,) * 14, (1.0,) * 14)
    assert spec.arm_joints == [[0, 1, 2, 3, 4, 5], [7, 8, 9, 10, 11, 12]]


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"kind": "tabeltop"}, "unknown kind of network 'tabeltop'.*'tabletop'"),
        ({"kind": 3}, "unknown kind of network '3'"),
        ({"hidden": ...}, "entry 'network' of manifest.yaml has no 'hidden'"),
        ({"hiden": 3}, "unknown entry 'hiden'.*'hidden'"),
        ({"head": "diffusion"}, "unknown head 'diffusion'"),
        ({"head": ["flow"]}, "unknown head"),
        ({"hidden": "64"}, "'hidden'.* must be a whole number from 1 to 4096"),
        ({"hidden": 100_000}, "'hidden'.* is '100000'"),
        ({"hidden": True}, "'hidden'.* is 'True'"),
        ({"blocks": -1}, "'blocks'.* from 0 to 16"),
        ({"basis": 2}, "'basis'.* from 3 to 64"),
        ({"cameras_on": [None, 0]}, "'cameras_on'.* each of the 3 cameras"),
        ({"cameras_on": [None, 0, 2]}, "'cameras_on'.* each of the 3 cameras"),
        ({"fov_deg": float("nan")}, "'fov_deg'.* from 1 to 170"),
        ({"lower": [-1.0] * 13}, "'lower'.* list of 14 finite numbers"),
        ({"lower": [float("inf")] * 14}, "'lower'.* list of 14 finite numbers"),
        ({"lower": [2.0] * 14}, "'lower' is not below 'upper' for value 'left_joint1'"),
        ({"upper": "high"}, "'upper'.* list of 14 finite numbers"),
    ],
)
def test_network_that_is_none_is_one_sentence(bundle: Path, entries: dict[str, Any], sentence: str) -> None:
    network = {key: value for key, value in (NETWORK | entries).items() if value is not ...}
    change(bundle, network=network)
    with pytest.raises(FineVLAError, match=sentence) as error:
        load_bundle(bundle)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"network": ...}, "has no entry 'network', which the runtime 'torch' needs"),
        ({"network": "tabletop"}, "entry 'network' .*must be of type dict"),
        ({"reader": ...}, "has no entry 'reader', which the runtime 'torch' needs"),
        ({"policy_model": ...}, "has no entry 'policy_model', which the runtime 'torch' needs"),
        ({"policy_model": "policy.pt"}, r"'policy.pt'.*\*.safetensors"),
        ({"policy_model": "other.safetensors"}, "'other.safetensors' is not listed under files"),
        ({"text_model": "text.onnx"}, "'text_model' .*belongs to the runtime 'onnx'"),
        ({"remote": {"url": "ws://h:1"}}, "'remote' .*belongs to the runtime 'remote'"),
        ({"runtime": "onnx"}, "'network' .*belongs to the runtime 'torch'"),
        ({"images": {"height": 96, "width": 128}}, "sees square pictures.*96x128"),
    ],
)
def test_entries_that_do_not_belong_together_are_one_sentence(
    bundle: Path, entries: dict[str, Any], sentence: str
) -> None:
    change(bundle, **entries)
    with pytest.raises(FineVLAError, match=sentence):
        load_bundle(bundle)


def test_manifest_is_read_without_the_weights(bundle: Path) -> None:
    (bundle / "policy.safetensors").unlink()
    assert read_manifest(bundle).runtime == "torch"


def test_it_is_said_where_such_a_bundle_runs(bundle: Path, robot: Embodiment, single_file: Path) -> None:
    with pytest.raises(FineVLAError, match="runtime 'torch', which runs in 'finevla serve' and not in this process"):
        load_policy(bundle, robot)
    with pytest.raises(FineVLAError, match="is for robot 'cobotmagic', not 'single'"):
        load_policy(bundle, load_embodiment(single_file))


def test_policy_of_such_a_bundle_waits_for_its_server_without_torch(bundle: Path, cobotmagic_file: Path) -> None:
    program = f"""
import sys
from finevla_core.embodiment import load_embodiment
from finevla_core.policy.bundle_loading import load_policy
policy = load_policy({str(bundle)!r}, load_embodiment({str(cobotmagic_file)!r}), server="ws://127.0.0.1:9")
print(policy.description.provider, policy.waiting_text)
policy.close()
assert not [name for name in sys.modules if name.partition(".")[0] in ("torch", "safetensors", "finevla_models")]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("policy server ws://127.0.0.1:9 policy server ws://127.0.0.1:9 is not connected yet")
