"""People and programs who speak to the stack's doors: stops, approvals, authority, resets, parameters, lifecycle."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Empty, String
from std_srvs.srv import SetBool, Trigger

from finevla_client.errors import NoAnswer
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_interfaces.srv import AdoptPose, Approve, Authority, SetInstruction
from finevla_ros import qos
from finevla_tools.faults.fault_injection import Fault
from finevla_tools.faults.foreign_publisher import says

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector

HOLDING, FOLLOWING = 1, 2
Act = Callable[["Injector"], None]


def does(act: Act) -> Fault:
    """Make a fault of one action: it runs `act(injector)` and leaves nothing to undo."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        act(i)
        yield

    return fault


# Stops, however they are said.
AGAIN_HZ = 20.0


def _rate_hz(profile: QoSProfile) -> float:
    """Return how often it is said: what is sent best effort is lost on a listener that has not found its sender yet."""
    return AGAIN_HZ if profile.reliability is ReliabilityPolicy.BEST_EFFORT else 0.0


def stop_topic(profile: QoSProfile) -> Fault:
    """Publish a stop on safety/stop with this QoS profile."""
    return says(Empty, "safety/stop", lambda *_: Empty(), _rate_hz(profile), profile)


def stop_text(profile: QoSProfile) -> Fault:
    """Publish the word "stop" on instruction/text with this QoS profile."""
    return says(String, "instruction/text", lambda *_: String(data="stop"), _rate_hz(profile), profile)


def stop_instruction(profile: QoSProfile) -> Fault:
    """Publish an instruction "stop" on topic instruction with this QoS profile."""
    return says(msg.Instruction, "instruction", lambda *_: msg.Instruction(raw="stop"), _rate_hz(profile), profile)


@contextlib.contextmanager
def stop_service(i: "Injector") -> Iterator[None]:
    """Call the service safety/stop; note a broken promise if it does not report success."""
    if not i.client.call(Trigger, "safety/stop", Trigger.Request()).success:
        i.broken.append("the service did not say that it stopped")
    yield


@contextlib.contextmanager
def stop_by_policy(i: "Injector") -> Iterator[None]:
    """Call the policy's service set_instruction with the word "stop"."""
    i.client.call(SetInstruction, "set_instruction", SetInstruction.Request(instruction=msg.Instruction(raw="stop")))
    yield


# Approvals.
def _answer(i: "Injector", number: int, is_yes: bool = True) -> Any:
    return i.client.call(Approve, "safety/approve", Approve.Request(number=number, is_yes=is_yes))


def pending_number(i: "Injector") -> int:
    """Return the number of the plan that is pending approval."""
    return int(i.client.newest["safety/pending_plan"].number)


def approve_wrongly(number: Callable[[int], int], before: Act = lambda _: None) -> Fault:
    """Approve plan `number(n)`, n the one shown, after `before(i)`; an accepted approval breaks the promise."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        seen = number(pending_number(i))
        before(i)
        answer = _answer(i, seen)
        if answer.success:
            i.broken.append(f"a yes to plan {seen} was taken: {answer.message}")
        yield

    return fault


def say_others(i: "Injector") -> None:
    """Give a different instruction (the other arm), and wait 0.3 s."""
    words = i.sentence.replace("left", "right") if "left" in i.sentence else f"{i.sentence} with the right arm"
    i.client.say(Instruction(raw=words))
    i.client.wait(lambda: False, 0.3)


def say_stop(i: "Injector") -> None:
    """Publish the word "stop" on instruction/text, and wait 0.3 s."""
    i.text.publish(String(data="stop"))
    i.client.wait(lambda: False, 0.3)


def press_stop(i: "Injector") -> None:
    """Publish a stop on safety/stop, and wait 0.3 s."""
    i.stop.publish(Empty())
    i.client.wait(lambda: False, 0.3)


def turn_down(i: "Injector") -> None:
    """Refuse the plan that is pending approval."""
    _answer(i, pending_number(i), False)


def step_again(i: "Injector") -> None:
    """Switch step mode off and on again."""
    for data in (False, True):
        i.client.call(SetBool, "safety/step_mode", SetBool.Request(data=data))


def wait_too_long(i: "Injector") -> None:
    """Wait 31 s, longer than an approval may take."""
    i.client.wait(lambda: False, 31.0)


def approve_twice(i: "Injector") -> None:
    """Approve the pending plan, and approve it again while it is followed: the second must be refused."""
    number = pending_number(i)
    first = _answer(i, number)
    if not first.success:
        i.broken.append(f"a good yes was not taken: {first.message}")
    if _answer(i, number).success:
        i.broken.append("the same yes was taken twice")


def pending_spoofed(i: "Injector") -> AbstractContextManager[None]:
    """Show a forged plan under another number and approve that: the approval must be refused."""

    def make(injector: "Injector", number: int) -> Any:
        return msg.PendingPlan(number=10**6, client="/finevla/policy", names=list(i.robot.names))

    @contextlib.contextmanager
    def fault() -> Iterator[None]:
        with says(msg.PendingPlan, "safety/pending_plan", make, 20.0, qos.LATCHED)(i):
            i.client.wait(lambda: pending_number(i) == 10**6, 2.0)
            if _answer(i, 10**6).success:
                i.broken.append("a yes to a plan that the bridge never showed was taken")
            yield

    return fault()


# Authority.
def ask(i: "Injector", client: str, release: bool = False) -> Any:
    """Request authority for `client`, or release it; return the service's answer."""
    return i.client.call(Authority, "safety/authority", Authority.Request(client=client, release=release))


