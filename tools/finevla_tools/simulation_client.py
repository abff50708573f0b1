"""A connection to a simulated stack: it also lays out scenes, and adopts where the arms were put by that."""

import time

from finevla_client.connection import CALL_TIMEOUT_S, Connection
from finevla_core.errors import FineVLAError
from finevla_interfaces.srv import ResetScene


class SimulationClient(Connection):
    """What a demonstration, an evaluation or a drill asks of its stack."""

    def reset_scene(self, seed: int, task: str) -> str:
        """Lay out a simulated scene; returns what lies in it."""
        response = self.call(ResetScene, "sim/reset", ResetScene.Request(seed=seed, task=task))
        if not response.success:
            raise FineVLAError(response.message)
        return str(response.message)

    def reset_simulated_bridge(self) -> str:
        """Let a stopped safety bridge go on in simulation, where nobody doubts what is measured: it is adopted first.

        Raises `FineVLAError` with the bridge's reason if it will not.
        """
        if self.pose_difference().difference:
            self.adopt_pose()
        return self.reset_bridge()

    def adopt_scene(self) -> None:
        """After `reset_scene`: the arms were put elsewhere, which the bridge takes for a leap; adopt that, and reset.

        Raises `FineVLAError` with the bridge's reason if it will not within some seconds.
        """
        if not self.pose_difference().difference:
            return
        until_s = time.monotonic() + CALL_TIMEOUT_S
        while True:
            try:
                self.reset_simulated_bridge()
                return
            except FineVLAError:
                if time.monotonic() > until_s:
                    raise
            self.wait(lambda: False, 0.1)
