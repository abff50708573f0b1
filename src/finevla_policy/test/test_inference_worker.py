"""Promises of the inference thread, the conflict monitor and the health sentences, without ROS."""

import queue
import threading

import numpy as np
import pytest

from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_policy import EncodedInstruction
from finevla_core.policy.policy_interface import understand
from finevla_core.understanding import NotUnderstood, TargetAbsent, Understanding
from finevla_policy.conflict_monitor import HEARD_S, SETTLED_S, ConflictMonitor
from finevla_policy.inference_worker import Worker
from finevla_policy.policy_health import Health

PATIENCE_S = 20.0


def seen(stamp_ns: int) -> Observation:
    return Observation(
        stamp_ns, ("eye",), np.zeros((1, 2, 2, 3), np.uint8), (stamp_ns,), np.zeros(3, np.float32), stamp_ns
    )


class GatedPolicy:
    """Answers an observation only when told to, and says when it has begun; stamp 13 is a mistake, 666 a bug, 404 empty."""

    def __init__(self) -> None:
        self.begun: queue.Queue[int] = queue.Queue()
        self.gate = threading.Semaphore(0)
        self.encoded: list[str] = []

    def understand(self, instruction: Instruction) -> Understanding:
        if instruction.raw == "crash":
            raise RuntimeError("a bug")
        if instruction.raw == "kettle":
            raise NotUnderstood("I know none of: kettle", ("kettle",))
        return Understanding(f"{instruction.raw}, as it was read")

    def encode(self, instruction: Instruction) -> EncodedInstruction:
        self.encoded.append(instruction.id)
        return EncodedInstruction(instruction, np.zeros((1, 1, 1), np.float32))

    def predict(self, observation: Observation, encoded: EncodedInstruction) -> ActionChunk:
        self.begun.put(observation.stamp_ns)
        assert self.gate.acquire(timeout=PATIENCE_S)
        if observation.stamp_ns == 13:
            raise FineVLAError("unlucky")
        if observation.stamp_ns == 666:
            raise RuntimeError("a bug")
        if observation.stamp_ns == 404:
            raise TargetAbsent("I see no red cube")
        return ActionChunk(observation.stamp_ns, encoded.instruction.id, "r", ("a",), 0.1, np.zeros((2, 1)))


class Stage:
    """A worker with its policy, the active instruction and what came out."""

    def __init__(self) -> None:
        self.policy = GatedPolicy()
        self.instruction: Instruction | None = Instruction("go", id="first")
        self.chunks: queue.Queue[ActionChunk] = queue.Queue()
        self.errors: queue.Queue[str] = queue.Queue()
        self.asked: queue.Queue[None] = queue.Queue()
        self.absent: queue.Queue[tuple[str, int, str]] = queue.Queue()
        self.worker = Worker(
            self.policy, self.ask, self.chunks.put, lambda *told: self.absent.put(told), self.errors.put
        )

    def ask(self) -> Instruction | None:
        instruction = self.instruction
        self.asked.put(None)
        return instruction

    def begin(self, stamp_ns: int) -> None:
        """Offer an observation and see that its inference has begun."""
        self.worker.offer(seen(stamp_ns))
        assert self.policy.begun.get(timeout=PATIENCE_S) == stamp_ns

    def finish(self) -> ActionChunk:
        self.policy.gate.release()
        return self.chunks.get(timeout=PATIENCE_S)


@pytest.fixture
def stage():
    made = Stage()
    yield made
    made.policy.gate.release(100)
    made.worker.stop()


def test_newest_observation_wins_and_the_superseded_are_counted(stage: Stage) -> None:
    stage.begin(1)
    for stamp in (2, 3, 4, 5):
        stage.worker.offer(seen(stamp))
    assert stage.finish().stamp_ns == 1
    assert stage.finish().stamp_ns == 5
    assert stage.worker.superseded == 3
    assert stage.chunks.empty()


