"""Promises of the bundles without weights: each asks its server as documented, and moves the robot as it answers."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_bundles import EXAMPLES, write_examples
from numpy.typing import NDArray
from PIL import Image
from recording_server import STARVLA_METADATA, RecordingServer

from finevla_core.assembler import Assembler
from finevla_core.bundle import load_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage, EncodedImage, RawImage, to_policy_image
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.remote_policy import RemotePolicy
from finevla_core.policy.transforms import Sample
from finevla_core.policy_wire.finevla_dialect import instruction_of

SERVED = "tabletop_served"  # asks `finevla serve`, looked at in tools/test/test_remote_check.py
ALL = sorted(path.name for path in EXAMPLES.iterdir())
NAMES = [name for name in ALL if name != SERVED]
OPENPI = ("pi0_aloha", "pi05_aloha")
SAID = Instruction(raw="reach the ball", fine="with the left arm, from above", id="1")
STAMP_NS = 1_000_000_000
PATIENCE_S = 30.0
# Of each value the number k at place k, so that a value in a wrong place is another number.
STATE = np.array([0.01 * k for k in range(14)])
STATE[6], STATE[13] = 0.25, 0.75
SERVER_ROW = np.array([0.1 * k for k in range(14)])


def pictures() -> dict[str, NDArray[np.uint8]]:
    """A raw picture of each camera, 480 rows and 640 columns, no two alike."""
    random = np.random.default_rng(3)
    return {name: random.integers(0, 256, (480, 640, 3), np.uint8) for name in ("front", "left", "right")}


def as_rgb8(picture: NDArray[np.uint8]) -> EncodedImage:
    return RawImage("rgb8", 480, 640, 1920, picture.tobytes())


def as_bgr8(picture: NDArray[np.uint8]) -> EncodedImage:
    return RawImage("bgr8", 480, 640, 1920, np.ascontiguousarray(picture[..., ::-1]).tobytes())


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG")
    return file.getvalue()


def observed(name: str, robot: Embodiment, images: Mapping[str, EncodedImage]) -> Observation:
    """What the ingest makes of these pictures and of `STATE` for a bundle."""
    assembler = Assembler(robot.seen_as(load_bundle(EXAMPLES / name).manifest.images))
    assembler.add_state(STAMP_NS, robot.joints, list(robot.to_positions(STATE)))
    for camera, image in images.items():
        assembler.add_image(camera, STAMP_NS, lambda image=image: image)  # type: ignore[misc]
    found = assembler.observe(STAMP_NS)
    assert isinstance(found, Observation), found
    return found


def answer_of(name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """What the server of a bundle answers: `SERVER_ROW` in each row, in its own order."""
    if name in OPENPI:
        return {"actions": np.tile(SERVER_ROW, (50, 1)), "server_timing": {"infer_ms": 80.0}}
    head = {"status": "ok", "ok": True, "type": "inference_result", "request_id": request.get("request_id", "default")}
    if name == SERVED:
        return head | {"data": {"actions": np.tile(SERVER_ROW, (16, 1)), "sequence": 1, "server_s": 0.08}}
    key = "normalized_actions" if name == "finevla_fork" else "actions"
    data = {key: np.tile(SERVER_ROW, (1, 16, 1)).astype(np.float32)}
    return head | {"data": data}


def asked(
    name: str, robot: Embodiment, images: Mapping[str, EncodedImage], said: Instruction = SAID
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """The decoded request that a bundle makes of an observation, and the rows that come of the answer."""
    metadata = {} if name in OPENPI else {"finevla": {}} if name == SERVED else STARVLA_METADATA
    with RecordingServer(metadata, lambda request: answer_of(name, request)) as server:
        policy = load_policy(EXAMPLES / name, robot, server=server.url)
        assert isinstance(policy, RemotePolicy)
        policy.server = replace(policy.server, timeout_s=PATIENCE_S)  # however busy this machine is
        try:
            chunk = policy.predict(observed(name, robot, images), policy.encode(said))
        finally:
            policy.close()
    (request,) = server.asked
    return request, chunk.actions


def padded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """224x224 as openpi's client makes it of 480x640: 168 rows of picture, 28 black ones above and below."""
    made = np.zeros((224, 224, 3), np.uint8)
    made[28:196] = np.asarray(Image.fromarray(picture).resize((224, 168), Image.Resampling.BILINEAR))
    return made


