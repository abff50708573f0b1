"""The export of a vision-language-action policy: a checkpoint of `finevla train CONFIG` to a bundle, checked against it."""

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from finevla_core.bundle import Bundle, read_manifest, write_bundle
from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat
from finevla_core.manifest import MANIFEST, SCHEMA, Manifest, parse_manifest
from finevla_core.policy.network_interface import MEMORY
from finevla_core.policy.network_spec import VLASpec, plain_network
from finevla_core.policy.onnx_prompt_graphs import NOISE, OnnxPromptGraphs
from finevla_core.policy.prompt_bytes import encode_prompt
from finevla_core.policy.prompt_tokens import PROMPT, TOKENIZER
from finevla_core.recording.atomic_files import replace_folder
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.flow_matching import draw_noise
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.instruct_vla_episode import InstructSession
from finevla_models.vla.onnx_policy import FixedPolicy
from finevla_models.vla.policy_files import WEIGHTS, load_vla, policy_files
from finevla_models.vla_graphs import VLAGraphs, check_network, spec_of
from finevla_tools.training.run_folder import AVERAGE, POLICY_FILE, newest_checkpoint

FOLDER, CARD, GRAPH = "vla", "card.md", "policy.onnx"  # of a bundle
# Words of different lengths and scripts, which must become the same tokens without transformers.
PROMPTS = (
    "reach the red cube with the left arm",
    "",
    "把红色的方块放到左边，慢一点",
    "pick it up; then, 3 times: put it down! " * 2,
)
# Between the checkpoint and what is exported of it, normalised, float32 both.
TOLERANCES = {"torch": 1e-5, "onnx": 1e-3}


def export_vla(
    run: Path,
    out: Path,
    card: str,
    joining: str,
    step: int | None = None,
    with_ema: bool = True,
    runtime: str = "torch",
) -> Path:
    """Write the bundle `out` of a run's newest checkpoint, or of `step`; averaged weights where the run has them.

    Of the runtime "torch" it holds the weights, for `finevla serve`; of "onnx" one graph, which the policy node runs itself.

    Raises:
        FineVLAError: There is no such checkpoint, it does not fit together, or its policy makes no graph.
        RuntimeError: The bundle does not answer as the checkpoint does.
    """
    checkpoint = newest_checkpoint(run, step)
    averaged = checkpoint / AVERAGE
    folder = averaged if with_ema and averaged.is_dir() else checkpoint
    policy = load_vla(folder)
    spec = spec_of(policy)
    manifest = _manifest(checkpoint, out.name, joining, spec, runtime)
    contents: dict[str, bytes | Path] = {}
    if runtime == "torch":
        contents = {f"{FOLDER}/{name}": path for name, path in policy_files(folder).items()}
    else:
        contents = {f"{FOLDER}/{name}": data for name, data in _graph(policy, manifest.images).items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as aside:
        made = write_bundle(Path(aside) / out.name, manifest, {**contents, CARD: card.encode()})
        _agree(policy, made)
        replace_folder(made.path, out)
    return out


def _graph(policy: VLAPolicy, images: ImageFormat) -> dict[str, bytes]:
    """The files of a policy as one graph, by name."""
    fixed, buffer = FixedPolicy(policy, images), io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's: every shape is meant to be fixed
        torch.onnx.export(
            fixed,
            tuple(fixed.example().values()),
            buffer,
            input_names=fixed.inputs,
            output_names=["actions"],
            opset_version=17,
            dynamo=False,
        )
    tokenizer: str = policy.backbone.prompts.tokenizer.backend_tokenizer.to_str()
    return {GRAPH: buffer.getvalue(), PROMPT: fixed.prompt.text().encode(), TOKENIZER: tokenizer.encode()}


def _manifest(checkpoint: Path, name: str, joining: str, spec: VLASpec, runtime: str) -> Manifest:
    path = checkpoint / POLICY_FILE
    try:
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FineVLAError(f"'{path}' cannot be read: {' '.join(str(error).split())}; train again") from error
    if not isinstance(described, dict):
        raise FineVLAError(f"'{path}' says nothing of the policy; train again")
    made = {
        "schema": SCHEMA,
        "name": name,
        "runtime": runtime,
        "policy_model": f"{FOLDER}/{WEIGHTS if runtime == 'torch' else GRAPH}",
        "network": plain_network(spec),
        "joining": joining,
        "files": {},
    }
    try:
        manifest = parse_manifest(described | made)
    except FineVLAError as error:
        raise FineVLAError(f"'{path}' makes no {MANIFEST}: {error}") from error
    check_network(spec, manifest, f"'{path}'")
    return manifest


def _agree(policy: VLAPolicy, bundle: Bundle) -> None:
    """Refuse a bundle whose answers to made-up pictures are not the checkpoint's."""
    manifest, shape = read_manifest(bundle.path), policy.head.shape
    is_graph = manifest.runtime == "onnx"
    rng = np.random.default_rng(0)
    graphs = OnnxPromptGraphs(bundle, 1) if is_graph else VLAGraphs(bundle, torch.get_num_threads())
    for words in PROMPTS if is_graph else PROMPTS[:1]:
        pictures = rng.integers(0, 256, (shape.views, manifest.images.height, manifest.images.width, 3), np.uint8)
        state = rng.normal(size=shape.state).astype(np.float32) if shape.state else None
        example = VLAExample(tuple(pictures), words, state)
        inputs: dict[str, Any] = {"images": pictures[None], "text": encode_prompt(words)[None]}
        if state is not None:
            inputs["state"] = state[None]
        if graphs.memory_shape is not None:
            inputs[MEMORY] = np.zeros(graphs.memory_shape, np.float32)
        if is_graph:
            inputs[NOISE] = draw_noise(1, shape.horizon, shape.values, torch.Generator().manual_seed(0)).numpy()
        found = graphs.run(inputs)["actions"]
        gap = float(np.abs(found - _answer(policy, example, graphs.memory_shape is not None)).max())
        if not gap < TOLERANCES[manifest.runtime]:
            raise RuntimeError(f"the bundle and the checkpoint differ by {gap:.2g}; the bundle is not written")


def _answer(policy: VLAPolicy, example: VLAExample, has_memory: bool) -> NDArray[np.float32]:
    """The checkpoint's answer, with the noise of seed 0."""
    noise = torch.Generator().manual_seed(0)
    if has_memory:
        made: NDArray[np.float32] = InstructSession(policy).act(example, noise)[None].float().numpy()
        return made
    answer: NDArray[np.float32] = policy.predict(policy.batch([example]), noise).float().numpy()
    return answer
