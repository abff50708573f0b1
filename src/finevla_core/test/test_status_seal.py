"""Promises about the bridge's status: who speaks in the name of a bridge that hangs does not hide it from the watchdog."""

import pytest

from finevla_core.safety.message_seal import KEY_BYTES, Signer, StatusCheck

KEY, OTHER = bytes(range(KEY_BYTES)), bytes(KEY_BYTES)
BRIDGE = "/finevla/safety_bridge"
SAID = (1_000, 2, 7, 99)  # stamp, state, epoch, challenge


def test_status_of_the_bridge_counts_and_its_copy_does_not() -> None:
    signer, check = Signer(KEY, BRIDGE), StatusCheck(KEY, BRIDGE)
    tag = signer.status(*SAID)
    assert check.why_not(tag, *SAID) == ""
    assert "copy" in check.why_not(tag, *SAID)
    assert check.why_not(signer.status(*SAID), *SAID) == ""


def test_bridge_that_was_started_again_counts_from_one() -> None:
    check = StatusCheck(KEY, BRIDGE)
    for _ in range(40):
        assert check.why_not(Signer(KEY, BRIDGE).status(*SAID), *SAID) == ""


@pytest.mark.parametrize("changed", range(4))
def test_nothing_of_what_the_watchdog_goes_by_can_be_changed(changed: int) -> None:
    tag = Signer(KEY, BRIDGE).status(*SAID)
    said = [value + (place == changed) for place, value in enumerate(SAID)]
    assert "wrong" in StatusCheck(KEY, BRIDGE).why_not(tag, *said)


@pytest.mark.parametrize(
    "tag",
    ["", "base", "#" * 3, "a#b#c#d", f"{BRIDGE}#x#{'9' * 400}#y", f"{BRIDGE}#x#-1#y", f"{BRIDGE}#é#²#y", "#" * 10**6],
)
def test_what_is_no_seal_is_refused(tag: str) -> None:
    assert StatusCheck(KEY, BRIDGE).why_not(tag, *SAID)


def test_other_keys_and_other_nodes_do_not_count() -> None:
    check = StatusCheck(KEY, BRIDGE)
    assert check.why_not(Signer(OTHER, BRIDGE).status(*SAID), *SAID)
    assert check.why_not(Signer(KEY, "/finevla/safety_watchdog").status(*SAID), *SAID)


def test_forged_ones_are_told_once_and_then_with_their_count() -> None:
    check = StatusCheck(KEY, BRIDGE)
    assert "does not count" in check.tell("its seal is wrong", 0)
    assert not any(check.tell("its seal is wrong", k) for k in range(50))
    assert "51 times" in check.tell("its seal is wrong", 20 * 10**9)
