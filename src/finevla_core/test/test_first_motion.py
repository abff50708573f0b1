"""Promises of the first motion, where controllers hold something else than what is measured: no limit is broken."""

import numpy as np
import pytest
from commanded import MS, START, DrivenBridge
from guarded_arms import Guarded

from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.events import State

MRAD = 1e-3


def begun(guarded: Guarded, sag_rad: float, told: bool = False) -> DrivenBridge:
    """A bridge beside controllers at home whose arms are measured `sag_rad` off, and its first chunk."""
    sag = sag_rad * ~guarded.limits.is_gripper
    driven = DrivenBridge(guarded.embodiment, guarded.envelope, guarded.home, sag=sag, options=BridgeOptions())
    driven.run(START + 200 * MS)
    driven.bridge.on_chunk(guarded.chunk(driven.now_ns - 50 * MS, instruction_id="x"), driven.now_ns)
    assert driven.bridge.counts.accepted == 1, driven.bridge.counts.rejected
    return driven


@pytest.mark.parametrize("sag_rad", [0.0, 1 * MRAD, 3 * MRAD, 10 * MRAD, 30 * MRAD])
def test_first_motion_from_what_is_measured_keeps_to_the_acceleration_limit(guarded: Guarded, sag_rad: float) -> None:
    driven = begun(guarded, sag_rad)
    driven.run(driven.now_ns + 3000 * MS)
    assert driven.bridge.state is State.HOLDING
    shares = driven.arms.shares()
    print(sag_rad, shares)
    assert shares.acceleration <= 1.02
