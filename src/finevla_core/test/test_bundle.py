"""Promises of policy bundles and their runtime: verified whole, made for this robot, no torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_bundle import make_tiny_bundle

from finevla_core.bundle import Bundle, check_embodiment, load_bundle
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.manifest import MANIFEST, parse_manifest, plain_manifest
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy


@pytest.fixture
def bundle(tmp_path: Path, cobotmagic_file: Path) -> Path:
    return make_tiny_bundle(tmp_path / "tiny", load_embodiment(cobotmagic_file))


def observation(robot_file: Path) -> Observation:
    robot = load_embodiment(robot_file)
    count = len(robot.cameras)
    return Observation(
        stamp_ns=5,
        cameras=robot.camera_names,
        images=np.zeros((count, robot.image_height, robot.image_width, 3), np.uint8),
        image_stamps_ns=(5,) * count,
        state=np.linspace(0, 1, len(robot.names)).astype(np.float32),
        state_stamp_ns=5,
    )


@pytest.mark.parametrize("which", ["cobotmagic_file", "single_file"])
def test_policy_answers_with_a_chunk_of_the_observations_time(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file = request.getfixturevalue(which)
    robot = load_embodiment(file)
    policy = load_policy(make_tiny_bundle(tmp_path / "tiny", robot), robot)
    encoded = policy.encode(Instruction("go", id="7"))
    chunk = policy.predict(observation(file), encoded)
    assert (chunk.stamp_ns, chunk.instruction_id, chunk.names) == (5, "7", robot.names)
    assert chunk.actions.shape == (16, len(robot.names))
    assert policy.predict(observation(file), encoded).sequence == chunk.sequence + 1


def test_changed_file_is_refused_by_its_hash(bundle: Path) -> None:
    (bundle / "policy.onnx").write_bytes((bundle / "policy.onnx").read_bytes()[:-1])
    with pytest.raises(FineVLAError, match=r"policy\.onnx.*SHA-256"):
        load_bundle(bundle)


def test_missing_file_and_missing_bundle_are_named(bundle: Path, tmp_path: Path) -> None:
    (bundle / "card.md").unlink()
    with pytest.raises(FineVLAError, match=r"card\.md.*missing"):
        load_bundle(bundle)
    with pytest.raises(FineVLAError, match="nowhere"):
        load_bundle(tmp_path / "nowhere")


def test_paths_out_of_the_bundle_are_refused(bundle: Path) -> None:
    manifest = yaml.safe_load((bundle / MANIFEST).read_text())
    (bundle.parent / "secret").write_text("x")
    (bundle / "link").symlink_to(bundle.parent / "secret")
    for path in ("../secret", "/etc/hostname", "link"):
        (bundle / MANIFEST).write_text(yaml.safe_dump(manifest | {"files": manifest["files"] | {path: "0" * 64}}))
        with pytest.raises(FineVLAError, match="outside the bundle"):
            load_bundle(bundle)


def test_unknown_entry_is_refused_with_the_nearest_known_one(bundle: Path) -> None:
    manifest = yaml.safe_load((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(yaml.safe_dump(manifest | {"horizn": 3}))
    with pytest.raises(FineVLAError, match="did you mean 'horizon'"):
        load_bundle(bundle)


def test_parts_of_pictures_are_of_cameras_that_the_policy_looks_at(bundle: Path) -> None:
    manifest = yaml.safe_load((bundle / MANIFEST).read_text())

    def with_region(camera: str) -> Bundle:
        images = manifest["images"] | {"regions": {camera: [0.2, 0.5, 0.8, 1]}}
        (bundle / MANIFEST).write_text(yaml.safe_dump(manifest | {"images": images}))
        return load_bundle(bundle)

    made = with_region(manifest["cameras"][0]).manifest
    assert made.images.region(manifest["cameras"][0]) == (0.2, 0.5, 0.8, 1.0)
    assert parse_manifest(yaml.safe_load(yaml.safe_dump(plain_manifest(made)))) == made
    with pytest.raises(
        FineVLAError, match="'regions' of entry 'images' of manifest.yaml names camera 'top'; the policy looks"
    ):
        with_region("top")


def test_bundle_of_another_robot_is_refused(bundle: Path, single_file: Path) -> None:
    with pytest.raises(FineVLAError, match="is for robot 'cobotmagic', not 'single'"):
        check_embodiment(load_bundle(bundle), load_embodiment(single_file))


def test_answers_that_are_not_finite_are_refused(tmp_path: Path, cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    with pytest.raises(FineVLAError, match="not finite"):
        load_policy(make_tiny_bundle(tmp_path / "nan", robot, finite=False), robot)


def test_observation_of_another_size_is_refused(bundle: Path, cobotmagic_file: Path) -> None:
    policy = load_policy(bundle, load_embodiment(cobotmagic_file))
    good = observation(cobotmagic_file)
    wrong = Observation(5, good.cameras, np.zeros((3, 64, 96, 3), np.uint8), (5, 5, 5), good.state, 5)
    with pytest.raises(FineVLAError, match="64x96"):
        policy.predict(wrong, policy.encode(Instruction("go")))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["name", "values", "horizon", "dt_s", "text", "files", "cameras", "schema"]),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
    )
)
def test_any_manifest_gives_a_bundle_or_one_sentence(bundle: Path, changes: dict[str, object]) -> None:
    original = (bundle / MANIFEST).read_text()
    try:
        (bundle / MANIFEST).write_text(yaml.safe_dump(yaml.safe_load(original) | changes))
        load_bundle(bundle)
    except FineVLAError as error:
        assert "tiny" in str(error)
    finally:
        (bundle / MANIFEST).write_text(original)


def test_runtime_imports_neither_torch_nor_ros() -> None:
    code = "import sys, finevla_core.policy.bundle_policy, finevla_core.safety.bridge\n"
    code += "print([m for m in ('torch', 'rclpy') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
