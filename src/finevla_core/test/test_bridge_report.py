"""Promises of the bridge's report: no instruction begins while nothing can follow it, and a stop ends the running one."""

import pytest

from finevla_core.bridge_report import STEP_REMARK, UNHEARD, UNHEARD_S, BridgeReport, refusal_now
from finevla_core.safety.events import State

OWN = "/finevla/policy"


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (BridgeReport(State.HOLDING), ""),
        (BridgeReport(State.FOLLOWING, client=OWN), ""),
        (BridgeReport(State.HOLDING, client="/finevla/motion"), ""),  # at rest: it will be given up, or is free by now
        (BridgeReport(State.HOLDING, is_stepping=True), ""),
        (
            BridgeReport(State.STOPPED, "the deadman switch was let go"),
            "the deadman switch was let go): when it is safe, 'fine",
        ),
        (BridgeReport(State.DISABLED, "no joint state yet"), "disabled (no joint state yet)"),
        (BridgeReport(State.FOLLOWING, client="/finevla/motion"), "'/finevla/motion' has command authority"),
        (BridgeReport(State.HOLDING, client="/a/b", is_stepping=True, is_waiting=True), "'/a/b' has command authority"),
    ],
)
def test_refusal_names_what_is_in_the_way(report: BridgeReport, said: str) -> None:
    refusal = refusal_now(report, 0.1, OWN)
    assert bool(refusal) == bool(said)
    assert said in refusal
    assert "\n" not in refusal


def test_unknown_means_refused() -> None:
    assert refusal_now(None, 0.0, OWN) == UNHEARD
    assert refusal_now(BridgeReport(State.HOLDING), 1.1 * UNHEARD_S, OWN) == UNHEARD


def test_stop_disabled_or_another_epoch_ends_what_began_before() -> None:
    assert BridgeReport(State.STOPPED, "by service", epoch=3).ending(3) == "stopped: by service"
    assert BridgeReport(State.DISABLED, "no watchdog", epoch=3).ending(3) == "stopped: no watchdog"
    assert "reset or started again" in BridgeReport(State.HOLDING, epoch=4).ending(3)
    assert BridgeReport(State.HOLDING, epoch=3).ending(3) == ""
    assert BridgeReport(State.FOLLOWING, client=OWN, epoch=3).ending(3) == ""


def test_step_mode_is_told() -> None:
    assert BridgeReport(State.HOLDING, is_stepping=True).remark() == STEP_REMARK
    assert BridgeReport(State.HOLDING).remark() == ""