def test_waiting_observation_is_answered_for_the_newest_instruction(stage: Stage) -> None:
    stage.begin(1)
    stage.worker.offer(seen(2))
    stage.instruction = Instruction("come", id="second")
    assert stage.finish().instruction_id == "first"  # begun before the change: the node drops it by its id
    assert stage.finish().instruction_id == "second"


def test_text_features_are_computed_once_per_instruction(stage: Stage) -> None:
    for stamp in range(1, 6):
        stage.begin(stamp)
        stage.finish()
    stage.instruction = Instruction("come", id="second")
    for stamp in range(6, 9):
        stage.begin(stamp)
        stage.finish()
    assert stage.policy.encoded == ["first", "second"]


def test_without_an_instruction_nothing_is_computed(stage: Stage) -> None:
    stage.instruction = None
    stage.worker.offer(seen(1))
    stage.asked.get(timeout=PATIENCE_S)
    stage.instruction = Instruction("go", id="later")
    stage.begin(2)
    assert stage.finish().stamp_ns == 2
    assert stage.policy.begun.empty()


def test_thread_outlives_mistakes_and_bugs_and_names_them(stage: Stage) -> None:
    stage.begin(13)
    stage.policy.gate.release()
    assert stage.errors.get(timeout=PATIENCE_S) == "unlucky"
    stage.begin(666)
    stage.policy.gate.release()
    assert stage.errors.get(timeout=PATIENCE_S) == "inference failed unexpectedly: RuntimeError: a bug"
    stage.begin(1)
    assert stage.finish().stamp_ns == 1


def test_chunk_carries_the_epoch_of_its_own_observation(stage: Stage) -> None:
    stage.worker.offer(seen(1), epoch=7)
    assert stage.policy.begun.get(timeout=PATIENCE_S) == 1
    stage.worker.offer(seen(2), epoch=8)
    assert [stage.finish().epoch for _ in range(2)] == [7, 8]


def test_stop_ends_the_thread_after_the_running_inference(stage: Stage) -> None:
    stage.begin(1)
    stage.worker.offer(seen(2))
    stage.policy.gate.release()
    stage.worker.stop()
    assert not stage.worker._thread.is_alive()
    assert stage.policy.begun.empty()


def test_absent_target_is_told_with_its_instruction_and_stamp_and_makes_no_chunk(stage: Stage) -> None:
    stage.begin(404)
    stage.policy.gate.release()
    assert stage.absent.get(timeout=PATIENCE_S) == ("first", 404, "I see no red cube")
    assert stage.chunks.empty()
    assert stage.errors.empty()


@pytest.mark.parametrize(
    ("words", "said"),
    [("kettle", "I know none of: kettle"), ("crash", "the policy fails over it: RuntimeError: a bug")],
)
def test_what_cannot_be_read_is_not_understood_and_does_not_wait_for_an_inference(
    stage: Stage, words: str, said: str
) -> None:
    stage.begin(1)
    with pytest.raises(NotUnderstood, match=said):
        understand(stage.policy, Instruction(words))
    assert understand(stage.policy, Instruction("go")).summary == "go, as it was read"
    assert stage.finish().stamp_ns == 1


def test_policy_that_cannot_tell_says_so() -> None:
    class Mute:
        def encode(self, instruction: Instruction) -> EncodedInstruction:
            raise AssertionError("it is only asked what it understood")

        def predict(self, observation: Observation, encoded: EncodedInstruction) -> ActionChunk:
            raise AssertionError("it is only asked what it understood")

    assert not understand(Mute(), Instruction("go")).is_checked


def test_our_own_chunks_are_no_conflict_and_others_are() -> None:
    watch = ConflictMonitor()
    duration_s = 0.0123456789  # comes back from the wire as float32
    watch.sent_chunk(1, "a", duration_s)
    watch.heard_chunk(0.0, 1, "a", float(np.float32(duration_s)))
    assert not watch.is_conflicting
    assert not watch.is_near(0.0)
    watch.heard_chunk(1.0, 1, "a", 0.0123)  # same observation, same instruction, same count: another machine's duration
    assert watch.is_conflicting
    assert watch.is_near(1.0 + 0.9 * HEARD_S)
    assert not watch.is_near(1.0 + 1.1 * HEARD_S)
    watch.alone()
    assert not watch.is_conflicting


