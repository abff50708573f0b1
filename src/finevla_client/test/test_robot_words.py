"""Promises of `Robot` on real DDS: words, observations and status come back as data, and every no is one sentence."""

from collections.abc import Iterator

import pytest
from standin_policy import StandInPolicy, running_policy_node
from std_msgs.msg import String
from steering_stage import CUBE, SteeringStage

from finevla_client.errors import BridgeStopped, NoAnswer, Refusal
from finevla_client.robot import Robot
from finevla_core.bridge_report import STEP_REMARK
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_core.safety.events import State
from finevla_core.understanding import UNCHECKED_SUMMARY
from finevla_interfaces import msg
from finevla_ros import qos

pytestmark = pytest.mark.slow  # each starts nodes


@pytest.fixture
def policy(robot: Embodiment) -> StandInPolicy:
    return StandInPolicy(robot)


@pytest.fixture
def stage(
    ros_domain: str, robot: Embodiment, policy: StandInPolicy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SteeringStage]:
    del ros_domain
    with running_policy_node(policy, monkeypatch), SteeringStage(robot, policy) as made:
        made.timer = made.node.create_timer(0.1, made.observe)
        made.active()
        yield made


def test_say_returns_what_it_was_taken_for_and_the_arms_follow(stage: SteeringStage) -> None:
    with Robot() as client:
        answer = client.say(CUBE)
        assert answer.id
        assert (answer.understood, answer.unknown, answer.message) == ("reach · red · cube", ("cube",), "")
        assert (answer.is_checked, answer.certainty) == (True, 0.5)
        following = client.wait_until_followed(answer, 20.0)
        assert following.is_followed
        assert following.message.startswith("the bridge is following")
        assert client.connection.wait(lambda: client.status().policy.instruction_id == answer.id, 5.0)
        status = client.status()
        assert status.policy is not None
        assert (status.policy.state, status.policy.instruction_id) == ("running", answer.id)
        assert status.bridge is not None
        assert (status.bridge.state, status.bridge.instruction_id) == (State.FOLLOWING, answer.id)


def test_factors_and_ready_instructions_are_said_too_and_an_unchecked_one_says_so(
    stage: SteeringStage, policy: StandInPolicy
) -> None:
    policy.understand = None  # a policy that cannot tell
    stage.bridge.say(stepping=True)
    stage.wait(lambda: stage.say(CUBE).message == STEP_REMARK, "the node to hear of step mode")
    with Robot() as client:
        answer = client.say("reach it", "with care", target_color="red", action_sequence=["go", "reach"])
        assert (answer.is_checked, answer.understood, answer.message) == (False, UNCHECKED_SUMMARY, STEP_REMARK)
        stage.wait(lambda: stage.bridge.heard and stage.bridge.heard[-1].id == answer.id, "the active instruction")
        heard = stage.bridge.heard[-1]
        assert (heard.raw, heard.fine) == ("reach it", "with care")
        assert list(heard.factors.target_color) == ["red"]
        assert list(heard.factors.action_sequence) == ["go", "reach"]
        assert client.say(Instruction("reach it", factors=Factors(target_color="red"), id="mine")).id == "mine"


def test_refusals_are_the_policys_and_the_bridges_sentences(stage: SteeringStage) -> None:
    with Robot() as client:
        with pytest.raises(Refusal, match="^I know none of: pour, water$") as refused:
            client.say("pour water")
        assert refused.value.unknown == ("pour", "water")
        stage.bridge.say(state=msg.SafetyStatus.FOLLOWING, client="/finevla/motion")
        client.connection.wait(lambda: client.status().bridge.client == "/finevla/motion", 5.0)
        stage.refuses("has command authority")
        with pytest.raises(Refusal, match="^'/finevla/motion' has command authority and moves the arms"):
            client.say(CUBE)
        stage.bridge.say(state=msg.SafetyStatus.DISABLED, reason="no joint states", client="")
        client.connection.wait(lambda: client.status().bridge.state is State.DISABLED, 5.0)
        stage.refuses("no joint states")
        with pytest.raises(Refusal, match=r"^the stack is not ready: policy \w+, bridge disabled \(no joint states\)$"):
            client.say(CUBE, timeout_s=0.5)
        stage.bridge.stop("the deadman switch was let go")
        client.connection.wait(client.connection.is_stopped, 5.0)
        stage.refuses("the deadman switch")
        with pytest.raises(
            BridgeStopped, match=r"^the bridge is stopped \(the deadman switch was let go\): when it is"
        ):
            client.say(CUBE)


