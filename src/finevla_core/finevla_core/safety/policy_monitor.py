"""The policy's side of what the watchdog looks at: pictures, observations, the policy itself and its chunks."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from finevla_core.safety.watchdog_findings import WATCHES, silence
from finevla_core.safety.watchdog_monitors import Cameras, HeartbeatMonitor
from finevla_core.safety.watchdog_options import WatchdogOptions
from finevla_core.time_units import S_PER_NS

UNTAKEN = 3  # observations that a policy has let pass, before it is deaf


class PolicyMonitor:
    """Whether the policy sees, answers and is fed, by what is heard of it; times by the steady clock."""

    def __init__(
        self,
        options: WatchdogOptions,
        carriers: Mapping[str, NDArray[np.bool_]],
        is_arm: NDArray[np.bool_],
        loaded_ns: int,
    ) -> None:
        """`carriers` are the values that carry each camera; what was never heard is missing from `loaded_ns` on."""
        self.options = options
        self.cameras = Cameras(carriers, is_arm, options.camera_noise, options.frozen_moved_rad)
        self.observations, self.policy, self.taking, self.chunks = (HeartbeatMonitor(loaded_ns) for _ in range(4))
        self._taken = self._untaken = 0

    @property
    def beats(self) -> tuple[HeartbeatMonitor, ...]:
        """Return all that is heard."""
        return self.observations, self.policy, self.taking, self.chunks

    def on_policy(self, observations_taken: int, now_ns: int) -> None:
        """Take in the policy's heartbeat, with the number of observations that it has taken."""
        self.policy.heard(now_ns)
        if observations_taken != self._taken:
            self.taking.heard(now_ns)
            self._untaken = 0
        self._taken = observations_taken

    def on_observation(self, hashes: Mapping[str, int], state: NDArray[np.float64], now_ns: int) -> None:
        """Take in an observation: content hash per camera, and the state `(D,)` measured with the pictures."""
        self.observations.heard(now_ns)
        self._untaken += 1
        self.cameras.saw(hashes, state)

    def look(self, now_ns: int, is_expected: bool) -> dict[str, str]:
        """Return what is wrong, code to sentence, the gravest first; `is_expected` is whether chunks must come."""
        o, found = self.options, dict[str, str]()

        def silent(code: str, beat: HeartbeatMonitor, timeout_s: float) -> None:
            found.update(silence(code, beat, now_ns, timeout_s, o.arm_simulated))

        if frozen := self.cameras.frozen(o.frozen_pictures):
            who = "cameras " + ", ".join(frozen) if len(frozen) > 1 else f"camera {frozen[0]}"
            found["watchdog.camera_frozen"] = WATCHES["watchdog.camera_frozen"].says.format(who, o.frozen_pictures + 1)
        silent("watchdog.observations", self.observations, o.observations_timeout_s)
        silent("watchdog.policy", self.policy, o.policy_timeout_s)
        # By what it says itself: a policy that says nothing may have taken some meanwhile.
        deaf_s = (self.policy.since_ns - self.taking.since_ns) * S_PER_NS
        if deaf_s > o.policy_timeout_s and self._untaken >= UNTAKEN:
            found["watchdog.policy_deaf"] = WATCHES["watchdog.policy_deaf"].says.format(deaf_s)
        if is_expected:
            silent("watchdog.chunks", self.chunks, o.chunks_timeout_s)
        return found
