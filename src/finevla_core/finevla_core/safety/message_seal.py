"""Who speaks is known by more than a name: a key that the safety nodes of one stack share, and seals made with it.

It protects against mistakes, other users and neighbours on the network, not against the user who runs the stack: who may read
the key may seal. Seals are HMAC-SHA256; the key is never logged.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections import OrderedDict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.time_units import S_PER_NS

KEY_BYTES = 32
NODE_CHARACTERS = 256  # a longer name is nobody's
QUOTED = 60  # characters of what a stranger sends that a sentence repeats
STALE_S = 5.0  # the first trajectory of a node that was not heard before is no older; a recording is
DIGITS = 19  # of a sequence number
UNSEALED = "it carries no seal of this stack"
TOLD_S = 10.0  # what is forged is told once, and again with its count after this
INSTANCES = 16  # that a node had before and that are remembered


def key_folder(environment: Mapping[str, str]) -> Path:
    """Return where this user's keys are: `FINEVLA_KEY_DIR`, else `XDG_RUNTIME_DIR`/finevla, else ~/.finevla/keys."""
    if chosen := environment.get("FINEVLA_KEY_DIR"):
        return Path(chosen)
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "finevla"
    return Path(environment.get("HOME") or Path.home()) / ".finevla" / "keys"


def load_key(folder: Path, domain: int, namespace: str) -> bytes:
    """Return the key of the stack in a ROS domain and namespace; whoever comes first makes it.

    Raises `FineVLAError` where it cannot be made, or where others than this user could have read or changed it.
    """
    file = folder / f"{domain}-{namespace.strip('/').replace('/', '-')}.key"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_if_open(folder, folder.stat(), 0o022)
        if not file.exists():
            _make(file)
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as opened:
            _refuse_if_open(file, os.fstat(opened.fileno()), 0o077)
            key = opened.read(KEY_BYTES + 1)
    except OSError as error:
        text = f"the key of the safety nodes, {file}, cannot be used: {error.strerror}; mend it, or set FINEVLA_KEY_DIR"
        raise FineVLAError(text) from error
    if len(key) != KEY_BYTES:
        raise FineVLAError(f"the key of the safety nodes, {file}, is damaged; delete it and start the stack again")
    return key


def _make(file: Path) -> None:
    """A new key, whole or not at all; the one that somebody else made meanwhile stays."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(secrets.token_bytes(KEY_BYTES))
        os.link(new, file)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def _refuse_if_open(path: Path, found: os.stat_result, others: int) -> None:
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & others:
        what = "is not this user's alone"
        raise FineVLAError(
            f"the key of the safety nodes: {path} {what}; delete it, a new one is made at the next start"
        )


def seal_of(key: bytes, kind: str, *parts: bytes | str | int | bool) -> str:
    """Return the seal, 64 hexadecimal characters, over `parts` in their order; `kind` keeps uses of the key apart."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in (kind, *parts):
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        mac.update(len(data).to_bytes(8, "little") + data)
    return mac.hexdigest()


def is_right(seal: str, expected: str) -> bool:
    """Whether two seals are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(seal.encode("utf-8", "surrogatepass"), expected.encode())


class Signer:
    """Seals what one process of a safety node says; `instance` tells processes of the same name apart."""

    def __init__(self, key: bytes, node: str) -> None:
        self.node, self.instance = node, secrets.token_hex(8)
        self.beats = self.trajectories = self.statuses = 0
        self._key = key

    def heartbeat(self, stamp_ns: int, is_well: bool, text: str, challenge: int) -> tuple[int, str]:
        """Return sequence and seal of the next heartbeat."""
        self.beats += 1
        seal = heartbeat_seal(self._key, self.node, self.instance, self.beats, challenge, is_well, text, stamp_ns)
        return self.beats, f"{self.instance}#{seal}"

    def trajectory(self, controller: str, content: bytes) -> str:
        """Return the tag of the next trajectory: it travels as its header's frame, which no controller reads."""
        self.trajectories += 1
        seal = seal_of(self._key, "trajectory", self.node, self.instance, self.trajectories, controller, content)
        return f"{self.node}#{self.instance}#{self.trajectories}#{seal}"

    def status(self, stamp_ns: int, state: int, epoch: int, challenge: int) -> str:
        """Return the tag of the bridge's next status, over what the watchdog goes by; it travels as its header's frame."""
        self.statuses += 1
        seal = seal_of(self._key, "status", self.node, self.instance, self.statuses, stamp_ns, state, epoch, challenge)
        return f"{self.node}#{self.instance}#{self.statuses}#{seal}"


def heartbeat_seal(
    key: bytes, node: str, instance: str, sequence: int, challenge: int, is_well: bool, text: str, stamp_ns: int
) -> str:
    """Return the seal over all that a heartbeat says."""
    return seal_of(key, "heartbeat", node, instance, sequence, challenge, is_well, text, stamp_ns)


@dataclass(frozen=True)
class Sender:
    """Who sent a trajectory; `why` says why it counts as a stranger's, empty if it does not."""

    node: str = ""
    instance: str = ""
    why: str = ""


