"""What the watchdog looks with: heartbeats, cameras that show old pictures, clocks that jump, rivals on a command topic.

Times are steady nanoseconds (`now_ns`), whatever the ROS clock does; each watch only observes and judges nothing.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_core.time_units import S_PER_NS


@dataclass
class HeartbeatMonitor:
    """Time since the last message of one sender; before the first it counts from `since_ns`, start plus grace time."""

    since_ns: int
    has_spoken: bool = False

    def heard(self, now_ns: int) -> None:
        """Note that a message was received at `now_ns`."""
        self.since_ns, self.has_spoken = now_ns, True

    def excuse(self, for_ns: int, now_ns: int) -> None:
        """Extend the deadline by `for_ns`, while the watchdog was not scheduled: messages may be queued but unread."""
        self.since_ns = min(self.since_ns + for_ns, max(now_ns, self.since_ns))

    def silent_s(self, now_ns: int) -> float:
        """Return the seconds since the last message, at least 0."""
        return max(0.0, (now_ns - self.since_ns) * S_PER_NS)


@dataclass
class Cameras:
    """Counts pictures that did not change although they must have, per camera.

    `carriers` says per camera which values move it `(D,)`. A simulated picture of a still scene is the same to the last
    bit, so without noise only the motion of its own carrier counts (measured: 0.01 rad of any of them changes it, and
    the fixed front camera often sees no arm). With noise, as every real sensor has it, any motion of the arms does.
    """

    carriers: Mapping[str, NDArray[np.bool_]]
    arms: NDArray[np.bool_]
    has_noise: bool
    moved_rad: float
    same: dict[str, int] = field(default_factory=dict)
    _hashes: dict[str, int] = field(default_factory=dict)
    _state: NDArray[np.float64] | None = None

    def saw(self, hashes: Mapping[str, int], state: NDArray[np.float64]) -> None:
        """One observation: content hash per camera, and the state `(D,)` that was measured with it."""
        before, self._state = self._state, np.array(state, np.float64)
        if before is None or before.shape != state.shape or state.shape != self.arms.shape:
            moved = np.zeros(self.arms.shape, np.bool_)
        else:
            moved = (abs(self._state - before) > self.moved_rad) & self.arms
        for camera, carried in self.carriers.items():  # whatever else an observation names is no camera of this robot
            if (content := hashes.get(camera)) is None:
                continue
            counts = self.arms if self.has_noise else carried
            if self._hashes.get(camera) != content:
                self.same[camera] = 0
            elif (moved & counts).any():
                self.same[camera] = self.same.get(camera, 0) + 1
            self._hashes[camera] = content

    def frozen(self, pictures: int) -> list[str]:
        """Cameras that have shown the same picture for so many more observations, in which they must have changed."""
        return [camera for camera, count in self.same.items() if count >= pictures]


def carrying_joints(urdf: str, link: str) -> set[str]:
    """Names of the movable joints between the root and a link; empty for a link that is fixed or not there."""
    above = {}
    for joint in ET.fromstring(urdf).iter("joint"):
        child, parent = joint.find("child"), joint.find("parent")
        if child is not None and parent is not None:
            above[child.get("link")] = (joint, parent.get("link"))
    found: set[str] = set()
    at: str | None = link
    while at in above:
        joint, at = above.pop(at)
        if joint.get("type") != "fixed":
            found.add(str(joint.get("name")))
    return found


@dataclass
class RosClock:
    """The ROS clock against the steady one. Scaled simulated time runs at any pace: there only jumps back count."""

    jump_s: float
    is_simulated: bool
    ran: HeartbeatMonitor
    jumped_s: float = 0.0
    jumped_ns: int | None = None
    _steady_ns: int | None = None
    _clock_ns: int = 0

    def tick(self, now_ns: int, clock_ns: int) -> None:
        """Compare; to be called often, for what counts is the jump between two calls."""
        if self._steady_ns is not None:
            ahead_s = (clock_ns - self._clock_ns) * S_PER_NS
            if not self.is_simulated:
                ahead_s -= (now_ns - self._steady_ns) * S_PER_NS
            if ahead_s < -self.jump_s or (ahead_s > self.jump_s and not self.is_simulated):
                self.jumped_s, self.jumped_ns = ahead_s, now_ns
            if clock_ns != self._clock_ns:
                self.ran.heard(now_ns)
        self._steady_ns, self._clock_ns = now_ns, clock_ns

    def still_s(self, now_ns: int) -> float:
        """For how long simulated time has stood still; the machine's own clock cannot."""
        return self.ran.silent_s(now_ns) if self.is_simulated else 0.0


