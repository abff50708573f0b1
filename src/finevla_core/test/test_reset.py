"""Promises of a reset: it never moves. Whatever stopped the arms has ended what they did; they rest until new words come."""

import numpy as np
import pytest
from bridge_run import MOTION, OPTIONS, POLICY, STOPS, BridgeRun, lose_states
from guarded_arms import SECOND, START, Guarded
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from finevla_core.safety.bridge import Bridge
from finevla_core.safety.events import RESET_ADVICE, State, state_sentence
from finevla_core.safety.instruction_in_force import EXPLAINED, LONG_ENDED, MAX_ID, Mandate
from finevla_core.stop_words import StopUtterance


def under_way(guarded: Guarded, kind: str, by: str) -> BridgeRun:
    run = BridgeRun(guarded, **OPTIONS.get(kind, {}))
    if by == "motion":
        run.bridge.take_authority(MOTION, run.now)
        run.chunk("motion:home-1/1", MOTION, amplitude=0.5)
    else:
        run.chunk(amplitude=0.5)
    run.pass_time(12)
    assert run.bridge.state is State.FOLLOWING
    assert run.accepted() == 1
    return run


@pytest.mark.parametrize("by", ["policy", "motion"])
@pytest.mark.parametrize("kind", STOPS)
def test_after_a_reset_nothing_moves_before_new_words(guarded: Guarded, kind: str, by: str) -> None:
    run = under_way(guarded, kind, by)
    STOPS[kind](run)
    assert run.bridge.state is State.STOPPED
    assert run.bridge.take()[1][-1].text == f"stopped: {run.bridge.reason}; {RESET_ADVICE}"
    assert run.bridge.instruction_id == run.bridge.client == ""
    before = run.accepted()
    run.misbehave(by)
    run.reset()
    run.misbehave(by)
    assert (run.accepted(), run.bridge.state) == (before, State.HOLDING)
    assert run.bridge.take()[0] == []
    run.bridge.on_instruction("new words", run.now)
    run.chunk("new words")
    assert (run.accepted(), run.bridge.state) == (before + 1, State.FOLLOWING)


@pytest.mark.parametrize("kind", STOPS)
def test_after_a_reset_an_operators_new_motion_moves(guarded: Guarded, kind: str) -> None:
    run = under_way(guarded, kind, "motion")
    STOPS[kind](run)
    run.reset()
    assert not run.bridge.take_authority(MOTION, run.now)[0]  # the old motion took no notice yet
    run.bridge.release_authority(MOTION, run.now)
    assert run.bridge.take_authority(MOTION, run.now)[0]
    run.chunk("motion:home-1/2", MOTION)
    run.chunk("motion:home-1", MOTION)
    assert (run.accepted(), run.bridge.counts.rejected["chunk.ended"]) == (1, 2)
    run.chunk("motion:home-2/1", MOTION)
    assert run.accepted() == 2


def test_chunks_of_what_has_ended_say_so_and_are_no_reason_for_another_stop(guarded: Guarded) -> None:
    run = under_way(guarded, "topic", "policy")
    STOPS["topic"](run)
    run.reset()
    for _ in range(30):
        run.bridge.on_instruction("go", run.now)
        run.chunk()
    assert run.bridge.state is State.HOLDING
    assert run.bridge.counts.rejected["chunk.ended"] == 30
    text = "'go' has ended: the bridge was stopped: stop was asked for by topic; say it again"
    assert run.bridge.take()[1][-1].text.endswith(text)


def test_words_said_while_the_bridge_is_stopped_do_not_count_after_the_reset(guarded: Guarded) -> None:
    run = under_way(guarded, "topic", "policy")
    STOPS["topic"](run)
    run.bridge.on_instruction("meanwhile", run.now)
    run.chunk("too")
    run.reset()
    for identity in ("meanwhile", "too"):
        run.bridge.on_instruction(identity, run.now)
        run.chunk(identity)
    assert run.accepted() == 1
    assert run.bridge.counts.rejected["chunk.ended"] == 2


def test_words_of_before_the_first_joint_state_do_not_count(guarded: Guarded) -> None:
    bridge = Bridge(guarded.embodiment, guarded.envelope, guarded.bridge().gate.options, guarded.bridge().options)
    bridge.on_instruction("now", START)
    guarded.feel(bridge, guarded.home, START)
    bridge.on_instruction("now", START)
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    assert list(bridge.counts.rejected) == ["chunk.ended"]