def test_of_two_policies_the_younger_gives_way() -> None:
    elder, younger = ConflictMonitor(), ConflictMonitor()
    younger.heard_beat(0.0, 100)  # before it says a word: enough not to begin
    assert younger.is_near(0.0)
    elder.activated(0.0, 100)
    younger.activated(0.0, 200)
    for tenth in range(490, 501):
        for watch in (elder, younger):
            watch.heard_beat(tenth / 10, 100)
            watch.heard_beat(tenth / 10, 200)
    assert elder.is_near(50.0)
    assert not elder.is_junior(50.0)
    assert younger.is_junior(50.0)
    assert not younger.is_junior(50.0 + 1.1 * HEARD_S)
    assert not younger.is_conflicting  # only chunks of another move the arms


def test_one_heartbeat_of_an_elder_makes_nobody_give_way() -> None:
    watch = ConflictMonitor()
    watch.activated(0.0, 200)
    for second in (10.0, 12.0, 14.0, 14.4):  # now and then is not somebody who is there
        watch.heard_beat(second, 100)
        assert not watch.is_junior(second)
    watch.heard_beat(14.6, 100)
    assert watch.is_junior(14.6)


def test_our_own_heartbeat_is_no_conflict_also_after_a_restart() -> None:
    watch = ConflictMonitor()
    watch.activated(0.0, 100)
    watch.deactivated()
    watch.activated(1.0, 200)
    watch.heard_beat(1.0, 100)
    watch.heard_beat(1.0, 200)
    assert not watch.is_near(1.0)
    assert not watch.is_junior(1.0)


def test_policy_is_settled_once_everybody_has_been_discovered() -> None:
    watch = ConflictMonitor()
    assert not watch.is_settled(1e9)
    watch.activated(10.0, 1)
    assert not watch.is_settled(10.0 + 0.9 * SETTLED_S)
    assert watch.is_settled(10.0 + 1.1 * SETTLED_S)
    watch.deactivated()
    assert not watch.is_settled(1e9)


def test_health_warns_of_the_gravest_first() -> None:
    health = Health(horizon_s=1.6, period_s=0.1)
    assert health.warning("") == ""
    health.published(0.0, 0.05)
    assert health.warning("") == ""
    for now in range(60):
        health.published(float(now), 0.3)
    assert "0.300 s, longer than the observations' period of 0.100 s" in health.warning("")
    health.trouble = "observation refused: too small"
    assert health.warning("") == "observation refused: too small"
    for now in range(60):
        health.published(float(now), 2.0)
    assert "2.00 s, longer than the 1.60 s a chunk covers" in health.warning("")
    assert health.warning("", "no bridge") == "no bridge"
    assert health.warning("another policy", "no bridge") == "another policy"


def test_health_knows_its_state_and_rate() -> None:
    health = Health()
    assert health.state(0.0, is_active=False, has_instruction=False) == "inactive"
    assert health.state(0.0, is_active=True, has_instruction=True) == "waiting for observations"
    health.observed_s = 10.0
    assert health.state(10.5, is_active=True, has_instruction=False) == "idle"
    assert health.state(10.5, is_active=True, has_instruction=True) == "running"
    assert health.state(11.5, is_active=True, has_instruction=True) == "waiting for observations"
    for i in range(40):
        health.published(i * 0.1, 0.01)
    assert health.rate_hz(3.95) == pytest.approx(10.0)
    assert health.rate_hz(100.0) == 0.0


def test_operator_hears_why_chunks_are_shortened_after_what_is_worse() -> None:
    health = Health(horizon_s=1.6, period_s=0.1, limited="the left arm is held: move what is in its way")
    assert health.warning("") == "the left arm is held: move what is in its way"
    health.trouble = "observation refused: it is of robot 'ur5'"
    assert health.warning("") == "observation refused: it is of robot 'ur5'"
    assert health.warning("", "no safety bridge is heard") == "no safety bridge is heard"
