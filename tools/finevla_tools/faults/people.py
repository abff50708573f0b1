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
from rclpy.qos import QoSProfile
from std_msgs.msg import Empty, String
from std_srvs.srv import SetBool, Trigger

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_interfaces.srv import AdoptPose, Approve, Authority, SetInstruction
from finevla_ros import qos
from finevla_tools.client import NoAnswer
from finevla_tools.faults.inject import Fault
from finevla_tools.faults.stranger import says

if TYPE_CHECKING:
    from finevla_tools.faults.inject import Injector

HOLDING, FOLLOWING = 1, 2
Act = Callable[["Injector"], None]


def does(act: Act) -> Fault:
    """Do something, and watch what comes of it."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        act(i)
        yield

    return fault


# Stops, however they are said.
def stop_topic(profile: QoSProfile) -> Fault:
    """On safety/stop."""
    return says(Empty, "safety/stop", lambda *_: Empty(), profile=profile)


def stop_text(profile: QoSProfile) -> Fault:
    """The word, on instruction/text."""
    return says(String, "instruction/text", lambda *_: String(data="stop"), profile=profile)


def stop_instruction(profile: QoSProfile) -> Fault:
    """The word, on instruction."""
    return says(msg.Instruction, "instruction", lambda *_: msg.Instruction(raw="stop"), profile=profile)


@contextlib.contextmanager
def stop_service(i: "Injector") -> Iterator[None]:
    """By safety/stop, the service."""
    if not i.client.call(Trigger, "safety/stop", Trigger.Request()).success:
        i.broken.append("the service did not say that it stopped")
    yield


@contextlib.contextmanager
def stop_by_policy(i: "Injector") -> Iterator[None]:
    """The word, by the policy's service set_instruction."""
    i.client.call(SetInstruction, "set_instruction", SetInstruction.Request(instruction=msg.Instruction(raw="stop")))
    yield


# Approvals.
def _answer(i: "Injector", number: int, is_yes: bool = True) -> Any:
    return i.client.call(Approve, "safety/approve", Approve.Request(number=number, is_yes=is_yes))


def shown(i: "Injector") -> int:
    """The number of the plan that is shown."""
    return int(i.client.newest["safety/pending_plan"].number)


def approve_wrongly(number: Callable[[int], int], before: Act = lambda _: None) -> Fault:
    """A yes to the plan that was shown, after something came between; or to another one. It must not count."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        seen = number(shown(i))
        before(i)
        answer = _answer(i, seen)
        if answer.success:
            i.broken.append(f"a yes to plan {seen} was taken: {answer.message}")
        yield

    return fault


def say_others(i: "Injector") -> None:
    """Other words."""
    words = i.sentence.replace("left", "right") if "left" in i.sentence else f"{i.sentence} with the right arm"
    i.client.say(Instruction(raw=words))
    i.client.wait(lambda: False, 0.3)


def say_stop(i: "Injector") -> None:
    """A stop word."""
    i.text.publish(String(data="stop"))
    i.client.wait(lambda: False, 0.3)


def press_stop(i: "Injector") -> None:
    """A stop."""
    i.stop.publish(Empty())
    i.client.wait(lambda: False, 0.3)


def turn_down(i: "Injector") -> None:
    """A no to it."""
    _answer(i, shown(i), False)


def step_again(i: "Injector") -> None:
    """Step mode off and on."""
    for data in (False, True):
        i.client.call(SetBool, "safety/step_mode", SetBool.Request(data=data))


def wait_too_long(i: "Injector") -> None:
    """More than an approval may take."""
    i.client.wait(lambda: False, 31.0)


def approve_twice(i: "Injector") -> None:
    """A yes, and the same again while it is followed."""
    number = shown(i)
    first = _answer(i, number)
    if not first.success:
        i.broken.append(f"a good yes was not taken: {first.message}")
    if _answer(i, number).success:
        i.broken.append("the same yes was taken twice")


def pending_spoofed(i: "Injector") -> AbstractContextManager[None]:
    """A stranger shows another plan under another number, and the operator says yes to that."""

    def make(injector: "Injector", number: int) -> Any:
        return msg.PendingPlan(number=10**6, client="/finevla/policy", names=list(i.robot.names))

    @contextlib.contextmanager
    def fault() -> Iterator[None]:
        with says(msg.PendingPlan, "safety/pending_plan", make, 20.0, qos.LATCHED)(i):
            i.client.wait(lambda: shown(i) == 10**6, 2.0)
            if _answer(i, 10**6).success:
                i.broken.append("a yes to a plan that the bridge never showed was taken")
            yield

    return fault()


# Authority.
def ask(i: "Injector", client: str, release: bool = False) -> Any:
    """Take or give back authority."""
    return i.client.call(Authority, "safety/authority", Authority.Request(client=client, release=release))


def own_name(i: "Injector") -> str:
    """The drill's."""
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
    """By a name that must be refused, in a moment and with a short sentence."""

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
