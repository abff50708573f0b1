"""Promises of the watchdog: what is wrong is found, what is right is left alone, and its stop is one within the limits."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from watched_stack import BRIDGE, FAULTS, SECOND, WATCHDOG, Setup, Stack

from finevla_core.safety.events import State
from finevla_core.safety.watchdog_findings import WATCHES, Verdict
from finevla_core.safety.watchdog_monitors import carriers, carrying_joints


def test_healthy_stack_is_left_alone_at_rest_and_in_motion(setup: Setup) -> None:
    stack = Stack(setup).step(2.0).move().step(2.0)
    assert (stack.codes, stack.asked, stack.trajectories, stack.watchdog.trouble) == ([], 0, [], "")


def test_every_watch_has_a_fault_here() -> None:
    assert set(FAULTS) == set(WATCHES)


@pytest.mark.parametrize("is_moving", [False, True])
@pytest.mark.parametrize("code", WATCHES)
def test_each_fault_leads_to_what_the_table_says(setup: Setup, code: str, is_moving: bool) -> None:
    stack = Stack(setup, simulated=code == "watchdog.clock_still", deadman=True)
    if is_moving:
        stack.move()
    FAULTS[code](stack)
    stack.step(1.5)
    if code == "watchdog.camera_frozen" and not is_moving:
        assert stack.codes == []  # a still scene may look the same for ever
        return
    if code == "watchdog.motion" and not is_moving:
        assert stack.codes == []  # a bridge that stops at rest is well
        return
    if code == "watchdog.chunks" and not is_moving:
        assert stack.codes == []  # nobody expects chunks where nothing is followed
        return
    verdict = WATCHES[code].moving if is_moving else WATCHES[code].at_rest
    first = stack.events[0]
    assert (first.code, first.level) == (code, int(verdict))
    assert bool(stack.asked) == (verdict is Verdict.STOP) == bool(stack.watchdog.latched)
    assert bool(stack.watchdog.trouble) == (verdict is Verdict.STOP)


@pytest.mark.parametrize("code", ["watchdog.joints", "watchdog.joints_still", "watchdog.joints_two"])
def test_in_simulation_nobody_is_sent_to_look_for_a_cable(setup: Setup, code: str) -> None:
    said = {}
    for is_arm_simulated in (True, False):
        stack = Stack(setup, arm_simulated=is_arm_simulated)
        FAULTS[code](stack)
        stack.step(1.5)
        said[is_arm_simulated] = next(event.text for event in stack.events if event.code == code)
    assert "simulator" in said[True]
    assert not any(word in said[True] for word in ("driver", "CAN", "power"))
    assert "driver" in said[False]


@pytest.mark.parametrize(
    ("code", "within_s"),
    [("watchdog.bridge", 0.34), ("watchdog.joints", 0.54), ("watchdog.rival", 0.02), ("watchdog.deadman", 0.02)],
)
def test_stop_comes_in_time(setup: Setup, code: str, within_s: float) -> None:
    stack = Stack(setup, deadman=True).move()
    FAULTS[code](stack)
    stack.step(within_s)
    assert stack.watchdog.latched == code


def test_fault_at_rest_becomes_a_stop_when_something_moves(setup: Setup) -> None:
    stack = Stack(setup)
    stack.silent.add("bridge")
    stack.step(1.0)
    assert not stack.watchdog.latched
    stack.velocity = 0.2 * setup.arms  # somebody moves the arms
    stack.step(0.2)
    assert stack.watchdog.latched == "watchdog.bridge"


def test_what_comes_back_is_told(setup: Setup) -> None:
    stack = Stack(setup)
    stack.silent.add("policy")
    stack.step(1.5)
    stack.silent.clear()
    stack.step(0.1)
    assert [(e.code, e.level) for e in stack.events] == [("watchdog.policy", 1), ("watchdog.policy", 0)]


def test_nothing_is_missing_while_the_stack_starts(setup: Setup) -> None:
    stack = Stack(setup, silent=("bridge", "joints", "policy", "observations"), startup_s=3.0, loading_s=15.0)
    stack.step(14.0)
    assert stack.codes == []
    assert not stack.watchdog.hears, "nothing may move meanwhile"


@pytest.mark.parametrize(
    ("unheard", "code"),
    [("bridge", "watchdog.bridge"), ("joints", "watchdog.joints"), ("policy", "watchdog.policy"),
     ("observations", "watchdog.observations")],
)  # fmt: skip
def test_what_was_never_heard_is_told_in_other_words_than_what_went_silent(
    setup: Setup, unheard: str, code: str
) -> None:
    stack = Stack(setup, silent=(unheard,), startup_s=3.0, loading_s=15.0).step(17.0)
    assert [event.code for event in stack.events] == [code]
    assert " yet (topic " in stack.events[0].text
    assert not any(word in stack.events[0].text for word in ("hangs or died", "for 0.", "for 1."))
    assert not stack.watchdog.latched
    stack.silent.clear()
    stack.step(0.1)
    stack.silent.add(unheard)
    stack.step(1.5)
    assert [event.code for event in stack.events] == [code] * 3
    assert " yet (topic " not in stack.events[-1].text
    assert ("hangs or died" in stack.events[-1].text) == (unheard == "bridge")


def test_what_moves_before_the_bridge_was_heard_is_a_stop_once_the_nodes_have_found_each_other(setup: Setup) -> None:
    stack = Stack(setup, silent=("bridge",), startup_s=3.0, loading_s=15.0)
    stack.velocity = 0.2 * setup.arms  # somebody moves the arms
    stack.step(2.5)
    assert not stack.watchdog.latched
    stack.step(1.0)
    assert stack.watchdog.latched == "watchdog.bridge"
    assert "said nothing yet" in stack.watchdog.reason


def test_what_has_spoken_once_may_be_missing_at_once(setup: Setup) -> None:
    stack = Stack(setup, startup_s=3.0).move()
    stack.silent.add("bridge")
    assert stack.step(0.34).watchdog.latched == "watchdog.bridge"


def test_its_own_sleep_is_nobodys_silence(setup: Setup) -> None:
    stack = Stack(setup, deadman=True).move()
    for _ in range(3):
        stack.now_ns, stack.clock_ns = stack.now_ns + SECOND, stack.clock_ns + SECOND
        stack.watchdog.tick(stack.now_ns, stack.clock_ns)  # before it has read what came
        stack.take()
        stack.step(0.1)
    assert stack.codes == []
    stack.silent.add("bridge")
    assert stack.step(0.34).watchdog.latched == "watchdog.bridge"


def test_late_bridge_is_no_hung_bridge(setup: Setup) -> None:
    stack = Stack(setup).move()
    for _ in range(10):
        stack.silent.add("bridge")
        stack.step(0.26)
        stack.silent.clear()
        stack.step(0.02)
    assert stack.codes == []


# The camera watch


def test_wrist_camera_is_judged_by_its_own_arm_where_pictures_have_no_noise(setup: Setup) -> None:
    e = setup.embodiment
    carry = carriers(setup.urdf, e.joints, {c.name: c.frame for c in e.cameras})
    for camera in e.cameras:
        carried = {n for n, c in zip(e.names, carry[camera.name], strict=True) if c}
        side = "" if e.name == "single" else f"{camera.name}_"
        assert carried == (set() if camera.name == "front" else {f"{side}joint{i}" for i in range(1, 7)})


def test_chain_of_an_unknown_link_is_empty(setup: Setup) -> None:
    assert carrying_joints(setup.urdf, "no_such_link") == set()


def test_still_pictures_of_another_arms_motion_are_no_frozen_camera(setup: Setup) -> None:
    if setup.embodiment.name == "single":
        pytest.skip("it has one arm")
    stack = Stack(setup, camera_noise=False)
    stack.state = State.FOLLOWING
    stack.velocity = np.array([0.2 * name.startswith("right_joint") for name in setup.embodiment.names])
    stack.frozen = {"front", "left"}
    assert stack.step(3.0).codes == []
    stack.frozen = {"right"}
    stack.step(1.0)
    assert stack.watchdog.latched == "watchdog.camera_frozen"
    assert "camera right" in stack.watchdog.reason


def test_few_equal_pictures_are_no_frozen_camera(setup: Setup) -> None:
    stack = Stack(setup).move()
    for _ in range(5):
        stack.frozen = set(setup.embodiment.camera_names)
        stack.step(0.5)
        stack.frozen = set()
        stack.step(0.1)
    assert stack.codes == []


# The clock watch


@pytest.mark.parametrize("pace", [0.05, 1.0, 20.0])
def test_simulated_time_may_run_at_any_pace(setup: Setup, pace: float) -> None:
    stack = Stack(setup, simulated=True)
    stack.pace = pace
    assert stack.move(speed=min(0.2 / pace, 1.0)).step(3.0).codes == []  # in simulated time


def test_simulated_time_that_goes_back_is_a_jump(setup: Setup) -> None:
    stack = Stack(setup, simulated=True).move()
    stack.clock_ns -= SECOND
    assert stack.step(0.1).watchdog.latched == "watchdog.clock_jump"


def test_machine_clock_that_is_slewed_is_no_jump(setup: Setup) -> None:
    stack = Stack(setup)
    stack.pace = 1.001
    assert stack.move().step(5.0).codes == []


# Rivals


@pytest.mark.parametrize(
    ("names", "is_rival"),
    [
        ([BRIDGE], False),
        ([BRIDGE, WATCHDOG], False),
        ([BRIDGE, WATCHDOG, WATCHDOG], False),  # the watchdog's own ghost, after it was started again
        ([], False),
        ([BRIDGE, ""], False),  # just discovered, not known yet
        ([BRIDGE, BRIDGE], False),  # a killed one is listed for 20 s more; two that live are heard
        ([BRIDGE, "/other/safety_bridge"], True),
        (["/finevla/teleop"], True),
    ],
)
def test_only_one_bridge_and_the_watchdog_may_command(setup: Setup, names: list[str], is_rival: bool) -> None:
    stack = Stack(setup)
    stack.watchdog.on_publishers("left_arm_controller/joint_trajectory", names, stack.now_ns)
    stack.step(0.1)
    assert bool(stack.watchdog.latched) == is_rival
    if is_rival:
        assert "left_arm_controller/joint_trajectory" in stack.watchdog.reason


def test_publisher_that_stays_without_a_name_is_a_rival(setup: Setup) -> None:
    stack = Stack(setup)
    for _ in range(6):
        stack.watchdog.on_publishers("left", [BRIDGE, ""], stack.now_ns)
        stack.step(0.25)
    assert stack.watchdog.latched == "watchdog.rival"


# The latch


def test_confirmed_stop_is_the_bridges_own_and_a_reset_ends_it(setup: Setup) -> None:
    stack = Stack(setup).move()
    FAULTS["watchdog.clock_jump"](stack)
    stack.step(0.02)
    stack.state, stack.velocity = State.STOPPED, stack.velocity * 0
    stack.step(3.0)
    assert (stack.asked, stack.trajectories) == (1, [])
    assert stack.watchdog.latched
    assert stack.watchdog.trouble == ""  # the cause is over: whether to reset is up to a person
    stack.state, stack.epoch = State.HOLDING, 2
    stack.step(0.1)
    assert not stack.watchdog.latched
    assert stack.move().step(1.0).watchdog.latched == ""


def test_reset_with_the_cause_still_there_stops_again(setup: Setup) -> None:
    stack = Stack(setup, deadman=True)
    stack.held = False
    stack.step(0.1)
    stack.state = State.STOPPED
    stack.step(0.1)
    assert stack.watchdog.trouble
    stack.state, stack.epoch = State.HOLDING, 2
    stack.step(0.1)
    assert stack.watchdog.latched == "watchdog.deadman"
    assert stack.asked == 2


def test_bridge_that_does_not_answer_is_asked_again(setup: Setup) -> None:
    stack = Stack(setup).move()
    FAULTS["watchdog.rival"](stack)
    stack.step(1.0)
    assert stack.asked >= 5


def test_bridge_that_was_started_again_moves_nothing_before_a_reset(setup: Setup) -> None:
    stack = Stack(setup).move()
    stack.silent.add("bridge")
    stack.step(0.5)
    stack.velocity = stack.velocity * 0
    stack.step(2.0)
    stack.silent.clear()
    stack.step(0.5)
    assert stack.watchdog.latched  # it woke up as it was
    stack.state, stack.epoch = State.HOLDING, 7
    stack.step(0.2)
    assert stack.watchdog.latched  # a new one, which has not been told yet
    assert stack.watchdog.trouble
    stack.state = State.STOPPED
    stack.step(0.1)
    assert stack.watchdog.trouble == ""
    stack.state, stack.epoch = State.HOLDING, 8
    assert not stack.step(0.1).watchdog.latched


@pytest.mark.parametrize("state", [State.DISABLED, State.HOLDING])
@pytest.mark.parametrize("was_stopped", [False, True])
def test_bridge_that_was_started_again_needs_a_reset_also_when_nothing_moved(
    setup: Setup, was_stopped: bool, state: State
) -> None:
    stack = Stack(setup)
    if was_stopped:  # by the watchdog, and confirmed: that is no reset of it either
        FAULTS["watchdog.rival"](stack)
        stack.step(0.1)
        stack.watchdog.on_publishers("left", [BRIDGE, WATCHDOG], stack.now_ns)
        stack.state = State.STOPPED
        stack.step(0.1)
    stack.state, stack.epoch = state, 60
    stack.step(0.1)
    assert stack.watchdog.latched
    assert "started again" in stack.watchdog.trouble
    stack.state = State.STOPPED
    assert stack.step(0.1).watchdog.trouble == ""
    stack.state, stack.epoch = State.HOLDING, 61
    assert not stack.step(0.1).watchdog.latched


@pytest.mark.parametrize("unheard", ["bridge", "joints"])
def test_watchdog_that_does_not_hear_what_it_guards_is_none(setup: Setup, unheard: str) -> None:
    stack = Stack(setup, silent=(unheard,), startup_s=3.0)
    assert not stack.step(5.0).watchdog.hears
    stack.silent.clear()
    assert stack.step(0.1).watchdog.hears
    stack.silent.add(unheard)
    assert stack.step(1.0).watchdog.hears  # from now on its silence is a finding


def test_killed_bridge_that_dds_still_lists_is_no_second_one(setup: Setup) -> None:
    stack = Stack(setup)
    for _ in range(200):
        stack.watchdog.on_publishers("left", [BRIDGE, BRIDGE, WATCHDOG], stack.now_ns)
        stack.step(0.1)
    assert not stack.watchdog.latched
    for _ in range(60):
        stack.watchdog.on_publishers("left", [BRIDGE, BRIDGE, WATCHDOG], stack.now_ns)
        stack.step(0.1)
    assert stack.watchdog.latched == "watchdog.rival"  # longer than the dead are listed: it hangs


def test_two_bridges_that_speak_are_a_stop(setup: Setup) -> None:
    stack = Stack(setup)
    stack.epoch = 2
    stack.step(0.1)
    assert not stack.watchdog.latched
    stack.watchdog.on_status(int(State.HOLDING), 1, stack.now_ns)
    stack.step(0.1)
    assert stack.watchdog.latched == "watchdog.rival"
    assert "two bridges speak" in stack.watchdog.reason


# Any order of events

_floats = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-2, 2)
_event = st.one_of(
    st.tuples(st.just("status"), st.integers(0, 5), st.integers(0, 3)),
    st.tuples(st.just("state"), st.integers(-SECOND, SECOND), st.lists(_floats, min_size=1, max_size=3)),
    st.tuples(st.just("told"), st.integers(0, 3), st.lists(_floats, min_size=0, max_size=3)),
    st.tuples(st.just("deadman"), st.booleans()),
    st.tuples(st.just("publishers"), st.lists(st.sampled_from([BRIDGE, WATCHDOG, "", "/x"]), max_size=3)),
    st.tuples(st.just("see"), st.integers(0, 1)),
    st.tuples(st.just("clock"), st.integers(-2 * SECOND, 2 * SECOND)),
    st.tuples(st.just("wait"), st.integers(0, SECOND)),
    st.tuples(st.just("simple"), st.sampled_from(["chunk", "policy", "instruction"])),
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(_event, max_size=40), simulated=st.booleans(), deadman=st.booleans())
@example(events=[("state", 1, [9e299]), ("status", 0, 0)], simulated=False, deadman=False)  # an infinite speed
def test_no_order_of_events_raises_and_only_the_bridge_unlatches(
    setup: Setup, events: list[tuple], simulated: bool, deadman: bool
) -> None:
    stack = Stack(setup, simulated=simulated, deadman=deadman)
    e, w = setup.embodiment, stack.watchdog
    for kind, *arguments in events:
        latched, confirmed = w.latched, False
        if kind == "status":
            w.on_status(arguments[0], arguments[1], stack.now_ns)
            confirmed = arguments[0] != State.STOPPED
        elif kind == "state":
            values = np.resize(arguments[1], len(e.joints))
            w.on_joint_state(stack.clock_ns + arguments[0], e.joints, list(values), list(values), stack.now_ns)
        elif kind == "told":
            c = e.controllers[arguments[0] % len(e.controllers)]
            rows = [[value] * len(c.joints) for value in arguments[1]]
            times = [(i + 1) * SECOND // 5 for i in range(len(rows))]
            still = [[0.0] * len(c.joints) for _ in rows]
            w.on_trajectory(c.name, c.joints, 0, times, rows, still, stack.now_ns, stack.clock_ns)
        elif kind == "deadman":
            w.on_deadman(arguments[0], stack.now_ns)
        elif kind == "publishers":
            w.on_publishers("left", arguments[0], stack.now_ns)
        elif kind == "see":
            w.on_observation(dict.fromkeys(e.camera_names, arguments[0]), stack.values, stack.now_ns)
        elif kind == "clock":
            stack.clock_ns += arguments[0]
        elif kind == "wait":
            stack.now_ns += arguments[0]
        elif arguments[0] == "chunk":
            w.on_chunk(stack.now_ns)
        elif arguments[0] == "policy":
            w.on_policy(0, stack.now_ns)
        else:
            w.on_instruction("", stack.now_ns)
        w.tick(stack.now_ns, stack.clock_ns)
        made = len(stack.trajectories)
        stack.take()
        for trajectory in stack.trajectories[made:]:
            assert not trajectory.velocities[-1].any()
            assert np.isfinite(trajectory.positions).all()
        assert not latched or w.latched or confirmed


@pytest.mark.parametrize("state", [State.STOPPED, State.DISABLED])
def test_stop_ends_the_instruction_for_the_watchdog_too(setup: Setup, state: State) -> None:
    """After a reset an operator's motion needs no chunks of a policy."""
    stack = Stack(setup, silent=("chunks",))
    stack.state = state
    stack.step(0.2)
    stack.state, stack.epoch = State.HOLDING, 2
    stack.step(0.2)
    stack.state = State.FOLLOWING
    stack.step(3.0)
    assert "watchdog.chunks" not in [event.code for event in stack.events]