def squeezed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """224x224 by area, without regard to the shape."""
    return np.asarray(Image.fromarray(picture).resize((224, 224), Image.Resampling.BOX))


def test_examples_are_those_that_their_maker_writes(robot: Embodiment, cobotmagic_urdf: Path, tmp_path: Path) -> None:
    write_examples(tmp_path, robot, cobotmagic_urdf)
    made = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert made == {str(p.relative_to(EXAMPLES)): p.read_bytes() for p in EXAMPLES.rglob("*") if p.is_file()}
    for name in ALL:
        assert len((EXAMPLES / name / "card.md").read_text("utf-8").splitlines()) <= 25


@pytest.mark.parametrize("name", ALL)
def test_every_example_loads_for_this_robot_and_its_chunks_pass_the_bridges_rules_of_time(
    name: str, robot: Embodiment
) -> None:
    policy = load_policy(EXAMPLES / name, robot)
    assert isinstance(policy, RemotePolicy)
    d = policy.description
    assert d.horizon <= 100
    assert d.horizon_s <= 5.0
    assert d.horizon_s - 0.3 >= 0.5, "what is left after a delay of 300 ms"
    policy.close()


def test_server_that_is_refused_changes_nothing_for_the_connection_that_holds_the_one_before(robot: Embodiment) -> None:
    """Words and observations go by two connections, and one of them may meet another server: predict asked it by no dialect."""
    policy = load_policy(EXAMPLES / "pi0_aloha", robot)
    assert isinstance(policy, RemotePolicy)
    policy._meet({"finevla": {"history": 3}})
    assert policy.is_finevla
    with pytest.raises(FineVLAError, match="choose the starvla dialect"):
        policy._meet(STARVLA_METADATA)
    assert policy.is_finevla
    policy._meet({})
    assert not policy.is_finevla
    policy.close()


@pytest.mark.parametrize("name", OPENPI)
def test_openpi_is_asked_by_alohas_keys(name: str, robot: Embodiment) -> None:
    raw = pictures()
    request, _ = asked(name, robot, {camera: as_rgb8(picture) for camera, picture in raw.items()})
    assert list(request) == ["state", "images", "prompt"]
    assert list(request["images"]) == ["cam_high", "cam_left_wrist", "cam_right_wrist"]
    for sent, camera in zip(request["images"].values(), ("front", "left", "right"), strict=True):
        assert (sent.shape, sent.dtype) == ((3, 224, 224), np.uint8)
        np.testing.assert_array_equal(sent, padded(raw[camera]).transpose(2, 0, 1))
    assert (request["state"].shape, request["state"].dtype) == ((14,), np.float32)
    np.testing.assert_allclose(request["state"], STATE, atol=1e-6)
    assert request["prompt"] == "reach the ball"


@pytest.mark.parametrize("name", NAMES)
def test_colours_and_places_of_pictures_by_hand(name: str, robot: Embodiment) -> None:
    """Red before green before blue; left half dark and right half bright; front, left, right by their own red."""
    images: dict[str, EncodedImage] = {}
    for red, camera in ((200, "front"), (150, "left"), (100, "right")):
        picture = np.zeros((480, 640, 3), np.uint8)
        picture[:, :320], picture[:, 320:] = (red, 20, 30), (red, 120, 130)
        images[camera] = as_bgr8(picture)
    request, _ = asked(name, robot, images)
    if name in OPENPI:
        sent = [picture.transpose(1, 2, 0) for picture in request["images"].values()]
    else:
        sent = request.get("payload", request)["examples"][0]["image"]
    top, bottom = (28, 195) if name in OPENPI else (0, 223)  # first and last row of the picture
    for red, picture in zip((200, 150, 100), sent, strict=True):
        for row in (top, 112, bottom):
            assert picture[row, [0, 100, 123, 223]].tolist() == [[red, 20, 30]] * 2 + [[red, 120, 130]] * 2
        if name in OPENPI:
            assert not picture[[0, 27, 196, 223]].any()


