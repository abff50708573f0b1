"""A policy bundle of a few bytes for tests: real ONNX, real hashes; its chunk turns the first joint of every arm.

It can be made to answer every text differently, and to take its time.
`python test/support/tiny_bundle.py OUT [ROBOT_FILE]` writes one.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from finevla_core.bundle import write_bundle
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.language.slots import WIDTH
from finevla_core.manifest import Manifest, TextSpec
from finevla_core.subword_vocabulary import MARK, PIECES, UNKNOWN, Vocabulary

HORIZON, DT_S = 16, 0.1
WORK_SIZE = 256
SPEC = TextSpec("vocabulary.txt", max_words=64)
WORDS = ("reach", "the", "cube", "ball", "red", "blue", "left", "right", "arm", "go", "up", "down")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tiny_vocabulary() -> Vocabulary:
    """Single letters, every beginning of a few words, digits and punctuation."""
    grown = [f"{MARK}{word[:size]}" for word in WORDS for size in range(1, len(word) + 1)]
    return Vocabulary((UNKNOWN, *dict.fromkeys([*grown, *LETTERS, *"0123456789", *".,;:!?"])))


def make_tiny_bundle(
    out: Path,
    embodiment: Embodiment,
    drift: float = 0.1,
    finite: bool = True,
    text_gain: float = 0.0,
    work: int = 0,
    memory_gain: float | None = None,
    continues: bool = False,
    joining: str = "blend",
    pace: float | None = None,
    reader: str = "",
    present: tuple[float, float] | None = None,
    transforms: tuple[Any, ...] = (),
) -> Path:
    """Write a bundle whose chunk is state + drift * ramp for joint 1, reaching `drift` (rad) at the end of the horizon.

    `text_gain` adds the mean of the text's tokens times this to every value; `work` multiplies matrices for so
    many rounds of about a third of a millisecond first. With `memory_gain` it has a memory: it counts its chunks there
    and adds this to every value for each that it remembers. One that `continues` goes over from the running chunk to
    its own as the weights say. With a `pace` (rad/s) it turns the first arm alone instead, and that far: to `drift`.
    With a `reader` it gets slots and no text features; `present` is how likely it always says that its things are there.
    `transforms` are those of its manifest.
    """
    size = len(embodiment.names)
    policy = _policy_model(
        embodiment, drift, finite, text_gain, work, memory_gain, continues, pace, bool(reader), present
    )
    contents = {"policy.onnx": policy.SerializeToString(), "card.md": b"# Tiny bundle for tests\n"}
    if not reader:
        contents |= {SPEC.vocabulary: tiny_vocabulary().dump(), "text.onnx": _text_model().SerializeToString()}
    manifest = Manifest(
        name=out.name,
        embodiment=embodiment.name,
        cameras={name: name for name in embodiment.camera_names},
        images=embodiment.images,
        values=embodiment.names,
        horizon=HORIZON,
        dt_s=DT_S,
        text=None if reader else SPEC,
        text_model="" if reader else "text.onnx",
        reader=reader,
        policy_model="policy.onnx",
        files={},
        joining=joining,
        statistics={"values": size},
        transforms=transforms,
    )
    return write_bundle(out, manifest, contents).path


def _text_model() -> onnx.ModelProto:
    """The sum of its tokens as each word's feature, looked up in a table as real ones are."""
    table = np.arange(len(tiny_vocabulary()), dtype=np.float32)[:, None]
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["pieces"], axis=0),
        helper.make_node("ReduceSum", ["pieces", "axes"], ["text"], keepdims=0),
        helper.make_node("Identity", ["mask"], ["unused"]),
    ]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, SPEC.max_words, PIECES]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, SPEC.max_words]),
    ]
    outputs = [helper.make_tensor_value_info("text", TensorProto.FLOAT, [1, SPEC.max_words, 1])]
    constants = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([2]), "axes")]
    return _model(helper.make_graph(nodes, "text", inputs, outputs, constants))