class TrajectoryCheck:
    """Tells the trajectories of this stack's `nodes` from those of strangers, copies and recordings among them.

    `own` is the signer of who listens. Another process under its name is a stranger, except where `may_be_two`.
    """

    def __init__(self, key: bytes, own: Signer, nodes: Collection[str], may_be_two: bool = False) -> None:
        self._key, self._own, self._nodes, self._may_be_two = key, own, frozenset(nodes), may_be_two
        self._instances: dict[str, str] = {own.node: own.instance}
        self._before: dict[str, deque[str]] = {}
        self._sequences: dict[tuple[str, str], int] = {}  # of instance and controller

    def heard(self, controller: str, tag: str, content: bytes, stamp_ns: int, clock_ns: int) -> Sender:
        """Judge one trajectory: its tag, what it says as bytes, and its stamp against the clock (0 = not known)."""
        if (parts := _parts_of(tag)) is None:
            return Sender(why=UNSEALED)
        node, instance, number, seal = parts
        sender = Sender(node, instance)
        if not is_right(seal, seal_of(self._key, "trajectory", node, instance, number, controller, content)):
            return _stranger(sender, "its seal is wrong")
        if node not in self._nodes:
            return _stranger(sender, f"{node[:QUOTED]} may not command the arms")
        if why := self._why_not(sender, stamp_ns, clock_ns):
            return _stranger(sender, why)
        if (sequence := number) <= self._sequences.get((instance, controller), 0):
            return _stranger(sender, f"it is a copy of one that {node} sent before")
        self._sequences[instance, controller] = sequence
        return sender

    def meet(self, node: str, instance: str) -> None:
        """Take the process of a node that is known to live by other words of its own: its first trajectory needs no stamp."""
        if node in self._nodes and node != self._own.node and instance not in self._before.get(node, ()):
            self._take(node, instance)

    def is_own(self, sender: Sender) -> bool:
        """Whether the listener sent it itself."""
        return sender.instance == self._own.instance and not sender.why

    def _why_not(self, sender: Sender, stamp_ns: int, clock_ns: int) -> str:
        """Why an instance of a node may not be one; a node that was started again is."""
        node, instance = sender.node, sender.instance
        known = self._instances.get(node)
        if instance == known:
            return ""
        if stamp_ns and clock_ns and (why := _why_recorded(stamp_ns, clock_ns)):
            return why
        if node == self._own.node and not self._may_be_two:
            return f"another {node} sent it"
        if not stamp_ns:  # "from now on", whenever that was said
            return f"it has no stamp, and is the first word of a {node}: it may be a recording"
        if node == self._own.node:
            return ""
        if instance in self._before.get(node, ()):
            return f"two processes send as {node}"
        self._take(node, instance)
        return ""

    def _take(self, node: str, instance: str) -> None:
        """Let `instance` be the process of a node from now on, and no longer the one that was."""
        known = self._instances.get(node)
        if known not in (None, instance):
            self._before.setdefault(node, deque(maxlen=INSTANCES)).append(known)
            self._sequences = {key: n for key, n in self._sequences.items() if key[0] != known}
        self._instances[node] = instance


class ForgedCounter:
    """Counts what is forged on a topic, and says when it is worth a sentence: at first, and then with its count."""

    def __init__(self) -> None:
        self._count, self._told_ns = 0, -1

    def tell(self, what: str, topic: str, now_ns: int) -> str:
        """Count one; return the sentence that is to be told now, or ""."""
        self._count += 1
        if self._told_ns >= 0 and (now_ns - self._told_ns) * S_PER_NS < TOLD_S:
            return ""
        count, self._count, self._told_ns = self._count, 0, now_ns
        times = f" ({count} times since it was last told)" if count > 1 else ""
        return f"{what}{times}; see who publishes on {topic}"


class StatusCheck:
    """Believes a status only of the bridge `node`, sealed, and none twice: else whoever speaks in the name of one that hangs
    would hide it. A bridge that was started again has a new instance, and counts from 1."""

    def __init__(self, key: bytes, node: str) -> None:
        self._key, self._node = key, node
        self._sequences: OrderedDict[str, int] = OrderedDict()
        self._forged = ForgedCounter()

    def why_not(self, tag: str, stamp_ns: int, state: int, epoch: int, challenge: int, clock_ns: int = 0) -> str:
        """Return why a status does not count, "" if it does. The first one of a process is of now by `clock_ns` (0 = any)."""
        if (parts := _parts_of(tag)) is None:
            return UNSEALED
        node, instance, number, seal = parts
        right = seal_of(self._key, "status", node, instance, number, stamp_ns, state, epoch, challenge)
        if node != self._node or not is_right(seal, right):
            return "its seal is wrong"
        if number <= self._sequences.get(instance, 0):
            return "it is a copy of one that was sent before"
        if clock_ns and instance not in self._sequences and (why := _why_recorded(stamp_ns, clock_ns)):
            return why
        self._sequences[instance] = number
        while len(self._sequences) > INSTANCES:
            self._sequences.popitem(last=False)
        return ""

    def tell(self, why: str, now_ns: int) -> str:
        """Count one that does not; return the sentence that is to be told now, or ""."""
        return self._forged.tell(f"a status of the safety bridge does not count: {why}", "safety/status", now_ns)


def _why_recorded(stamp_ns: int, clock_ns: int) -> str:
    """Return why the first word of a process is none of now, "" if it may be."""
    age_s = (clock_ns - stamp_ns) * S_PER_NS
    return f"it is a recording, stamped {age_s:.1f} s ago" if abs(age_s) > STALE_S else ""


def _parts_of(tag: str) -> tuple[str, str, int, str] | None:
    """Return node, instance, sequence number and seal of a tag; None if it is none."""
    parts = tag.split("#", 4)
    if len(parts) != 4 or len(parts[0]) > NODE_CHARACTERS or len(parts[2]) > DIGITS:
        return None
    if not (parts[2].isascii() and parts[2].isdigit()):
        return None
    return parts[0], parts[1], int(parts[2]), parts[3]


def _stranger(sender: Sender, why: str) -> Sender:
    return Sender(sender.node, sender.instance, why)