def test_starvla_is_asked_with_a_list_of_pictures_and_no_state(robot: Embodiment) -> None:
    raw = pictures()
    request, _ = asked("starvla_robotwin", robot, {camera: as_rgb8(picture) for camera, picture in raw.items()})
    assert set(request) == {"type", "request_id", "payload"}
    assert request["type"] == "infer"
    assert set(request["payload"]) == {"examples", "unnorm_key"}
    assert request["payload"]["unnorm_key"] == "new_embodiment"
    check_example(request["payload"]["examples"], raw, "reach the ball")


def test_the_fork_is_asked_without_envelope_and_reads_the_fine_text(robot: Embodiment) -> None:
    raw = pictures()
    images = {camera: as_rgb8(picture) for camera, picture in raw.items()}
    request, _ = asked("finevla_fork", robot, images)
    assert set(request) == {"examples"}, "every other key would be an argument of the model's call"
    check_example(request["examples"], raw, "with the left arm, from above")
    request, _ = asked("finevla_fork", robot, images, replace(SAID, fine=""))
    assert request["examples"][0]["lang"] == "reach the ball"


def check_example(examples: Any, raw: Mapping[str, NDArray[np.uint8]], text: str) -> None:
    (example,) = examples
    assert set(example) == {"image", "lang"}
    assert isinstance(example["image"], list)
    for sent, camera in zip(example["image"], ("front", "left", "right"), strict=True):
        assert (sent.shape, sent.dtype) == ((224, 224, 3), np.uint8)
        np.testing.assert_array_equal(sent, squeezed(raw[camera]))
    assert example["lang"] == text


def some_images() -> dict[str, EncodedImage]:
    return {camera: as_rgb8(picture) for camera, picture in pictures().items()}


@pytest.mark.parametrize("name", OPENPI)
def test_openpis_rows_are_the_robots(name: str, robot: Embodiment) -> None:
    """Left arm, left gripper, right arm, right gripper, as they come; 1 is open on either side."""
    _, rows = asked(name, robot, some_images())
    np.testing.assert_allclose(rows, np.tile(SERVER_ROW, (50, 1)))