def own_name(i: "Injector") -> str:
    """Return the fully qualified name of the drill's own node."""
    return str(i.client.node.get_fully_qualified_name())


@contextlib.contextmanager
def authority_kept(i: "Injector") -> Iterator[None]:
    """The operator takes authority from the policy; for 3 s nobody else may have it, or move."""
    with contextlib.suppress(NoAnswer):
        ask(i, i.client.newest["safety/status"].client, True)
        answer = ask(i, own_name(i))
        if not answer.success:
            i.notes.append(f"authority was refused: {answer.message[:80]}")
        until_s = time.monotonic() + 3.0
        taken = {str(i.client.newest["safety/status"].client)}
        while answer.success and time.monotonic() < until_s:
            i.client.wait(lambda: False, 0.1)
            taken.add(str(i.client.newest["safety/status"].client))
            if time.monotonic() > until_s - 2.5 and taken != {own_name(i)}:
                taken.discard(own_name(i))
                i.broken.append(f"who took authority lost it to {', '.join(taken) or 'nobody'}")
                break
            taken = {str(i.client.newest["safety/status"].client)}
    yield
    ask(i, own_name(i), True)


def authority_named(name: str, release: bool = False) -> Fault:
    """Request authority under a name that must be refused at once with a short sentence."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        began_s = time.monotonic()
        try:
            answer = ask(i, name, release)
            if answer.success:
                i.broken.append(f"authority {'of' if release else 'for'} '{name[:40]}' was granted")
                ask(i, name, True)
            if len(answer.message) > 1000 or len(answer.holder) > 300:
                i.broken.append(f"the answer has {len(answer.message) + len(answer.holder)} characters")
        except NoAnswer as error:
            i.broken.append(str(error))
        i.notes.append(f"answered in {time.monotonic() - began_s:.2f} s")
        if len(i.client.newest["safety/status"].client) > 256:
            i.broken.append("the name is in every status from now on")
        yield

    return fault


@contextlib.contextmanager
def taker_vanishes(i: "Injector") -> Iterator[None]:
    """Somebody takes authority at rest, and is gone; a few seconds later it must be free."""
    i.stranger.node("vanishing")
    i.client.wait(lambda: "vanishing" in i.client.node.get_node_names(), 3.0)
    i.client.wait(lambda: False, 1.5)
    name = f"/{i.client.namespace}/vanishing"
    if not ask(i, name).success:
        i.broken.append("authority at rest was refused")
    i.client.wait(lambda: False, 1.5)
    i.stranger.leave("vanishing")
    yield
    if not i.client.wait(lambda: i.client.newest["safety/status"].client != name, 10.0):
        i.broken.append("who is gone keeps authority")
        ask(i, name, True)


# Resets while the cause stands.
def insists(fault: Callable[["Injector"], AbstractContextManager[None]], observable_s: float) -> Fault:
    """While a cause stands, somebody asks for reset and adoption again and again; neither may be granted."""

    @contextlib.contextmanager
    def all_of_it(i: "Injector") -> Iterator[None]:
        with fault(i):
            i.client.wait(lambda: i.client.newest["safety/status"].state == 3, observable_s + 2.0)
            until_s = time.monotonic() + 1.5
            while time.monotonic() < until_s:
                with contextlib.suppress(NoAnswer):
                    i.client.call(AdoptPose, "safety/adopt", AdoptPose.Request(confirm=True))
                    answer = i.client.call(Trigger, "safety/reset", Trigger.Request())
                    if answer.success and i.client.newest["safety/status"].state in (HOLDING, FOLLOWING):
                        i.client.wait(lambda: False, 0.3)
                        if i.client.newest["safety/status"].state in (HOLDING, FOLLOWING):
                            i.broken.append(f"a reset was granted while its cause stood: {answer.message}")
                            break
                i.client.wait(lambda: False, 0.1)
            yield

    return all_of_it


# Parameters and lifecycle.
def sets(node: str, **values: Any) -> Fault:
    """Parameters of a safety node at run time; none may be taken."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        request = SetParameters.Request(
            parameters=[Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]
        )
        results = []
        with contextlib.suppress(FineVLAError):  # nobody serves it, and so nothing can be set
            results = i.client.call(SetParameters, f"{node}/set_parameters", request).results
        for name, result in zip(values, results, strict=False):
            if result.successful:
                i.broken.append(f"parameter {name} of {node} was set at run time")
        yield

    return fault


def lifecycle(times: int, *transitions: int) -> Fault:
    """Transitions of the policy, again and again."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        for _ in range(times):
            for number in transitions:
                request = ChangeState.Request(transition=Transition(id=number))
                with contextlib.suppress(FineVLAError):
                    i.client.call(ChangeState, "policy/change_state", request)
        yield

    return fault


@contextlib.contextmanager
def activated_afterwards(i: "Injector") -> Iterator[None]:
    """When the rest is over, the operator activates a policy that was deactivated."""
    yield
    i.client.wait(lambda: False, 1.5)  # it listens whether who was there before is gone
    if i.client.newest["policy/status"].state == "inactive":
        request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
        i.client.call(ChangeState, "policy/change_state", request)
        i.notes.append("the policy activated")
