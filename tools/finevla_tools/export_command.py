"""`finevla export`: a trained checkpoint to a policy bundle, checked against the checkpoint before it is kept.

A backbone that answers in words (head `language`) becomes a folder that transformers and vLLM load.
"""

import argparse
from pathlib import Path

from finevla_core.chunk import JOININGS
from finevla_core.errors import FineVLAError
from finevla_core.manifest import Manifest
from finevla_tools.argument_checks import BUNDLE, refuse_no_checkpoints, refuse_other_content
from finevla_tools.stderr_notices import announce
from finevla_tools.training.run_folder import POLICY_FILE, checkpoint_steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla export` to `parser`."""
    parser.add_argument("folder", type=Path, help="folder of checkpoints that 'finevla train' wrote")
    parser.add_argument(
        "--finder", type=Path, help="take the finder of this run instead; it does not depend on the mixture"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="bundle directory to write, e.g. models/tabletop; of a backbone that answers, its folder",
    )
    parser.add_argument(
        "--runtime",
        choices=("onnx", "torch"),
        help="onnx = a graph that the policy node runs itself; torch = weights for 'finevla serve', on a GPU if there is one "
        "[onnx for the tabletop policy, torch for a policy of 'finevla train CONFIG']",
    )
    parser.add_argument(
        "--joining",
        choices=JOININGS,
        default=JOININGS[0],
        help="how the bridge joins a chunk to the running one; rtc = the policy continues its own (head flow only)",
    )
    parser.add_argument(
        "--seen-from", type=float, default=Manifest.seen_from, help="likelihood from which a target counts as seen"
    )
    parser.add_argument("--step", type=int, help="checkpoint of 'finevla train CONFIG'; the newest without it")
    parser.add_argument("--card", type=Path, help="model card (Markdown) to put in")


def run(arguments: argparse.Namespace) -> int:
    """Export the checkpoints to a bundle; return the exit code. Raises `FineVLAError` if a checkpoint is missing."""
    if checkpoint_steps(arguments.folder):
        return _run_vla(arguments)
    if (arguments.folder / POLICY_FILE).is_file():
        run_folder, step = arguments.folder.resolve().parents[1], arguments.folder.resolve().name
        raise FineVLAError(
            f"'{arguments.folder}' is one checkpoint of a run; give the run and the step: '{run_folder.name}' --step {step}"
        )
    if arguments.step is not None:
        raise FineVLAError(
            "--step chooses a checkpoint of a policy trained by 'finevla train CONFIG'; this folder has none"
        )
    for folder, parts in ((arguments.folder, ("mover",)), (arguments.finder or arguments.folder, ("finder",))):
        refuse_no_checkpoints(folder, parts)
    refuse_other_content(arguments.out, BUNDLE)
    card = _card(arguments.card)
    announce("loading torch and the simulator")
    from finevla_tools.export import export

    a = arguments
    made = export(a.folder, a.out, card, a.finder, a.joining, a.seen_from, a.runtime or "onnx")
    print(f"bundle: {made}")
    return 0


def _run_vla(arguments: argparse.Namespace) -> int:
    if arguments.finder is not None:
        raise FineVLAError("--finder is of the tabletop policy; the policy in this folder has none")
    from finevla_tools.work.staged_output import refuse_existing

    card = _card(arguments.card)
    from finevla_tools.export_backbone import answers_in_words, export_backbone

    if answers_in_words(arguments.folder, arguments.step):
        refuse_existing(arguments.out)
        announce("loading torch and transformers")
        print(
            f"folder for transformers and vLLM: {export_backbone(arguments.folder, arguments.out, card, arguments.step)}"
        )
        return 0
    refuse_other_content(arguments.out, BUNDLE)
    announce("loading torch and transformers")
    from finevla_tools.export_vla import export_vla

    a = arguments
    made = export_vla(a.folder, a.out, card, a.joining, a.step, runtime=a.runtime or "torch")
    print(f"bundle: {made}")
    return 0


def _card(path: Path | None) -> str:
    if path is None:
        return "# Model card\n\nNot written yet.\n"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FineVLAError(f"model card '{path}' cannot be read: {error}; give a text file in UTF-8") from error
