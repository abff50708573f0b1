"""Promises of the steering on real DDS: a stop always passes, nothing begins that cannot happen, every end is told."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log
from standin_policy import StandInPolicy, running_policy_node
from std_msgs.msg import String
from steering_stage import CUBE, SteeringStage

from finevla_core.bridge_report import STEP_REMARK, UNHEARD
from finevla_core.embodiment import Embodiment
from finevla_interfaces import msg
from finevla_interfaces.srv import SetInstruction
from finevla_policy.instruction_server import BUSY
from finevla_ros import qos

pytestmark = pytest.mark.slow  # each starts nodes

KETTLE = "pour water from the kettle"
STOPPED, DISABLED, HOLDING = msg.SafetyStatus.STOPPED, msg.SafetyStatus.DISABLED, msg.SafetyStatus.HOLDING
OWN, MOTION = "/finevla/policy", "/finevla/motion"


@pytest.fixture
def policy(robot: Embodiment) -> StandInPolicy:
    return StandInPolicy(robot)


@pytest.fixture
def stage(
    ros_domain: str, robot: Embodiment, policy: StandInPolicy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SteeringStage]:
    del ros_domain
    with running_policy_node(policy, monkeypatch), SteeringStage(robot, policy) as made:
        made.active()
        yield made


def stops_by_every_way(stage: SteeringStage, text: str) -> None:
    """Each way in publishes an empty instruction at once, and those that answer say what happened."""

    def heard_after(act: Callable[[], Any]) -> Any:
        before = len(stage.bridge.heard)
        answer = act()
        stage.wait(lambda: len(stage.bridge.heard) > before, f"the bridge to hear of '{text}'")
        assert stage.bridge.heard[-1].id == ""
        return answer

    heard_after(lambda: stage.shout(text))
    heard_after(lambda: stage.publish(text))
    response = heard_after(lambda: stage.say(text))
    assert (response.accepted, response.id) == (True, "")
    assert response.message.startswith("stopped: ")
    result = heard_after(lambda: stage.outcome(stage.follow(text)))
    assert (result.status, result.result.success) == (GoalStatus.STATUS_SUCCEEDED, True)
    assert result.result.message.startswith("stopped: ")


@pytest.mark.parametrize("hindrance", ["loading", "unconfigured"])
def test_stop_passes_before_there_is_a_policy(
    ros_domain: str, robot: Embodiment, policy: StandInPolicy, monkeypatch: pytest.MonkeyPatch, hindrance: str
) -> None:
    policy.loading.clear()
    arguments = ("-p", "autostart:=false") if hindrance == "unconfigured" else ()
    with running_policy_node(policy, monkeypatch, *arguments), SteeringStage(robot, policy) as stage:
        stage.ready()
        stops_by_every_way(stage, "Stop! Stop!")
        said = stage.say(CUBE).message
        assert ("still loads its bundle" if hindrance == "loading" else "configure and activate it") in said
        assert not stage.bridge.chunks


@pytest.mark.parametrize("hindrance", ["bridge silent", "bridge stopped", "bridge disabled", "other hands", "idle"])
def test_stop_passes_whatever_the_bridge_says(stage: SteeringStage, hindrance: str) -> None:
    if hindrance == "bridge silent":
        stage.bridge.is_silent = True
        stage.wait(lambda: stage.status[-1].text == UNHEARD, "the silence to be noticed")
    elif hindrance == "bridge stopped":
        stage.bridge.stop("the deadman switch was let go")
    elif hindrance == "bridge disabled":
        stage.bridge.say(state=DISABLED, reason="no joint state yet")
    elif hindrance == "other hands":
        stage.bridge.say(state=msg.SafetyStatus.FOLLOWING, client=MOTION)
    stops_by_every_way(stage, "停下来!")


@pytest.mark.parametrize("busy", ["inference", "reading", "deactivation"])
def test_stop_waits_for_nothing_that_is_being_computed(stage: SteeringStage, policy: StandInPolicy, busy: str) -> None:
    stage.running()
    if busy == "reading":
        policy.reading_begun.clear()
        policy.reading.clear()
        stage.publish("reach the blue cube")
        assert policy.reading_begun.wait(20.0)
    else:
        policy.inference_begun.clear()
        policy.inference.clear()
        stage.wait(lambda: stage.observe() or policy.inference_begun.is_set(), "an inference that does not end")
    if busy == "deactivation":  # it waits for the inference
        client = stage.node.create_client(ChangeState, "policy/change_state")
        assert client.wait_for_service(20.0)
        client.call_async(ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE)))
        stage.over()
    stops_by_every_way(stage, "stop")
    policy.release()
    stage.nothing_moves()


def test_stop_by_service_does_not_wait_behind_any_number_of_words(stage: SteeringStage, policy: StandInPolicy) -> None:
    policy.reading.clear()
    client = stage.node.create_client(SetInstruction, "set_instruction")
    assert client.wait_for_service(20.0)
    words = [client.call_async(SetInstruction.Request(instruction=msg.Instruction(raw=CUBE))) for _ in range(30)]
    stage.wait(lambda: any(f.done() and f.result().message == BUSY for f in words), "the word that there are too many")
    response = stage.say("stop")
    assert response.accepted
    assert response.message.startswith("stopped: ")
    policy.release()
    stage.nothing_moves()


@pytest.mark.parametrize("way", ["text", "service"])
def test_words_that_were_being_read_when_a_stop_came_do_not_begin(
    stage: SteeringStage, policy: StandInPolicy, way: str
) -> None:
    policy.reading.clear()
    answers: list[SetInstruction.Response] = []
    act = (lambda: stage.shout(CUBE)) if way == "text" else (lambda: answers.append(stage.say(CUBE)))
    thread = threading.Thread(target=act)
    thread.start()
    assert policy.reading_begun.wait(20.0)
    stage.shout("stop")
    stage.over()
    policy.reading.set()
    thread.join(20.0)
    stage.refusal("a stop came meanwhile")
    if way == "service":
        assert not answers[0].accepted
        assert "a stop came meanwhile" in answers[0].message
    stage.nothing_moves()


def test_sentence_that_begins_with_a_stop_word_stops_and_says_so(stage: SteeringStage) -> None:
    stage.running()
    response = stage.say("stop at the red cube")
    assert response.accepted
    assert "the whole of it was taken for a stop, since it begins with 'stop'" in response.message
    stage.over()
    assert stage.say("don't stop").message.startswith("I know none of: ")


def test_what_is_understood_is_told_everywhere(stage: SteeringStage) -> None:
    told: list[Any] = []
    response = stage.say(CUBE)
    assert (response.understood, list(response.unknown), response.checked) == ("reach · red · cube", ["cube"], True)
    assert response.certainty == 0.5
    stage.wait(lambda: stage.bridge.heard[-1].understood == "reach · red · cube", "active_instruction")
    stage.wait(lambda: stage.status[-1].understood == "reach · red · cube", "policy/status")
    assert stage.status[-1].refusal == ""
    stage.follow("reach the blue cube", told=told.append)
    stage.wait(lambda: told and told[-1].feedback.understood == "reach · blue · cube", "the feedback")


def test_what_is_not_understood_is_refused_by_name_and_ends_what_runs(stage: SteeringStage) -> None:
    for say in ("service", "action", "text", "topic"):
        stage.running()
        if say == "service":
            response = stage.say(KETTLE)
            assert (response.accepted, response.message) == (False, "I know none of: pour, water, from, kettle")
            assert list(response.unknown) == ["pour", "water", "from", "kettle"]
        elif say == "action":
            result = stage.outcome(stage.follow(KETTLE))
            assert result.status == GoalStatus.STATUS_ABORTED
            assert result.result.message == "refused: I know none of: pour, water, from, kettle"
        else:
            (stage.shout if say == "text" else stage.publish)(KETTLE)
        stage.over()
        stage.refusal("I know none of: pour, water, from, kettle")
        assert (stage.status[-1].instruction_id, stage.status[-1].understood) == ("", "")
        stage.nothing_moves()


@pytest.mark.parametrize("text", ["reach the red blue cube", "go\x07", "x" * 10_000, " "])
def test_what_contradicts_itself_or_is_no_instruction_ends_what_runs(stage: SteeringStage, text: str) -> None:
    goal = stage.follow(CUBE)
    stage.wait(lambda: stage.observe() or stage.bridge.chunks, "a chunk")
    response = stage.say(text)
    assert not response.accepted
    result = stage.outcome(goal)
    assert (result.status, result.result.message) == (
        GoalStatus.STATUS_ABORTED,
        f"new words came: {response.message}",
    )
    stage.nothing_moves()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"state": STOPPED, "reason": "by hand"},
            "the bridge is stopped (by hand): when it is safe, 'finevla reset', then",
        ),
        ({"state": DISABLED, "reason": "no watchdog"}, "the bridge is disabled (no watchdog)"),
        ({"state": msg.SafetyStatus.FOLLOWING, "client": MOTION}, f"'{MOTION}' has command authority"),
        ({"state": 9}, "the bridge is disabled (it says state 9, which is unknown here)"),
        ({}, UNHEARD),
    ],
)
def test_nobody_says_yes_to_what_cannot_happen(stage: SteeringStage, changes: dict[str, Any], said: str) -> None:
    stage.bridge.is_silent = not changes
    stage.bridge.say(**changes)
    stage.wait(lambda: not changes or not stage.say("").accepted, "the service to answer")
    if not changes:
        stage.wait(lambda: stage.status[-1].text == UNHEARD, "the silence to be noticed")
    stage.refuses(said)
    assert not stage.say(CUBE).accepted
    result = stage.outcome(stage.follow(CUBE))
    assert (result.status, result.result.success) == (GoalStatus.STATUS_ABORTED, False)
    assert said in result.result.message
    stage.shout("go")
    stage.refusal(said)
    stage.nothing_moves()


def test_step_mode_is_told_and_what_waits_is_not_called_followed(stage: SteeringStage) -> None:
    stage.bridge.refuses = lambda _: "step.waiting" if stage.bridge.status.waiting else ""
    stage.bridge.say(stepping=True, waiting=True)
    stage.wait(lambda: stage.say(CUBE).message == STEP_REMARK, "the remark")
    goal = stage.follow("go", timeout_s=0.5)
    beats = len(stage.status)
    stage.wait(lambda: stage.observe() or len(stage.status) > beats + 4, "heartbeats")
    result = stage.outcome(goal)
    assert (result.status, result.result.followed) == (GoalStatus.STATUS_ABORTED, 0)
    assert "a plan waits for a yes ('finevla step')" in result.result.message
    stage.bridge.say(waiting=False)
    goal = stage.follow("go", timeout_s=0.5)
    stage.wait(lambda: stage.observe() or stage.bridge.status.chunk_sequence > 0, "a plan that is followed")
    stage.bridge.say(waiting=True)
    assert stage.outcome(goal).result.success


@pytest.mark.parametrize("cause", ["stopped", "disabled", "reset unseen", "over for the bridge"])
def test_any_stop_of_the_bridge_ends_the_instruction_and_a_reset_moves_nothing(
    stage: SteeringStage, cause: str
) -> None:
    goal = stage.follow(CUBE)
    stage.wait(lambda: stage.observe() or stage.bridge.chunks, "a chunk")
    if cause == "stopped":
        stage.bridge.stop("stop was asked for by topic")
    elif cause == "disabled":
        stage.bridge.say(state=DISABLED, reason="joint states stopped coming")
    elif cause == "over for the bridge":
        stage.bridge.refuses = lambda _: "chunk.ended"
        stage.observe()
    else:
        stage.bridge.reset()
    result = stage.outcome(goal)
    assert result.status == GoalStatus.STATUS_ABORTED
    assert result.result.message.startswith("stopped: ")
    stage.over()
    stage.bridge.reset()
    stage.bridge.refuses = lambda _: ""
    stage.refusal("stopped: ")
    stage.nothing_moves()
    stage.running("go")  # new words


def test_old_word_of_the_bridge_does_not_end_a_fresh_instruction(stage: SteeringStage) -> None:
    stage.bridge.stop("by hand")
    stage.refuses("by hand")
    stage.bridge.reset()
    stage.wait(lambda: stage.say(CUBE).accepted, "the reset to be heard")
    identity = stage.running()
    beats = len(stage.status)
    stage.wait(lambda: len(stage.status) >= beats + 3, "three heartbeats")
    assert (stage.status[-1].instruction_id, stage.status[-1].refusal) == (identity, "")


def test_target_that_is_not_seen_holds_and_ends_the_instruction(stage: SteeringStage, policy: StandInPolicy) -> None:
    policy.is_blind = True
    response, start_ns = stage.say(CUBE), stage.now_ns()
    assert response.accepted
    for tenth in range(10):
        policy.inference_begun.clear()
        stage.observe(start_ns + tenth * 100_000_000)
        assert policy.inference_begun.wait(20.0)
    stage.wait(lambda: stage.status[-1].text == "I see no red cube", "the sentence")
    assert stage.status[-1].instruction_id == response.id
    stage.observe(start_ns + 1_000_000_000)
    stage.over()
    stage.refusal("I see no red cube: say it again when it is there")
    policy.is_blind = False
    stage.nothing_moves()
    assert not stage.bridge.chunks
    stage.running()


def test_new_thought_is_logged_once_on_one_line_and_the_newest_is_in_the_diagnostics(
    stage: SteeringStage, policy: StandInPolicy
) -> None:
    said, diagnosed = stage.listen("/rosout", Log, qos.ALL), stage.listen("/diagnostics", DiagnosticArray, qos.ALL)

    def is_diagnosed(thought: str) -> bool:
        stage.observe()
        values = diagnosed[-1].status[0].values if diagnosed else []
        return thought in [value.value for value in values if value.key == "thought"]

    stage.running()
    for thought in ("the cube\nis red", "", "go left", "go left"):
        policy.thought = thought
        begun = len(stage.bridge.chunks)
        stage.wait(lambda begun=begun: stage.observe() or len(stage.bridge.chunks) > begun + 2, "chunks behind it")
        stage.wait(lambda thought=thought: is_diagnosed(thought), f"'{thought}' in the diagnostics")
    thoughts = [line.msg for line in said if "thinks" in line.msg]
    assert thoughts == ["the policy thinks: 'the cube\N{REPLACEMENT CHARACTER}is red'", "the policy thinks: 'go left'"]


@pytest.mark.parametrize(
    ("refuses", "is_done", "said"),
    [
        (lambda _: "", True, " chunks, in 0.8 s"),
        (lambda _: "chunk.velocity", False, "the bridge refused the rest: it breaks chunk.velocity"),
        (lambda chunk: "chunk.late" if chunk.sequence % 4 == 0 else "", True, "refused the rest: it breaks chunk.late"),
        (lambda chunk: "chunk.late" if chunk.sequence % 4 else "", False, "refused the rest: it breaks chunk.late"),
    ],
)
def test_action_succeeds_only_if_its_chunks_were_followed(
    stage: SteeringStage, refuses: Callable[[Any], str], is_done: bool, said: str
) -> None:
    stage.bridge.refuses = refuses
    stage.node.create_timer(0.05, stage.observe)  # a dozen chunks in the time that it has
    goal = stage.follow(CUBE, timeout_s=0.8)
    done = stage.asked(goal.get_result_async)
    ended = threading.Event()
    done.add_done_callback(lambda _: ended.set())
    stage.wait(ended.is_set, "the goal's end")
    result = done.result()
    assert result.status == (GoalStatus.STATUS_SUCCEEDED if is_done else GoalStatus.STATUS_ABORTED)
    assert result.result.success == is_done
    assert said in result.result.message
    assert bool(result.result.followed) == any(not refuses(msg.ActionChunk(sequence=i)) for i in range(4))


def test_stream_of_words_that_have_ended_sets_nothing_in_motion(stage: SteeringStage) -> None:
    for _ in range(3):
        stage.shout(CUBE)
    stage.wait(lambda: stage.status[-1].instruction_id, "the words to be followed")
    stage.bridge.stop("by hand")
    stage.over()
    stage.bridge.reset()
    stage.refusal("stopped: by hand")
    stage.shout(CUBE)  # as `ros2 topic pub` goes on to do
    stage.refusal("the same words still come on instruction/text")
    stage.nothing_moves()
    again = stage.node.create_publisher(String, "instruction/text", qos.ALL)  # `ros2 topic pub --once`, said once more
    stage.wait(lambda: again.get_subscription_count(), "a subscriber")
    again.publish(String(data=CUBE))
    stage.wait(lambda: stage.status[-1].instruction_id, "the words to be followed again")