def _policy_model(
    embodiment: Embodiment,
    drift: float,
    finite: bool,
    text_gain: float,
    work: int,
    memory_gain: float | None,
    continues: bool,
    pace: float | None,
    reads_slots: bool,
    present: tuple[float, float] | None,
) -> onnx.ModelProto:
    size, cameras = len(embodiment.names), len(embodiment.cameras)
    phase = np.arange(1, HORIZON + 1) / HORIZON
    ramp = phase**3 * (10 - 15 * phase + 6 * phase**2)
    moving = np.array([v.name.endswith("joint1") for v in embodiment.values])  # the joint that has room both ways
    steps = (drift * ramp[:, None] * moving[None]).astype(np.float32)[None]
    if not finite:
        steps[:] = np.nan
    # At a pace: towards the goal, no farther than the pace goes by each row.
    first = moving & (np.cumsum(moving) == 1) & (pace is not None)
    if pace is not None:
        steps[:] = 0.0
    constants = {
        "steps": steps,
        "goal": np.array(drift, np.float32),
        "most": ((pace or 0.0) * DT_S * np.arange(1, HORIZON + 1, dtype=np.float32))[None, :, None],
        "first": first.astype(np.float32),
        "axes": np.array([1], np.int64),
        "gain": np.array(text_gain, np.float32),
        "rounds": np.array(work, np.int64),
        "go_on": np.array(True),
        "unit": np.eye(WORK_SIZE, dtype=np.float32),
        "nothing": np.array(0.0, np.float32),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["state", "axes"], ["rows"]),
        helper.make_node("Sub", ["goal", "rows"], ["way"]),
        helper.make_node("Min", ["way", "most"], ["cut"]),
        helper.make_node("Mul", ["cut", "first"], ["paced"]),
        helper.make_node("Add", ["rows", "paced"], ["led"]),
        helper.make_node("Add", ["led", "steps"], ["moved"]),
        helper.make_node("ReduceMean", ["text"], ["meaning"], keepdims=0),
        helper.make_node("Mul", ["meaning", "gain"], ["offset"]),
        helper.make_node("Add", ["moved", "offset"], ["meant"]),
        # The loop's matrix starts as unit + mean of the text and stays what it is: only time passes.
        helper.make_node("Add", ["unit", "meaning"], ["start"]),
        helper.make_node("Loop", ["rounds", "go_on", "start"], ["worked"], body=_round()),
        helper.make_node("ReduceMean", ["worked"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["no_more"]),
        helper.make_node("Add", ["meant", "no_more"], ["forgetful"]),
    ]
    own = "forgetful"
    if memory_gain is not None:
        constants |= {"memory_gain": np.array(memory_gain, np.float32), "one": np.array(1.0, np.float32)}
        nodes += [
            helper.make_node("Mul", ["memory", "memory_gain"], ["recalled"]),
            helper.make_node("Add", ["forgetful", "recalled"], ["recalling"]),
            helper.make_node("Add", ["memory", "one"], ["remembered"]),
        ]
        own = "recalling"
    if continues:
        constants["columns"] = np.array([2], np.int64)
        nodes += [
            helper.make_node("Sub", ["previous", own], ["gap"]),
            helper.make_node("Unsqueeze", ["weights", "columns"], ["firm"]),
            helper.make_node("Mul", ["gap", "firm"], ["pull"]),
            helper.make_node("Add", [own, "pull"], ["pulled"]),
        ]
        own = "pulled"
    nodes.append(helper.make_node("Identity", [own], ["actions"]))
    if present is not None:
        constants["likely"] = np.array([present], np.float32)
        nodes.append(helper.make_node("Identity", ["likely"], ["present"]))
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    shape = [1, cameras, embodiment.image_height, embodiment.image_width, 3]
    inputs = [
        helper.make_tensor_value_info("images", TensorProto.UINT8, shape),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, size]),
        helper.make_tensor_value_info("text", TensorProto.FLOAT, [1, WIDTH] if reads_slots else [1, SPEC.max_words, 1]),
    ]
    outputs = [helper.make_tensor_value_info("actions", TensorProto.FLOAT, [1, HORIZON, size])]
    if present is not None:
        outputs.append(helper.make_tensor_value_info("present", TensorProto.FLOAT, [1, 2]))
    if memory_gain is not None:
        inputs.append(helper.make_tensor_value_info("memory", TensorProto.FLOAT, [1, 1]))
        outputs.append(helper.make_tensor_value_info("remembered", TensorProto.FLOAT, [1, 1]))
    if continues:
        inputs.append(helper.make_tensor_value_info("previous", TensorProto.FLOAT, [1, HORIZON, size]))
        inputs.append(helper.make_tensor_value_info("weights", TensorProto.FLOAT, [1, HORIZON]))
    return _model(helper.make_graph(nodes, "policy", inputs, outputs, initializers))


def _round() -> onnx.GraphProto:
    size = [WORK_SIZE, WORK_SIZE]
    nodes = [
        helper.make_node("Identity", ["more"], ["still"]),
        helper.make_node("MatMul", ["before", "unit"], ["after"]),
    ]
    inputs = [
        helper.make_tensor_value_info("round", TensorProto.INT64, []),
        helper.make_tensor_value_info("more", TensorProto.BOOL, []),
        helper.make_tensor_value_info("before", TensorProto.FLOAT, size),
    ]
    outputs = [
        helper.make_tensor_value_info("still", TensorProto.BOOL, []),
        helper.make_tensor_value_info("after", TensorProto.FLOAT, size),
    ]
    return helper.make_graph(nodes, "round", inputs, outputs)


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    robot = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[2] / "config/robots/cobotmagic.yaml"
    print(make_tiny_bundle(Path(sys.argv[1]), load_embodiment(robot)))
