"""A look at the policy server behind a bundle without weights: is it there, and does it answer as the bundle says?"""

import numpy as np

from finevla_core.embodiment import HOME, Embodiment
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.plural_phrases import counted
from finevla_core.policy.remote_policy import RemotePolicy

PROMPT = "hold still"


def ask_server(policy: RemotePolicy, robot: Embodiment) -> str:
    """Return what the server of a bundle answers to black pictures and the robot's home pose; nothing moves.

    `finevla serve` says of itself what it serves and may rightly refuse such an observation: it is only greeted.

    Raises:
        FineVLAError: It cannot be had, is another policy's, or answers no chunk as the bundle says.
    """
    where, d = policy.ready(), policy.description
    if policy.is_finevla:
        return f"runs on {where}: robot, values and rate agree"
    home = robot.moved(np.zeros(len(robot.names)), HOME)
    images = np.zeros((len(robot.cameras), d.images.height, d.images.width, 3), np.uint8)
    stamps = (0,) * len(robot.cameras)
    shown = Observation(0, robot.camera_names, images, stamps, home.astype(np.float32), 0)
    chunk = policy.predict(shown, policy.encode(Instruction(raw=PROMPT, id="check")))
    jump = np.abs(chunk.actions[0] - home)
    farthest = int(np.argmax(jump))
    took = "" if policy.server_s is None else f", {policy.server_s * 1e3:.0f} ms of them its own"
    return (
        f"runs on {where} and answers {counted(chunk.actions.shape[0], 'row')} of "
        f"{counted(chunk.actions.shape[1], 'value')} in "
        f"{chunk.inference_s * 1e3:.0f} ms{took}; of the pose shown the first row leaves {robot.names[farthest]} "
        f"most, by {jump[farthest]:.2f}"
    )