def test_starvlas_joints_and_grippers_come_back_in_the_robots_order(robot: Embodiment) -> None:
    _, rows = asked("starvla_robotwin", robot, some_images())
    # The server's 0-5 left arm, 6-11 right arm, 12 left gripper, 13 right gripper, of which value k is 0.1 k.
    wanted = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.2, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.3]
    np.testing.assert_allclose(rows, np.tile(wanted, (16, 1)), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_gripper_is_open_at_one_and_closed_at_zero_on_both_sides_of_the_wire(name: str, robot: Embodiment) -> None:
    left, right = robot.names.index("left_gripper"), robot.names.index("right_gripper")
    fingers = STATE.copy()
    fingers[left], fingers[right] = 1.0, 0.0
    np.testing.assert_allclose(robot.to_positions(fingers)[[left, right]], [0.05, 0.0])  # m, of each finger
    pipeline = load_bundle(EXAMPLES / name).manifest.pipeline()
    sample, _ = pipeline.forward(Sample(pictures(), fingers, SAID, SAID.prompt(), fingers[None]))
    assert sample.actions is not None
    places = (12, 13) if name == "starvla_robotwin" else (6, 13)
    assert sample.actions[0][list(places)].tolist() == [1.0, 0.0]


def test_the_forks_normalised_rows_are_brought_between_its_quantiles_and_grippers_open_above_a_half(
    robot: Embodiment,
) -> None:
    _, rows = asked("finevla_fork", robot, some_images())
    found = json.loads((EXAMPLES / "finevla_fork" / "dataset_statistics.json").read_text("utf-8"))
    q01, q99 = (found["new_embodiment"]["action"][key] for key in ("q01", "q99"))
    for k in range(14):
        normalised = 0.1 * k
        wanted = (normalised + 1) / 2 * (q99[k] - q01[k]) + q01[k]
        if k in (6, 13):  # 0.6 and 1.3
            wanted = 1.0
        np.testing.assert_allclose(rows[:, k], wanted, atol=1e-6, err_msg=robot.names[k])


def test_the_forks_example_statistics_say_that_they_are_to_be_replaced() -> None:
    text = (EXAMPLES / "finevla_fork" / "dataset_statistics.json").read_text("utf-8")
    assert "replace this file" in json.loads(text)["new_embodiment"]["note"]
    assert "Replace it" in (EXAMPLES / "finevla_fork" / "card.md").read_text("utf-8")


@pytest.mark.parametrize("sent_as", ["rgb8", "bgr8", "jpeg"])
@pytest.mark.parametrize("name", ALL)
def test_a_training_sample_is_bit_for_bit_what_the_server_is_sent(name: str, sent_as: str, robot: Embodiment) -> None:
    raw = pictures()
    if sent_as == "jpeg":
        packed = {camera: jpeg(picture) for camera, picture in raw.items()}
        images: dict[str, EncodedImage] = {camera: CompressedImage(data) for camera, data in packed.items()}
        raw = {camera: np.asarray(Image.open(io.BytesIO(data))) for camera, data in packed.items()}
    else:
        images = {c: as_rgb8(picture) if sent_as == "rgb8" else as_bgr8(picture) for c, picture in raw.items()}
    request, _ = asked(name, robot, images)
    check_sample(name, raw, request)


@pytest.mark.parametrize("name", ALL)
def test_a_large_jpeg_is_unpacked_for_training_as_the_ingest_does(name: str, robot: Embodiment) -> None:
    random = np.random.default_rng(7)
    large = {camera: jpeg(random.integers(0, 256, (1080, 1920, 3), np.uint8)) for camera in ("front", "left", "right")}
    request, _ = asked(name, robot, {camera: CompressedImage(data) for camera, data in large.items()})
    wanted = load_bundle(EXAMPLES / name).manifest.images
    raw = {camera: to_policy_image(CompressedImage(data), wanted) for camera, data in large.items()}
    check_sample(name, raw, request)


def check_sample(name: str, raw: Mapping[str, NDArray[np.uint8]], request: Mapping[str, Any]) -> None:
    """A training sample of these pictures, `STATE` and `SAID` has the bits that were asked with."""
    # A data set keeps the state as the assembler gives it, float32.
    sample = Sample(raw, STATE.astype(np.float32).astype(np.float64), SAID, SAID.prompt())
    trained, _ = load_bundle(EXAMPLES / name).manifest.pipeline().forward(sample)
    if name == SERVED:
        asked_for = request["payload"]
        said = instruction_of(asked_for["instruction"])
        sent, state, prompt = list(asked_for["images"].values()), asked_for["state"], said.prompt()
    elif name in OPENPI:
        sent, state, prompt = list(request["images"].values()), request["state"], request["prompt"]
    else:
        example = request.get("payload", request)["examples"][0]
        sent, state, prompt = example["image"], example.get("state"), example["lang"]
    assert len(sent) == len(trained.images)
    for of_node, of_training in zip(sent, trained.images.values(), strict=True):
        assert of_node.dtype == of_training.dtype
        np.testing.assert_array_equal(of_node, of_training)
    assert (state is None) == (trained.state is None)
    if state is not None and trained.state is not None:
        assert state.tobytes() == trained.state.astype(np.float32).tobytes()
    assert prompt == trained.prompt


@pytest.mark.parametrize("name", NAMES)
def test_training_actions_are_the_inverse_of_what_is_executed(name: str, robot: Embodiment) -> None:
    """The same steps make the target of training and undo it, whatever the order and the units."""
    pipeline = load_bundle(EXAMPLES / name).manifest.pipeline()
    actions = np.random.default_rng(5).uniform(-1, 1, (16, 14))
    sample, trail = pipeline.forward(Sample(pictures(), STATE, SAID, SAID.prompt(), actions))
    assert sample.actions is not None
    np.testing.assert_allclose(pipeline.inverse(sample.actions, trail), actions)