def test_a_bridge_that_falls_silent_is_missing_although_it_was_heard_before(stage: SteeringStage) -> None:
    with Robot() as client:
        assert client.status().bridge is not None
        stage.bridge.is_silent = True
        assert client.connection.wait(lambda: client.connection.heard("safety/status") is None, 10.0)
        with pytest.raises(NoAnswer, match="^the safety bridge is missing; look at its output$"):
            client.say(CUBE, timeout_s=0.2)
        assert client.status(timeout_s=0.2).bridge is None


def test_words_that_mean_stop_pass_in_any_state_and_have_no_id(stage: SteeringStage) -> None:
    texts = stage.listen("instruction/text", String, qos.ALL)
    with Robot() as client:
        client.say(CUBE)
        stage.bridge.say(state=msg.SafetyStatus.DISABLED, reason="no joint states")
        answer = client.say("Stop!")
        assert answer.id == ""
        assert answer.message
        assert not client.wait_until_followed(answer, 1.0).is_followed
        stage.over()
        stage.wait(lambda: texts, "the word on instruction/text")
        assert {text.data for text in texts} == {"stop"}


def test_observe_returns_the_newest_with_its_stamps_and_never_an_old_one(
    stage: SteeringStage, robot: Embodiment
) -> None:
    with Robot() as client:
        first = client.observe(timeout_s=20.0)
        assert first.cameras == robot.camera_names
        assert first.images.shape == (len(robot.cameras), robot.image_height, robot.image_width, 3)
        assert first.state.shape == (14,)
        assert first.stamp_ns == first.state_stamp_ns == first.image_stamps_ns[0]
        stage.wait(lambda: client.observe().stamp_ns > first.stamp_ns, "a newer one")
        stage.node.destroy_timer(stage.timer)
        assert client.connection.wait(lambda: client.connection.heard("observation", 0.5) is None, 10.0)
        with pytest.raises(
            NoAnswer, match=r"^no observation came within 0.2 s in namespace '/finevla'; 'finevla status'"
        ):
            client.observe(timeout_s=0.2)
        stage.observe(stamp_ns=7)
        assert client.observe(timeout_s=20.0).stamp_ns == 7


@pytest.mark.parametrize(
    ("words", "options", "sentence"),
    [
        (" ", {}, "the instruction is empty"),
        ("go\a", {}, r"U\+0007 at character 3"),
        ("\udcff", {}, "not valid UTF-8"),
        (None, {}, "say words, not None"),
        ("go", {"fine": 3}, "say words, not 3"),
        ("go", {"colour": "red"}, "unknown factor 'colour'"),
        ("go", {"target_color": 3}, "factor 'target_color' is 3; give it in words"),
        ("go", {"target_color": ""}, "factor 'target_color' is given but empty"),
        ("go", {"target_color": ["red", "blue"]}, "factor 'target_color' has 2 texts; give one"),
        ("go", {"active_actor": "foot"}, "left_arm, right_arm, both_arms"),
        ("go", {"timeout_s": float("nan")}, "timeout_s is nan; give seconds from 0 on"),
        ("go", {"timeout_s": -1}, "timeout_s is -1; give seconds from 0 on"),
        (Instruction("go"), {"fine": "slowly"}, "give it alone"),
    ],
)
def test_what_is_no_instruction_is_refused_before_anybody_is_asked(
    nobody: Robot, words: object, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(FineVLAError, match=sentence) as refused:
        nobody.say(words, **options)
    assert "\n" not in str(refused.value)
    assert not isinstance(refused.value, NoAnswer)


@pytest.fixture
def nobody(ros_domain: str) -> Iterator[Robot]:
    """A robot where no stack is."""
    del ros_domain
    with Robot("nowhere") as client:
        yield client
