"""The robot of a running stack, for programs: words, observations, motions, stops, each with its result or a sentence why not.

Nothing here commands an arm: words go to the policy, motions to the motion node, and the safety bridge judges what both send.
"""

import contextlib
import math
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Self

from finevla_client.connection import Connection
from finevla_client.errors import MotionFailed, NoAnswer, Refusal
from finevla_client.motion_goal import MotionGoal
from finevla_client.results import (
    BridgeAnswer,
    FollowingAnswer,
    InstructionAnswer,
    MotionResult,
    RecorderAnswer,
    RobotStatus,
    bridge_summary,
    policy_summary,
)
from finevla_core.errors import FineVLAError, unknown
from finevla_core.instruction import EMPTY_FACTOR, Factors, Instruction, check_signs
from finevla_core.observation import Observation
from finevla_core.stop_words import stop_word
from finevla_interfaces import msg
from finevla_interfaces.action import GoTo
from finevla_interfaces.srv import StartEpisode, StopEpisode
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import KIB, read, subscribe
from finevla_ros.messages import observation_from_msg

READY_S = 5.0
OBSERVATION_S = 2.0
FRESH_S = 0.5  # an observation that came within this is of now: robots send 10 a second and more
MOST_OBSERVATION_BYTES = 256 * KIB * KIB  # ten pictures in 4K
HEARTBEAT_S = 0.5  # the slowest one of policy/status
RECORDER_S = 5.0
LAG_S, AGAIN_S = 1.0, 0.05  # within this the motion node has heard what the policy says, and how often it is asked
SLOTS = tuple(slot.name for slot in fields(Factors))


