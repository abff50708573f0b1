"""Whether the robot is the one that motion is planned with: its description, and the controllers that follow commands.

Unknown means hold: with ros2_control nothing moves before both have been heard and agree.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finevla_core.embodiment import Controller, Embodiment
from finevla_core.errors import FineVLAError, quoted
from finevla_core.robot_description import differences, read_joints

ANSWER_S = 10.0  # controller_manager answers once a second; it is held up for some seconds while it loads a controller
ACTIVE = "active"


@dataclass(frozen=True)
class ListedController:
    """A controller as controller_manager lists it: its state, and the command interfaces that it claims, in its order."""

    name: str
    state: str
    interfaces: tuple[str, ...] = ()


class RobotCheck:
    """What was heard of the robot; `why_not` says in one sentence why the arms must not be commanded, or "".

    `controller_manager` is the full name of the node whose controllers drive the arms, empty where others play them (a
    simulator, a vendor's driver): then only a description that differs is a reason.
    """

    def __init__(
        self,
        embodiment: Embodiment,
        urdf: str,
        controller_manager: str = "",
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._embodiment, self._ours = embodiment, read_joints(urdf)
        self._manager, self._steady_ns = controller_manager, steady_ns
        self._heard = ""  # the description that was compared last
        self._other = ""  # what was wrong with one; stays, for whoever heard that one goes by it
        self._is_open = True  # whether the next one is compared
        self._answered_ns: int | None = None
        self._controllers = ""

    @property
    def is_other(self) -> bool:
        """Whether a description was heard that differs."""
        return bool(self._other)

    def on_description(self, urdf: str) -> None:
        """A robot_description that somebody published; after one that differs no other is looked at until `reconsider`."""
        if self._other and not self._is_open:
            return
        if urdf == self._heard and not self._other:
            return
        self._is_open = False
        try:
            found = differences(self._ours, read_joints(urdf))
        except FineVLAError as error:
            found = [f"it cannot be read: {error}"]
        self._other = ""
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            self._other = (
                f"robot_description is not the robot that motion is planned with: {found[0]}{more}; see who publishes it,"
                " end that one, or let 'urdf' in the robot file be it and start the stack again"
            )
        self._heard = urdf

    def reconsider(self, is_published: bool) -> bool:
        """After one that differs, when others publish descriptions than did: return whether all are to be heard again.

        The verdict stays until the first of them is compared; it goes at once if nobody publishes one any more.
        """
        if not self._other:
            return False
        self._is_open = True
        if not is_published:
            self._other = self._heard = ""
        return is_published

    def on_controllers(self, listed: Sequence[ListedController]) -> None:
        """Take in the list of controllers that controller_manager reports, and compare it with the robot file."""
        self._answered_ns = self._steady_ns()
        by_name = {controller.name: controller for controller in listed}
        trouble = (self._trouble(c, by_name.get(c.name)) for c in self._embodiment.controllers)
        self._controllers = next(filter(None, trouble), "")

    def on_trouble(self, text: str) -> None:
        """A sentence why controller_manager cannot even be asked."""
        self._answered_ns, self._controllers = self._steady_ns(), text

    def why_not(self) -> str:
        """Return why the arms must not be commanded, "" if they may."""
        if self._other or not self._manager:
            return self._other
        if not self._heard:
            return "no robot_description was heard yet; start robot_state_publisher (ros2 run finevla_control ...)"
        if self._answered_ns is None or (self._steady_ns() - self._answered_ns) * 1e-9 > ANSWER_S:
            return f"{self._manager} does not say which controllers are active; start it, or see in its log why it does not"
        return self._controllers

    def _trouble(self, expected: Controller, listed: ListedController | None) -> str:
        name, manager = expected.name, self._manager
        if listed is None:
            return f"controller {name} is not loaded; ros2 run controller_manager spawner {name} -c {manager}"
        if listed.state != ACTIVE:
            return (
                f"controller {name} is {quoted(listed.state, 20)}, not active; see why in the log of {manager}, then"
                f" ros2 control switch_controllers -c {manager} --activate {name}"
            )
        joints = tuple(dict.fromkeys(interface.rpartition("/")[0] for interface in listed.interfaces))
        if joints != expected.joints:
            said = ", ".join(joints)[:200] or "none"
            return (
                f"controller {name} commands the joints {said}, the robot file has {', '.join(expected.joints)};"
                " let both be the same, in the same order"
            )
        return ""