def test_arms_at_rest_that_were_lost_and_found_wait_for_new_words(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    lose_states(run)
    assert run.bridge.state is State.DISABLED
    run.felt = True
    run.pass_time(2)
    assert run.bridge.state is State.HOLDING
    run.misbehave()
    assert run.accepted() == 0


@pytest.mark.parametrize(("age_s", "counts"), [(0.0, True), (0.4, True), (0.6, False), (3600.0, False)])
def test_old_announcement_that_arrives_late_does_not_count(guarded: Guarded, age_s: float, counts: bool) -> None:
    run = under_way(guarded, "topic", "policy")
    STOPS["topic"](run)
    run.reset()
    run.pass_time(25)
    run.bridge.on_instruction("latched", run.now, age_s)  # 0.5 s after the reset
    assert run.bridge.instruction_id == ("latched" if counts else "")
    run.chunk("latched")
    assert run.accepted() == 1 + counts


@pytest.mark.parametrize("state", [State.STOPPED, State.DISABLED])
def test_authority_is_not_given_to_what_cannot_move(guarded: Guarded, state: State) -> None:
    run = BridgeRun(guarded)
    STOPS["topic"](run) if state is State.STOPPED else lose_states(run)
    assert run.bridge.state is state
    given, text = run.bridge.take_authority(MOTION, run.now)
    assert not given
    assert text == f"nobody can command the arms: the bridge is {state_sentence(state, run.bridge.reason)}"


def test_plan_that_waits_for_a_yes_is_gone_after_a_stop_and_its_words_too(guarded: Guarded) -> None:
    for client, identity in ((POLICY, "go"), (MOTION, "motion:home-1/1")):
        run = BridgeRun(guarded)
        run.bridge.step(True, run.now)
        if client == MOTION:
            run.bridge.take_authority(MOTION, run.now)
        run.chunk(identity, client)
        assert run.bridge.waiting is not None
        STOPS["topic"](run)
        run.reset()
        run.misbehave("motion" if client == MOTION else "policy")
        assert run.bridge.waiting is None
        assert run.bridge.approve(1, True, run.now) == (False, "no plan waits")


@pytest.mark.parametrize("by", ["policy", "motion"])
def test_stop_word_brakes_within_the_limits_ends_what_moves_and_is_not_latched(guarded: Guarded, by: str) -> None:
    run = under_way(guarded, "word", by)
    run.bridge.take()
    run.bridge.on_stop_word(StopUtterance("stop", ""), run.now)
    commands, events = run.bridge.take()
    assert [c.controller for c in commands] == [c.name for c in guarded.embodiment.controllers]
    found = run.bridge.plan.extremes()
    assert (found.acceleration <= guarded.limits.acceleration * (1 + 1e-6)).all()
    assert (found.jerk <= guarded.limits.jerk * (1 + 1e-6)).all()
    assert [(e.level, e.code) for e in events] == [(1, "stop.word")]
    assert events[0].text == "the operator said 'stop'; the arms are braked and hold until new words come"
    assert run.bridge.instruction_id == run.bridge.client == ""
    run.misbehave(by)
    run.pass_time(50)
    run.misbehave(by)
    assert (run.accepted(), run.bridge.state) == (1, State.HOLDING)
    assert run.bridge.counts.rejected["chunk.ended"] >= 6
    run.bridge.on_instruction("new words", run.now)
    run.chunk("new words")
    assert run.accepted() == 2


def test_what_is_braked_already_is_not_braked_again(guarded: Guarded) -> None:
    run = under_way(guarded, "word", "policy")
    run.bridge.on_stop_word(StopUtterance("stop", ""), run.now)
    end_ns = run.bridge.plan.end_ns
    run.bridge.take()
    run.pass_time(2)
    run.bridge.on_instruction("", run.now)
    run.bridge.on_stop_word(StopUtterance("stop", ""), run.now)
    STOPS["topic"](run)
    assert {t.start_ns for t in run.bridge.take()[0]} == {run.bridge.plan.times_ns[0]}  # the same stop, said again
    assert (run.bridge.plan.end_ns, run.bridge.state) == (end_ns, State.STOPPED)


def test_stop_word_that_goes_on_says_that_it_erred_on_the_safe_side(guarded: Guarded) -> None:
    run = under_way(guarded, "word", "policy")
    run.bridge.on_stop_word(StopUtterance("stop", "at the red cube"), run.now)
    text = run.bridge.take()[1][-1].text
    assert "'stop', and went on: 'at the red cube'; to be on the safe side all of it was taken as a stop" in text


def test_stop_word_at_rest_ends_what_was_said_and_in_a_stop_changes_nothing(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    run.bridge.on_stop_word(StopUtterance("停", ""), run.now)
    assert run.bridge.take()[1][-1].text == "the operator said '停'; the arms hold until new words come"
    run.misbehave()
    assert run.accepted() == 0
    STOPS["topic"](run)
    run.bridge.on_stop_word(StopUtterance("停", ""), run.now)
    assert run.bridge.state is State.STOPPED
    assert "the bridge is stopped: stop was asked for by topic" in run.bridge.take()[1][-1].text


def test_stop_word_while_a_motion_is_planned_lets_it_not_begin(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    run.bridge.take_authority(MOTION, run.now)
    run.bridge.on_stop_word(StopUtterance("stop", ""), run.now)
    given, text = run.bridge.take_authority(MOTION, run.now)
    assert not given
    assert text.startswith("the motion has ended: the operator said 'stop'")
    run.chunk("motion:home-1", MOTION)
    assert run.accepted() == 0


def test_empty_instruction_ends_an_operators_motion_for_good(guarded: Guarded) -> None:
    run = under_way(guarded, "cleared", "motion")
    run.bridge.on_instruction("", run.now)
    run.misbehave("motion")
    run.pass_time(50)
    assert (run.accepted(), run.bridge.state) == (1, State.HOLDING)


def test_ids_are_bounded_and_of_the_newest_it_is_known_why_they_ended() -> None:
    mandate = Mandate(lambda: 0)
    mandate.open()
    for number in range(EXPLAINED + 10):
        mandate.end_one(f"id {number}", "test")
    assert len(mandate._why) == EXPLAINED
    assert mandate.why_void("id 10") == "test"
    assert mandate.why_void("id 9") == LONG_ENDED
    mandate.announce("x" * (MAX_ID + 1))
    assert mandate.instruction_id == ""


def test_motion_that_has_ended_does_not_begin_again_by_being_shown() -> None:
    mandate = Mandate(lambda: 0)
    mandate.open()
    mandate.begin_motion("motion:a-1/1")
    mandate.end("a stop")
    mandate.begin_motion("motion:a-1/2")
    assert mandate.why_void("motion:a-1/3") == "a stop"


class Chaos(RuleBasedStateMachine):
    """Anybody sends anything at any time; only words that were first announced after a reset may move the arms."""

    guarded: Guarded

    @initialize()
    def begin(self) -> None:
        self.run = BridgeRun(self.guarded)
        self.bridge, self.names, self.fresh = self.run.bridge, 0, True
        self.bridge.take_authority(MOTION, self.run.now)
        self.run.chunk("motion:a-1/1", MOTION)
        self.before, self.is_interrupted = self.run.accepted(), False

    @rule(kind=st.sampled_from(sorted(STOPS)))
    def stop(self, kind: str) -> None:
        was_taken, was = self.bridge.authority.is_taken, self.bridge.state
        STOPS[kind](self.run)
        if was not in (State.STOPPED, State.DISABLED) and self.bridge.state in (State.STOPPED, State.DISABLED):
            self.is_interrupted = self.is_interrupted or was_taken
        self.note()

    @rule()
    def reset(self) -> None:
        self.run.felt, self.run.are_stuck = True, False
        self.run.pass_time(60)
        self.note()
        self.bridge.reset(self.run.now)

    @rule(kept=st.sampled_from(["go", "old", "motion:a-1"]), age_s=st.sampled_from([0.0, 5.0, 1e4]))
    def announce_again(self, kept: str, age_s: float) -> None:
        """Ids of before; one that was never heard is new words, unless it was announced long ago."""
        before = self.bridge.instruction_id
        self.bridge.on_instruction(kept, self.run.now, age_s)
        self.fresh = self.fresh or (kept == "old" and before != self.bridge.instruction_id == "old")

    @rule()
    def announce_late(self) -> None:
        """A latched message of long ago, whose id was never heard before."""
        self.names += 1
        self.bridge.on_instruction(f"late {self.names}", self.run.now, 1e6)
        self.run.chunk(f"late {self.names}")

    @rule()
    def send(self) -> None:
        """Everybody goes on with everything."""
        for identity in ("go", "old", "", "motion:a-1/1", "motion:a-1/2", "motion:b-1"):
            for client in (POLICY, MOTION):
                self.run.chunk(identity, client)

    @rule()
    def take(self) -> None:
        """A client that noticed nothing of a stop; one that had no motion then, or gave up authority, has a new one."""
        given, _ = self.bridge.take_authority(MOTION, self.run.now)
        assert not (given and self.is_interrupted)
        self.fresh = self.fresh or given

    @rule()
    def give_up(self) -> None:
        self.is_interrupted = False
        self.bridge.release_authority(MOTION, self.run.now)

    @rule(is_on=st.booleans())
    def step(self, is_on: bool) -> None:
        self.bridge.step(is_on, self.run.now)

    @rule()
    def approve(self) -> None:
        if self.bridge.waiting is not None:
            self.bridge.approve(self.bridge.waiting.number, True, self.run.now)

    @rule(ticks=st.integers(1, 30))
    def wait(self, ticks: int) -> None:
        self.run.pass_time(ticks)
        self.note()

    @rule()
    def stop_word(self) -> None:
        self.is_interrupted = self.is_interrupted or self.bridge.authority.is_taken
        self.bridge.on_stop_word(StopUtterance("stop", ""), self.run.now)
        self.fresh, self.before = False, self.run.accepted()

    @precondition(lambda self: not self.fresh)
    @rule()
    def new_words(self) -> None:
        """A person speaks: from here on chunks may be followed, until the next stop."""
        if self.bridge.state in (State.HOLDING, State.FOLLOWING):
            self.names += 1
            self.fresh = True
            self.bridge.on_instruction(f"new {self.names}", self.run.now)
            self.run.chunk(f"new {self.names}")
            if self.bridge.state is State.HOLDING and not self.bridge.is_stepping:
                assert self.bridge.counts.rejected  # refused for another reason, and said so

    def note(self) -> None:
        """From a stop on nothing counts that was said."""
        if self.bridge.state in (State.STOPPED, State.DISABLED):
            self.fresh, self.before = False, self.run.accepted()

    @invariant()
    def nothing_moves_before_new_words(self) -> None:
        if hasattr(self, "run") and not self.fresh:
            assert self.run.accepted() == self.before


def test_no_sequence_of_events_moves_the_arms_between_a_reset_and_new_words(guarded: Guarded) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    machine = type("GuardedChaos", (Chaos,), {"guarded": guarded})
    run_state_machine_as_test(machine, settings=settings(max_examples=80, stateful_step_count=20, deadline=None))


def test_clock_that_was_put_right_again_does_not_put_a_reset_off(guarded: Guarded) -> None:
    """The stop was an hour ahead: half a second after it was an hour away."""
    run = under_way(guarded, "clock ahead", "policy")
    for way in (3600, -3600):
        run.now += way * SECOND
        run.bridge.tick(run.now)
    run.reset()


def test_stop_that_is_on_is_asked_for_again_by_name_and_holds_a_reset_off(guarded: Guarded) -> None:
    run = under_way(guarded, "topic", "policy")
    run.bridge.on_stop(run.now, "stop.topic", "stop was asked for by topic")
    run.pass_time(100)
    run.bridge.take()
    for _ in range(200):  # a button that is held
        run.pass_time(1)
        run.bridge.on_stop(run.now, "stop.service", "stop was asked for by service")
        assert not run.bridge.reset(run.now)[0]
    (event,) = run.bridge.take()[1]
    assert event.code == "stop.service"
    assert event.text.startswith(
        "stop was asked for by service; the arms are stopped already: stop was asked for by topic"
    )
    run.reset()


def test_reset_that_is_refused_leaves_the_stop_on(guarded: Guarded) -> None:
    """Where the arms may not be held a reset ended the stop, and said that it had not: they held once they were moved."""
    run = under_way(guarded, "topic", "policy")
    STOPS["topic"](run)
    run.pass_time(100)
    wrist = guarded.limits.upper[5] + 0.1
    run.at = np.where(np.arange(len(guarded.home)) == 5, wrist, run.position())
    run.are_stuck, run.bridge.plan = True, None
    run.bridge.arms.position = run.at
    before = run.bridge.epoch
    done, why = run.bridge.reset(run.now)
    assert not done
    assert "outside its limits" in why
    assert (run.bridge.state, run.bridge.epoch) == (State.STOPPED, before)