class Robot:
    """Use it in a `with` statement, or `close` it; one that is forgotten is closed when the program ends.

    Its methods may be called from several threads: a stop passes while a motion runs in another one. What the stack says
    no to, or does not answer, is raised with one sentence (`finevla_client.errors`; all are `FineVLAError`).

    Args:
        namespace: Of the stack.
        name: Of this program's node.
        notify: Given a sentence for a person where nothing is heard for a moment.

    Raises:
        FineVLAError: For what is no namespace or no name of a node.
    """

    def __init__(
        self, namespace: str = "finevla", name: str = "finevla_client", notify: Callable[[str], None] | None = None
    ) -> None:
        connection = Connection(namespace, name, notify)
        self.connection, self._motions, self._is_looking = connection, set[MotionGoal](), False
        self._said = ""  # id of the newest instruction that was accepted from here ...
        self._said_s = 0.0  # ... and when it was said
        self._close = weakref.finalize(self, _end, connection, self._motions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel the motions that were asked for here, which brakes them, and leave the ROS graph; harmless when done."""
        self._close()

    def say(
        self,
        words: str | Instruction,
        fine: str = "",
        timeout_s: float = READY_S,
        **factors: str | Sequence[str],
    ) -> InstructionAnswer:
        """Steer by one instruction, and return what it was taken for, before anything moves.

        Words that mean stop ("stop", "halt", "别动", ...) wait for nothing: they end what moves, whoever hears them.

        Args:
            words: What to do, "reach the red cube with the left arm", or an instruction that is made already.
            fine: How to do it, in words.
            timeout_s: How long to wait for a stack that is ready.
            factors: Slots of `finevla_core.instruction.Factors` by name, `target_color="red"`.

        Raises:
            FineVLAError: For what is no instruction.
            NoAnswer: Where no stack is, or a part of it is missing.
            BridgeStopped: A reset comes first.
            Refusal: With the policy's reason; `unknown` has the words that it does not know.
        """
        connection = self.connection
        if stop := _stop_in(words, fine):  # no mistake beside it is in its way
            return InstructionAnswer("", connection.say_stop(stop))
        instruction = _instruction(words, fine, factors)
        connection.wait(lambda: connection.is_ready() or connection.is_stopped(), _seconds(timeout_s))
        if not connection.is_stopped():
            connection.wait_until_ready(timeout_s=0.0)
        began_s = time.monotonic()
        answer = connection.say(instruction)
        self._said, self._said_s = answer.id, began_s
        return answer

    def wait_until_followed(self, answer: InstructionAnswer, timeout_s: float) -> FollowingAnswer:
        """Wait until the arms follow an instruction that was accepted, or it is over, or `timeout_s` has passed."""
        connection, since_s = self.connection, time.monotonic()
        if not answer.id:
            return FollowingAnswer(False, f"it is over: {answer.message}")

        def is_followed() -> bool:
            status = connection.newest.get("safety/status")
            return status is not None and bool(status.instruction_id == answer.id)

        def is_over() -> bool:
            """The policy's heartbeat says so; one that is not newer than the answer may be of the time before it."""
            is_newer = connection.received_s.get("policy/status", -1e9) > since_s + HEARTBEAT_S
            return is_newer and bool(connection.newest["policy/status"].instruction_id != answer.id)

        connection.wait(lambda: is_followed() or is_over(), _seconds(timeout_s))
        if is_over():
            return FollowingAnswer(
                False, f"it is over: {connection.newest['policy/status'].refusal or 'other words came'}"
            )
        bridge = self.status().bridge
        if bridge is None:
            raise NoAnswer("the safety bridge is not heard any more; look at its output")
        return FollowingAnswer(is_followed(), f"the bridge is {bridge.state.name.lower()}: {bridge.reason}")

    def observe(self, timeout_s: float = OBSERVATION_S) -> Observation:
        """Return the newest observation: pictures, joint values and their stamps.

        It is one that came within the last half second, else the next one. From the first call on all of them are
        received; they are read when they are asked for.

        Raises:
            NoAnswer: If none comes within `timeout_s`.
        """
        connection = self.connection
        if not self._is_looking:
            connection.check_open()
            self._is_looking = True
            subscribe(
                connection.node,
                msg.Observation,
                "observation",
                lambda data: connection.remember("observation", data),
                qos.NEWEST,
                most_bytes=MOST_OBSERVATION_BYTES,
                unread=True,
            )
        if not connection.wait(lambda: connection.heard("observation", FRESH_S) is not None, _seconds(timeout_s)):
            raise NoAnswer(
                f"no observation came within {timeout_s:g} s in namespace '/{connection.namespace}'; "
                "'finevla status' shows what is missing"
            )
        seen: Observation = observation_from_msg(read(connection.newest["observation"], msg.Observation))
        return seen

    def go(self, pose: str = "", *, speed: float = 0.0, timeout_s: float = math.inf, **values: float) -> MotionResult:
        """Move to a pose of the robot file, to values, or to both (values win), round what is in the way; wait for the end.

        An instruction that was said here ends first, one of somebody else is a refusal. Ctrl-C and whatever else ends the
        waiting cancels the motion: the arms brake and hold.

        Args:
            pose: Its name, "home".
            speed: Share of the limits, above 0 and up to 1; 0 = the motion node's own.
            timeout_s: After which it is cancelled.
            values: By name, `left_joint1=0.2`: rad, grippers 0 closed to 1 open. The others stay where they are.

        Raises:
            MotionFailed: With the motion node's reason: refused, stopped, turned down, not there in time.
            NoAnswer: Where no motion node is, or it is silent.
        """
        _seconds(timeout_s)
        for name in (str(pose), *values):
            check_signs(name, "a name")
        if not 0.0 <= (share := _number("speed", speed)) <= 1.0:
            raise FineVLAError(f"speed is {speed}; give a share of the limits, above 0 and up to 1")
        numbers = [_number(name, value) for name, value in values.items()]
        goal = GoTo.Goal(pose_name=str(pose), names=list(values), values=numbers, speed_scale=share)
        until_s = time.monotonic() + (LAG_S if self._end_own_instruction() else 0.0)
        while True:
            try:
                return self._move(goal, timeout_s)
            except MotionFailed as error:  # the motion node may not have heard yet that the instruction is over
                if not str(error).startswith("the policy follows ") or time.monotonic() > until_s:
                    raise
            self.connection.wait(lambda: False, AGAIN_S)

    def _end_own_instruction(self) -> bool:
        """Whether the active instruction was said here, and is over now."""
        connection, said = self.connection, self._said
        if not said:
            return False

        def is_active() -> bool:
            return bool(connection.newest["active_instruction"].id == said)

        # The service's answer may have been faster than the topic.
        if not connection.wait(lambda: connection.received_s.get("active_instruction", 0.0) > self._said_s, LAG_S):
            return False
        self._said = ""
        if not is_active():
            return False
        connection.say(Instruction(raw="stop"))
        connection.wait(lambda: not is_active(), LAG_S)
        return True

    def _move(self, goal: GoTo.Goal, timeout_s: float) -> MotionResult:
        motion = MotionGoal(self.connection, GoTo, "go_to", goal)
        self._motions.add(motion)
        try:
            motion.send()
            is_over = motion.wait(timeout_s)
            if not is_over:
                motion.cancel()
        except BaseException:  # nobody waits for it any more
            with contextlib.suppress(FineVLAError):
                motion.cancel()
            raise
        finally:
            self._motions.discard(motion)
        try:
            return MotionResult(motion.result())
        except MotionFailed as error:
            raise error if is_over else MotionFailed(f"not there after {timeout_s:g} s: {error}") from None

    def stop(self) -> BridgeAnswer:
        """Stop the arms at once; they stay so until a reset. A result means that the bridge confirmed it.

        Raises:
            NoAnswer: It did not; if the arms move, use the emergency stop.
        """
        return BridgeAnswer(self.connection.stop())

    def reset(self) -> BridgeAnswer:
        """Leave a stop. It only permits: the arms rest until new words come. A result means that the bridge confirmed it.

        Raises:
            NoAnswer: Where no bridge is.
            Refusal: With the bridge's reason.
        """
        self.connection.wait_for_bridge()
        return BridgeAnswer(self.connection.reset_bridge())

    def status(self, timeout_s: float = OBSERVATION_S) -> RobotStatus:
        """Return what policy and bridge say of themselves; waits for both, at most `timeout_s`.

        What it says of the policy may be half a second old, of the bridge 40 ms.

        Raises:
            NoAnswer: If neither is heard.
        """
        connection = self.connection

        def heard() -> tuple[object, object]:
            return connection.heard("policy/status"), connection.heard("safety/status")

        connection.wait(lambda: None not in heard(), _seconds(timeout_s))
        policy, bridge = heard()
        if policy is None and bridge is None:
            raise NoAnswer(f"no stack answers in namespace '/{connection.namespace}'; start one with 'finevla up'")
        return RobotStatus(
            None if policy is None else policy_summary(policy), None if bridge is None else bridge_summary(bridge)
        )

    def record(self, task: str = "", operator: str = "", scene: str = "") -> RecorderAnswer:
        """Begin an episode; the labels are stored with it. Raises `NoAnswer` without a recorder, `Refusal` with its reason."""
        for what, text in (("task", task), ("operator", operator), ("scene", scene)):
            _check_text(text, f"the {what}")
        self.connection.wait_for_recorder(RECORDER_S)
        request = StartEpisode.Request(task=task, operator_name=operator, scene=scene)
        return _recorder_answer(self.connection.call(StartEpisode, "recorder/start", request))

    def stop_recording(self, outcome: str = "") -> RecorderAnswer:
        """End the episode; `outcome` is "success", "failure", "discard" or a sentence. Raises as `record` does."""
        _check_text(outcome, "the outcome")
        self.connection.wait_for_recorder(RECORDER_S)
        return _recorder_answer(
            self.connection.call(StopEpisode, "recorder/stop", StopEpisode.Request(outcome=outcome))
        )


def _end(connection: Connection, motions: set[MotionGoal]) -> None:
    """Without the robot itself, which must not be kept alive for its end."""
    for motion in tuple(motions):
        with contextlib.suppress(FineVLAError):
            motion.cancel()
    connection.close()


def _stop_in(words: str | Instruction, fine: str) -> str:
    """The text that means stop, "" if there is none; raises `FineVLAError` for what are no words."""
    texts = (words.raw, words.fine) if isinstance(words, Instruction) else (words, fine)
    for text in texts:
        if not isinstance(text, str):
            raise FineVLAError(f"say words, not {text!r}")
    return next(filter(stop_word, texts), "")


def _instruction(words: str | Instruction, fine: str, factors: dict[str, str | Sequence[str]]) -> Instruction:
    if not isinstance(words, Instruction):
        return Instruction(raw=words, fine=fine, factors=_factors(factors))
    if fine or factors:
        raise FineVLAError("an instruction that is made already has its fine text and its factors; give it alone")
    return words


def _factors(said: dict[str, str | Sequence[str]]) -> Factors:
    slots: dict[str, object] = {}
    for name, value in said.items():
        if name not in SLOTS:
            raise FineVLAError(unknown("factor", name, SLOTS))
        texts = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not all(isinstance(text, str) for text in texts):
            raise FineVLAError(f"factor '{name}' is {value!r}; give it in words")
        if not texts or not all(text.strip() for text in texts):
            raise FineVLAError(EMPTY_FACTOR.format(name=name))
        if name != "action_sequence" and len(texts) > 1:
            raise FineVLAError(f"factor '{name}' has {len(texts)} texts; give one")
        slots[name] = texts if name == "action_sequence" else texts[0]
    return Factors(**slots)  # type: ignore[arg-type]


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise FineVLAError(f"'{name}' is {value!r}; give a number") from None


def _seconds(timeout_s: float) -> float:
    if not _number("timeout_s", timeout_s) >= 0.0:  # NaN neither
        raise FineVLAError(f"timeout_s is {timeout_s}; give seconds from 0 on")
    return timeout_s


def _check_text(text: object, where: str) -> None:
    if not isinstance(text, str):
        raise FineVLAError(f"{where} is {text!r}; give it in words")
    check_signs(text, where)


def _recorder_answer(response: StartEpisode.Response | StopEpisode.Response) -> RecorderAnswer:
    if not response.success:
        raise Refusal(response.message)
    return RecorderAnswer(str(response.episode), str(response.message))
