"""Promises of the ONNX runtime and of bundle files: what does not fit is named, and nothing is half-written."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper
from tiny_bundle import make_tiny_bundle

from finevla_core.bundle import load_bundle, write_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat
from finevla_core.instruction import Factors, Instruction
from finevla_core.manifest import MANIFEST, Manifest
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.understanding import NotUnderstood, TargetAbsent


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    return make_tiny_bundle(tmp_path / "tiny", robot)


def seen(robot: Embodiment, state: float = 0.0) -> Observation:
    count = len(robot.cameras)
    images = np.zeros((count, robot.image_height, robot.image_width, 3), np.uint8)
    values = np.full(len(robot.names), state, np.float32)
    return Observation(1, robot.camera_names, images, (1,) * count, values, 1)


def rewritten(bundle: Path, **changes: Any) -> Path:
    """The bundle with other entries in its manifest; `None` takes one out."""
    raw = yaml.safe_load((bundle / MANIFEST).read_text()) | changes
    (bundle / MANIFEST).write_text(yaml.safe_dump({k: v for k, v in raw.items() if v is not None}, sort_keys=False))
    return bundle


def with_model(bundle: Path, name: str, model: onnx.ModelProto) -> Path:
    """The bundle with another network in it, rightly hashed."""
    old = load_bundle(bundle).manifest
    contents = {file: (bundle / file).read_bytes() for file in old.files}
    return write_bundle(bundle, old, contents | {name: model.SerializeToString()}).path


def test_other_words_give_other_actions(tmp_path: Path, robot: Embodiment) -> None:
    policy = load_policy(make_tiny_bundle(tmp_path / "wordy", robot, text_gain=0.01), robot)
    cube, ball = (policy.encode(Instruction(text)) for text in ("reach the cube", "reach the ball"))
    assert not np.array_equal(policy.predict(seen(robot), cube).actions, policy.predict(seen(robot), ball).actions)
    moved = policy.predict(seen(robot, 0.5), cube).actions - policy.predict(seen(robot), cube).actions
    np.testing.assert_allclose(moved, 0.5, atol=1e-6)


def at(observation: Observation, stamp_s: float) -> Observation:
    return dataclasses.replace(observation, stamp_ns=round(stamp_s * 1e9))


def test_memory_lasts_as_long_as_the_words_and_the_time_go_on(tmp_path: Path, robot: Embodiment) -> None:
    """The tiny network counts its chunks in its memory and adds one for each."""
    policy = load_policy(make_tiny_bundle(tmp_path / "counts", robot, drift=3e38, memory_gain=1.0), robot)
    cube, ball = policy.encode(Instruction("reach the cube")), policy.encode(Instruction("reach the ball"))

    def counted(stamp_s: float, encoded=cube) -> float:
        return policy.predict(at(seen(robot), stamp_s), encoded).actions[0, 1]

    assert [counted(t) for t in (1.0, 1.1, 1.2)] == [0, 1, 2], "nothing is left of the warm-up"
    assert counted(1.3, ball) == 0, "other words"
    assert counted(1.4) == 0, "and back"
    assert counted(1.4) == 1, "the same moment again"
    assert counted(1.4 + policy.description.horizon_s) == 2
    assert counted(1.5 + 2 * policy.description.horizon_s) == 0, "longer ago than a chunk lasts"
    assert counted(1.0) == 0, "time went back"
    with pytest.raises(FineVLAError, match="not finite"):
        policy.predict(at(seen(robot, 3e38), 1.1), cube)  # twice 3e38 is infinite
    assert counted(1.2) == 0, "what was refused is not remembered"


def test_memory_that_does_not_come_back_is_refused_at_once(tmp_path: Path, robot: Embodiment) -> None:
    bundle = make_tiny_bundle(tmp_path / "forgets", robot, memory_gain=1.0)
    model = onnx.load(str(bundle / "policy.onnx"))
    del model.graph.output[1]
    with pytest.raises(
        FineVLAError, match=r"input 'memory' of shape \[1, 1\] and an output 'remembered' of shape None"
    ):
        load_policy(with_model(bundle, "policy.onnx", model), robot)


def test_cameras_reach_the_network_in_its_own_order(tmp_path: Path, robot: Embodiment) -> None:
    """A network that reads brightness off its first camera must get the one that its manifest lists first."""
    bundle = make_tiny_bundle(tmp_path / "bright", robot)
    old = onnx.load(str(bundle / "policy.onnx"))
    shape = [d.dim_value for d in next(i for i in old.graph.input if i.name == "images").type.tensor_type.shape.dim]
    horizon, values = 16, len(robot.names)
    nodes = [
        helper.make_node("Cast", ["images"], ["light"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["light"], ["per_camera"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Gather", ["per_camera", "first"], ["brightness"], axis=1),
        helper.make_node("Expand", ["brightness", "shape"], ["actions"]),
    ]
    first = helper.make_tensor("first", TensorProto.INT64, [], [0])
    size = helper.make_tensor("shape", TensorProto.INT64, [3], [1, horizon, values])
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)]
    inputs += [i for i in old.graph.input if i.name != "images"]
    graph = helper.make_graph(nodes, "bright", inputs, list(old.graph.output), [first, size])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    order = (robot.camera_names[2], robot.camera_names[0])
    policy = load_policy(
        rewritten(with_model(bundle, "policy.onnx", _for_cameras(model, 2)), cameras=list(order)), robot
    )
    observation = seen(robot)
    observation.images[2] = 200
    assert policy.predict(observation, policy.encode(Instruction("go"))).actions[0, 0] == pytest.approx(200)


def _for_cameras(model: onnx.ModelProto, count: int) -> onnx.ModelProto:
    images = next(i for i in model.graph.input if i.name == "images")
    images.type.tensor_type.shape.dim[1].dim_value = count
    return model


def test_network_without_the_contracts_inputs_or_outputs_is_refused(bundle: Path, robot: Embodiment) -> None:
    swapped = with_model(bundle, "policy.onnx", onnx.load(str(bundle / "text.onnx")))
    with pytest.raises(FineVLAError, match=r"policy\.onnx' has inputs mask, tokens; a bundle's needs images, state"):
        load_policy(swapped, robot)


def test_file_that_is_no_network_is_refused_in_one_line(bundle: Path, robot: Embodiment) -> None:
    old = load_bundle(bundle).manifest
    contents = {file: (bundle / file).read_bytes() for file in old.files}
    write_bundle(bundle, old, contents | {"text.onnx": b"not a network"})
    with pytest.raises(FineVLAError, match=r"text\.onnx' is not an ONNX model that runs here") as error:
        load_policy(bundle, robot)
    assert "\n" not in str(error.value)


def test_vocabulary_longer_than_the_networks_table_is_refused_at_once(bundle: Path, robot: Embodiment) -> None:
    old = load_bundle(bundle).manifest
    contents = {file: (bundle / file).read_bytes() for file in old.files}
    write_bundle(bundle, old, contents | {"vocabulary.txt": contents["vocabulary.txt"] + b"more\n"})
    with pytest.raises(FineVLAError, match="'tiny' does not run: .*out of .*bounds"):
        load_policy(bundle, robot)


def test_answer_of_another_size_than_the_manifest_says_is_refused(bundle: Path, robot: Embodiment) -> None:
    with pytest.raises(FineVLAError, match=r"answers \(16, 14\) where its manifest says \(8, 14\)"):
        load_policy(rewritten(bundle, horizon=8), robot)


def test_value_that_is_not_finite_is_named_with_its_step(tmp_path: Path, robot: Embodiment) -> None:
    with pytest.raises(FineVLAError, match="not finite, for 'left_joint1' at step 1"):
        load_policy(make_tiny_bundle(tmp_path / "nan", robot, finite=False), robot)


def test_observation_of_another_size_than_the_bundles_is_refused(bundle: Path, robot: Embodiment) -> None:
    policy = load_policy(bundle, robot.seen_as(ImageFormat(48, 64)))  # the robot file's own size is no matter
    words = policy.encode(Instruction(raw="go"))
    with pytest.raises(FineVLAError, match="images are 48x64, bundle 'tiny' needs 192x192; the ingest gives what"):
        policy.predict(seen(robot.seen_as(ImageFormat(48, 64))), words)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"horizon": None}, "has no entry 'horizon'"),
        ({"horizon": 1}, "entry 'horizon' of manifest.yaml is 1; it must be between 2 and 1000"),
        ({"horizon": True}, "entry 'horizon' of manifest.yaml must be of type int, not True"),
        ({"cameras": "front"}, "entry 'cameras' of manifest.yaml must be of type list, not 'front'"),
        ({"values": ["a", "a"]}, "entry 'values' of manifest.yaml must list at least one name, each once"),
        ({"dt_s": 0.0}, "'dt_s' of manifest.yaml is 0.0; it must be between 0 and 10 seconds"),
        ({"horizn": 16}, "unknown entry 'horizn' in manifest.yaml; did you mean 'horizon'?"),
        ({"text": {"max_word": 8}}, "'max_word' in entry 'text' of manifest.yaml; did you mean 'max_words'?"),
        ({"policy_model": "other.onnx"}, "policy_model 'other.onnx' is not listed under files"),
        ({"text": {"vocabulary": 7, "max_words": 8}}, "'vocabulary' of manifest.yaml must be of type str, not 7"),
        ({"text": {"vocabulary": "other.txt", "max_words": 8}}, "text.vocabulary 'other.txt' is not listed under files"),
        ({"reader": "tabletop"}, "must have either the entry 'reader', or both 'text' and 'text_model'"),
        ({"text_model": None}, "must have either the entry 'reader', or both 'text' and 'text_model'"),
        ({"text": None, "text_model": None, "reader": "seer"}, "'reader' of manifest.yaml is 'seer'; known are tabletop"),
        ({"seen_from": 1.5}, "entry 'seen_from' of manifest.yaml is 1.5; it must be between 0 and 1"),
        ({"schema": None}, "must start with 'schema: finevla.bundle/3'"),
        ({"schema": "finevla.bundle/1"}, "is of schema 'finevla.bundle/1', this version reads 'finevla.bundle/3' and"),
    ],
)  # fmt: skip
def test_mistakes_in_a_manifest_are_named(bundle: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(FineVLAError) as error:
        load_bundle(rewritten(bundle, **changes))
    assert said in str(error.value)
    assert str(bundle) in str(error.value)


def test_installed_bundle_may_be_links_to_one_folder(bundle: Path, tmp_path: Path, robot: Embodiment) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    for file in bundle.iterdir():
        (installed / file.name).symlink_to(file)
    assert load_policy(installed, robot).description.name == "tiny"


def manifest_of(bundle: Path, **changes: Any) -> Manifest:
    return dataclasses.replace(load_bundle(bundle).manifest, **changes)


def test_bundle_that_would_not_load_does_not_replace_the_good_one(bundle: Path) -> None:
    before = {file.name: file.read_bytes() for file in bundle.iterdir()}
    contents = {name: data for name, data in before.items() if name != MANIFEST}
    with pytest.raises(FineVLAError, match="horizon"):
        write_bundle(bundle, manifest_of(bundle, horizon=0), contents)
    with pytest.raises(FineVLAError, match=r"'\.\./out' lies outside"):
        write_bundle(bundle, manifest_of(bundle), contents | {"../out": b"x"})
    assert {file.name: file.read_bytes() for file in bundle.iterdir()} == before
    assert [path.name for path in bundle.parent.iterdir()] == ["tiny"]


def test_bundle_is_replaced_whole_and_leaves_nothing_beside_it(bundle: Path) -> None:
    contents = {name: (bundle / name).read_bytes() for name in ("vocabulary.txt", "text.onnx", "policy.onnx")}
    write_bundle(bundle, manifest_of(bundle, name="second"), contents | {"media/picture.txt": b"x"})
    assert load_bundle(bundle).manifest.name == "second"
    assert sorted(p.name for p in bundle.iterdir()) == ["manifest.yaml", "media", *sorted(contents)]
    assert [path.name for path in bundle.parent.iterdir()] == ["tiny"]


def test_text_longer_than_a_bundle_reads_is_refused_and_never_cut(tmp_path: Path, robot: Embodiment) -> None:
    policy = load_policy(make_tiny_bundle(tmp_path / "short", robot, text_gain=0.01), robot)
    policy.encode(Instruction("reach " * 64))
    for ask in (policy.understand, policy.encode):
        with pytest.raises(NotUnderstood, match="has 65 words .* reads 64: say it in fewer"):
            ask(Instruction("reach " * 65))
    with pytest.raises(NotUnderstood, match="with its factors"):
        policy.encode(Instruction("reach " * 64, factors=Factors(active_actor="left_arm")))


def test_bundle_with_a_text_model_says_that_nothing_was_checked(bundle: Path, robot: Embodiment) -> None:
    understanding = load_policy(bundle, robot).understand(Instruction("polish the moon"))
    assert not understanding.is_checked
    assert "not checked" in understanding.summary


def test_bundle_with_a_reader_says_what_it_understood_and_refuses_what_it_does_not_know(
    tmp_path: Path, robot: Embodiment
) -> None:
    policy = load_policy(make_tiny_bundle(tmp_path / "reading", robot, text_gain=0.01, reader="tabletop"), robot)
    understanding = policy.understand(Instruction("pick up the red cube with the left arm"))
    assert understanding.is_checked
    assert understanding.summary == "pick up · left arm · red cube"
    cube = policy.predict(seen(robot), policy.encode(Instruction("pick up the red cube")))
    assert cube.actions.shape == (16, len(robot.names))
    for ask in (policy.understand, policy.encode):
        with pytest.raises(NotUnderstood, match="kettle"):
            ask(Instruction("pour the water from the kettle into the cup"))


def test_nothing_is_planned_before_the_target_has_been_seen(tmp_path: Path, robot: Embodiment) -> None:
    def policy(target: float, below: float) -> BundlePolicy:
        name = f"{target}_{below}".replace(".", "")
        return load_policy(make_tiny_bundle(tmp_path / name, robot, reader="tabletop", present=(target, below)), robot)

    stack = Instruction("put the red cube on the blue brick")
    for likely, said in (((0.1, 0.9), "I see no red cube"), ((0.9, 0.1), "I see no blue brick")):
        unseen = policy(*likely)
        with pytest.raises(TargetAbsent, match=f"^{said}$"):
            unseen.predict(seen(robot), unseen.encode(stack))
    unseen = policy(0.1, 0.1)
    with pytest.raises(TargetAbsent, match="^I see no red cube and no blue brick$"):
        unseen.predict(seen(robot), unseen.encode(stack))
    assert policy(0.9, 0.9).predict(seen(robot), policy(0.9, 0.9).encode(stack)).actions.shape[0] == 16
    nan = policy(float("nan"), 0.9)
    with pytest.raises(TargetAbsent):
        nan.predict(seen(robot), nan.encode(Instruction("reach the ball")))
    assert unseen.predict(seen(robot), unseen.encode(Instruction("clear the table"))), "names no thing"
