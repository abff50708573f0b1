"""Promises of the heartbeat check: only a live watchdog of this stack is one, whatever anybody sends."""

import dataclasses

import pytest

from finevla_core.safety.heartbeat_checks import HeartbeatCheck, HeartbeatMessage, Judgement
from finevla_core.safety.message_seal import Signer

KEY, WATCHDOG = b"k" * 32, "/finevla/safety_watchdog"
SECOND = 1_000_000_000


class Wire:
    """A bridge's check with a clock of its own, and watchdogs that answer its newest challenge."""

    def __init__(self) -> None:
        self.now_ns = 100 * SECOND
        self.check = HeartbeatCheck(KEY, WATCHDOG, 0.5, lambda: self.now_ns)
        self.challenge = self.check.challenge()

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)

    def words(self, signer: Signer, is_well: bool = True, text: str = "") -> HeartbeatMessage:
        sequence, seal = signer.heartbeat(self.now_ns, is_well, text, self.challenge)
        return HeartbeatMessage(signer.node, is_well, text, self.now_ns, sequence, self.challenge, seal)

    def beat(self, signer: Signer, **said: object) -> Judgement:
        self.challenge = self.check.challenge()
        return self.check.judge(self.words(signer, **said))  # type: ignore[arg-type]


def test_live_watchdog_counts_also_after_it_was_started_again() -> None:
    wire = Wire()
    for _ in range(3):
        signer = Signer(KEY, WATCHDOG)
        for _ in range(40):
            wire.wait(0.05)
            assert wire.beat(signer) == Judgement(counts=True)


def test_heartbeats_of_a_watchdog_that_hangs_do_not_count_whoever_sends_them() -> None:
    wire, signer = Wire(), Signer(KEY, WATCHDOG)
    recorded = [wire.words(signer) for _ in range(1000)]  # it has sealed them, with the challenge it knew then
    assert wire.check.judge(recorded[0]).counts
    wire.wait(0.6)
    assert not any(wire.check.judge(words).counts for words in recorded)
    assert not any(wire.check.judge(dataclasses.replace(w, stamp_ns=wire.now_ns)).counts for w in recorded)
    assert not any(wire.check.judge(dataclasses.replace(w, challenge=wire.check.challenge())).counts for w in recorded)
    assert wire.beat(signer).counts  # it woke up


@pytest.mark.parametrize(
    "change",
    [
        {"node": "/finevla/x"},
        {"is_well": False},
        {"text": "x"},
        {"stamp_ns": 0},
        {"sequence": 2**63},
        {"challenge": 1},
        {"seal": ""},
        {"seal": "#"},
        {"seal": "#" * 100_000},
        {"seal": "\ud800#\ud800"},
        {"node": "\ud800"},
        {"node": "n" * 10_000_000},
    ],
)
def test_any_change_is_a_forgery_and_is_told_once(change: dict[str, object]) -> None:
    wire, signer = Wire(), Signer(KEY, WATCHDOG)
    judgements = [wire.check.judge(dataclasses.replace(wire.words(signer), **change)) for _ in range(100)]  # type: ignore[arg-type]
    assert not any(judgement.counts for judgement in judgements)
    assert [judgement.code for judgement in judgements if judgement.code] == ["heartbeat.forged"]
    assert len(judgements[0].text) < 300
    wire.wait(11.0)
    again = wire.check.judge(dataclasses.replace(wire.words(signer), **change))  # type: ignore[arg-type]
    assert "100 times" in again.text


def test_copy_does_not_count() -> None:
    wire, signer = Wire(), Signer(KEY, WATCHDOG)
    words = wire.words(signer)
    assert wire.check.judge(words).counts
    assert "copy" in wire.check.judge(words).text


def test_other_nodes_and_keys_are_no_watchdog() -> None:
    wire = Wire()
    assert "the watchdog is" in wire.beat(Signer(KEY, "/finevla/other")).text
    assert wire.beat(Signer(b"o" * 32, WATCHDOG)) == Judgement()  # told already
    assert Wire().beat(Signer(b"o" * 32, WATCHDOG)).code == "heartbeat.forged"


def test_old_trouble_is_a_stop_and_no_sign_of_a_forger() -> None:
    wire, signer = Wire(), Signer(KEY, WATCHDOG)
    words = wire.words(signer, is_well=False, text="a camera is frozen")
    wire.wait(2.0)
    assert wire.check.judge(words) == Judgement(counts=True)


def test_two_watchdogs_that_live_are_told_and_either_may_stay() -> None:
    for stays in (0, 1):
        wire, signers = Wire(), (Signer(KEY, WATCHDOG), Signer(KEY, WATCHDOG))
        assert wire.beat(signers[0]).code == ""
        codes = []
        for i in range(10):
            wire.wait(0.05)
            codes.append(wire.beat(signers[(i + 1) % 2]).code)
        assert codes[0] == ""  # it may have been started again
        assert set(codes[1:]) == {"watchdog.two"}
        wire.wait(1.1)
        for _ in range(40):
            assert wire.beat(signers[stays]) == Judgement(counts=True)
            wire.wait(0.05)
