"""The export of a vision-language-action policy: a checkpoint of `finevla train CONFIG` to a bundle of the runtime torch."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from finevla_core.bundle import Bundle, read_manifest, write_bundle
from finevla_core.errors import FineVLAError
from finevla_core.manifest import MANIFEST, SCHEMA, Manifest, parse_manifest
from finevla_core.policy.graphs import MEMORY
from finevla_core.policy.network_spec import VLASpec, plain_network
from finevla_core.policy.prompt_bytes import encode_prompt
from finevla_core.recording.atomic import replace_folder
from finevla_models.vla.files import WEIGHTS, load_vla, policy_files
from finevla_models.vla_graphs import VLAGraphs, check_network, spec_of
from finevla_tools.training.run_folder import AVERAGE, POLICY_FILE, newest_checkpoint

FOLDER, CARD = "vla", "card.md"  # of a bundle
TOLERANCE = 1e-5  # between the checkpoint and what is exported of it, normalised, float32 both


def export_vla(run: Path, out: Path, card: str, joining: str, step: int | None = None, with_ema: bool = True) -> Path:
    """Write the bundle `out` of a run's newest checkpoint, or of `step`; averaged weights where the run has them.

    Raises:
        FineVLAError: There is no such checkpoint, or it does not fit together.
        RuntimeError: The bundle does not answer as the checkpoint does.
    """
    checkpoint = newest_checkpoint(run, step)
    averaged = checkpoint / AVERAGE
    folder = averaged if with_ema and averaged.is_dir() else checkpoint
    policy = load_vla(folder)
    spec = spec_of(policy)
    manifest = _manifest(checkpoint, out.name, joining, spec)
    contents: dict[str, bytes | Path] = {f"{FOLDER}/{name}": path for name, path in policy_files(folder).items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as aside:
        made = write_bundle(Path(aside) / out.name, manifest, {**contents, CARD: card.encode()})
        _agree(policy, made)
        replace_folder(made.path, out)
    return out


def _manifest(checkpoint: Path, name: str, joining: str, spec: VLASpec) -> Manifest:
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
        "runtime": "torch",
        "policy_model": f"{FOLDER}/{WEIGHTS}",
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


def _agree(policy: Any, bundle: Bundle) -> None:
    """Refuse a bundle whose answer to made-up pictures is not the checkpoint's."""
    import torch

    from finevla_models.vla.batch import VLAExample
    from finevla_models.vla.instruct_session import InstructSession

    manifest, shape = read_manifest(bundle.path), policy.head.shape
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (shape.views, manifest.images.height, manifest.images.width, 3), np.uint8)
    state = rng.normal(size=shape.state).astype(np.float32) if shape.state else None
    words = "reach the red cube with the left arm"
    inputs: dict[str, Any] = {"images": pictures[None], "text": encode_prompt(words)[None]}
    if state is not None:
        inputs["state"] = state[None]
    graphs = VLAGraphs(bundle, torch.get_num_threads())
    noise, example = torch.Generator().manual_seed(0), VLAExample(tuple(pictures), words, state)
    if graphs.memory_shape is None:
        wanted = policy.predict(policy.batch([example]), noise).float().numpy()
    else:
        inputs[MEMORY] = np.zeros(graphs.memory_shape, np.float32)
        wanted = InstructSession(policy).act(example, noise)[None].float().numpy()
    found = graphs.run(inputs)["actions"]
    gap = float(np.abs(found - wanted).max())
    if not gap < TOLERANCE:
        raise RuntimeError(f"the bundle and the checkpoint differ by {gap:.2g}; the bundle is not written")