@dataclass
class PublisherConflictMonitor:
    """Who publishes on the command topics besides one bridge and the watchdog itself.

    DDS tells of a publisher before it tells whose it is: one without a name counts only when it stays without. And it tells
    of one that was killed for 20 s more: a second bridge counts at once, or only after `second_ns` for who hears them speak.
    """

    bridge: str
    watchdog: str
    nameless_ns: int = 1_000_000_000
    second_ns: int = 0
    _by_topic: dict[str, str] = field(default_factory=dict)
    _nameless_since_ns: dict[str, int] = field(default_factory=dict)
    _second_since_ns: dict[str, int] = field(default_factory=dict)

    def seen(self, topic: str, names: Sequence[str], now_ns: int) -> None:
        """The fully qualified node names of all publishers on one topic; an empty one is not known yet."""
        rivals = sorted(set(names) - {self.bridge, self.watchdog, ""})
        if list(names).count(self.bridge) > 1:
            if now_ns - self._second_since_ns.setdefault(topic, now_ns) >= self.second_ns:
                rivals.append(f"a second {self.bridge}")
        else:
            self._second_since_ns.pop(topic, None)
        if "" in names:
            since_ns = self._nameless_since_ns.setdefault(topic, now_ns)
            if now_ns - since_ns >= self.nameless_ns:
                rivals.append("a publisher without a name")
        else:
            self._nameless_since_ns.pop(topic, None)
        self._by_topic[topic] = ", ".join(rivals)

    def found(self) -> dict[str, str]:
        """Topics with rivals, and who they are."""
        return {topic: who for topic, who in self._by_topic.items() if who}


def carriers(urdf: str, joints: Collection[str], frames: Mapping[str, str]) -> dict[str, NDArray[np.bool_]]:
    """Per camera (name to frame) which of `joints` move it, `(D,)`."""
    above = {camera: carrying_joints(urdf, frame) for camera, frame in frames.items()}
    return {camera: np.array([joint in names for joint in joints]) for camera, names in above.items()}


@dataclass
class EpochMonitor:
    """Whether one bridge speaks or two, or another one, by the epochs in what they say: each reset begins the next one."""

    remember_ns: int = 1_000_000_000
    epoch: int | None = None
    _heard_older_ns: int | None = None

    def heard(self, epoch: int, now_ns: int) -> bool:
        """A status of some bridge; True if it is another one than that which spoke before."""
        before, self.epoch = self.epoch, epoch
        if before is not None and epoch < before:
            self._heard_older_ns = now_ns
        return before is not None and epoch not in (before, before + 1)

    def are_two(self, now_ns: int) -> bool:
        """Whether an older bridge spoke just now although a newer one has."""
        return self._heard_older_ns is not None and now_ns - self._heard_older_ns < self.remember_ns


@dataclass
class Strangers:
    """Trajectories that neither the bridge nor a watchdog of this stack sent, and by whose description."""

    told_ns: int = 1_000_000_000  # a stranger is over at once; for so long it is still a finding
    newest_ns: int | None = None
    _who: dict[str, str] = field(default_factory=dict)

    def heard(self, controller: str, who: str, now_ns: int) -> None:
        """One on a controller's topic."""
        if self.newest_ns is None or now_ns - self.newest_ns >= self.told_ns:
            self._who.clear()
        self._who.setdefault(controller, who)
        self.newest_ns = now_ns

    def who(self, now_ns: int) -> str:
        """Who commanded what, as long as it is a finding."""
        is_over = self.newest_ns is None or now_ns - self.newest_ns >= self.told_ns
        return "" if is_over else "; ".join(self._who.values())

    def was_heard_since(self, since_ns: int) -> bool:
        """Whether the newest one came then or later."""
        return self.newest_ns is not None and self.newest_ns >= since_ns


@dataclass
class OtherWatchdogs:
    """Other processes of this stack's watchdog. Who starts beside a running one refuses; two that run stop, one brakes."""

    starting_beats: int = 20  # a second at 20 Hz
    refusing_ns: int = 500_000_000  # a newcomer that hears us ends within this
    alive_ns: int = 1_000_000_000
    _own: str = ""
    _heard: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # first and last time, last sequence

    def heard(self, instance: str, sequence: int, own: str, own_sequence: int, now_ns: int) -> str:
        """A sealed heartbeat of another one; why we must not start, "" if we may or run already."""
        self._own = own
        self._heard = {i: h for i, h in self._heard.items() if now_ns - h[1] < self.alive_ns}
        known = self._heard.get(instance)
        if known is not None and sequence <= known[2]:
            return ""  # a copy
        self._heard[instance] = known[0] if known is not None else now_ns, now_ns, sequence
        if known is None or own_sequence >= self.starting_beats or (sequence, instance) < (own_sequence, own):
            return ""
        return "another watchdog of this stack is running already; end it before this one starts"

    def are_two(self, now_ns: int) -> bool:
        """Whether another one goes on."""
        return any(now - first >= self.refusing_ns for first, now, _ in self._alive(now_ns).values())

    def brakes_first(self, now_ns: int) -> bool:
        """Whether another one brakes and we do not: the one whose instance is the smallest brakes."""
        return self.are_two(now_ns) and min(self._alive(now_ns)) < self._own

    def _alive(self, now_ns: int) -> dict[str, tuple[int, int, int]]:
        return {i: h for i, h in self._heard.items() if now_ns - h[1] < self.alive_ns}
