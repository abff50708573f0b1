"""CAN interfaces as the kernel tells them (`ip`, from iproute2): present, up, not bus-off, 1 Mbit/s."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_tools.commissioning.step_outcome import StepOutcome, failed, passed, skipped

BITRATE = 1_000_000  # the Piper's
KIND = "280"  # ARPHRD_CAN: what the kernel calls a CAN interface
NETWORK = Path("/sys/class/net")


@dataclass(frozen=True)
class CanBus:
    """One interface: `kind` is can or vcan, `state` the controller's ("" where the kernel does not tell)."""

    name: str
    kind: str
    is_up: bool
    state: str = ""
    bitrate: int = 0


def read_buses() -> dict[str, CanBus]:
    """All CAN interfaces by name; raises `FineVLAError` if `ip` cannot tell."""
    command = ["ip", "-details", "-json", "link", "show"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10.0, check=True)
        found = [_bus(entry) for entry in json.loads(done.stdout or "[]")]
    except (OSError, subprocess.SubprocessError, ValueError, AttributeError, TypeError) as error:
        raise FineVLAError(f"'ip link' cannot be asked ({error}); install iproute2") from error
    return {bus.name: bus for bus in found if bus.kind in ("can", "vcan")}


def _bus(entry: dict[str, Any]) -> CanBus:
    info = entry.get("linkinfo") or {}
    data = info.get("info_data") or {}
    return CanBus(
        name=str(entry.get("ifname", "")),
        kind=str(info.get("info_kind", "")),
        is_up="UP" in (entry.get("flags") or ()),
        state=str(data.get("state", "")),
        bitrate=int((data.get("bittiming") or {}).get("bitrate", 0)),
    )


def check_can(names: Sequence[str]) -> Iterator[StepOutcome]:
    """Check each named CAN interface; yield one outcome per interface, or one skipped or failed outcome for all."""
    if not names:
        yield skipped("can", "no CAN interface was named (--can)")
        return
    try:
        buses = read_buses()
    except FineVLAError as error:
        yield failed("can", str(error), "sudo apt install iproute2")
        return
    for name in names:
        yield _judge(f"can.{name}", name, buses)


def _judge(step: str, name: str, buses: dict[str, CanBus]) -> StepOutcome:
    up = f"sudo ip link set {name} up type can bitrate {BITRATE}"
    bus = buses.get(name)
    if bus is None:
        others = ", ".join(sorted(buses)) or "none"
        remedy = (
            f"plug the adapter in; give it its name by udev, or say which it is: --can NAME NAME (there are: {others})"
        )
        return failed(step, f"there is no CAN interface '{name}'", remedy)
    facts = {"state": bus.state, "bitrate": bus.bitrate, "kind": bus.kind}
    if not bus.is_up:
        return failed(step, "it is down", up, **facts)
    if bus.kind == "vcan":
        return failed(step, "it is a virtual bus: no arm is behind it", "give the adapter's interface", **facts)
    if bus.bitrate != BITRATE:
        found = f"it runs at {bus.bitrate} bit/s, the arms at {BITRATE}"
        return failed(step, found, f"sudo ip link set {name} down; {up}", **facts)
    if bus.state not in ("ERROR-ACTIVE", ""):
        remedy = f"look at cable, termination and the arm's power; then sudo ip link set {name} down; {up}"
        return failed(step, f"its controller is {bus.state}", remedy, **facts)
    return passed(step, f"up, {bus.bitrate} bit/s, {bus.state or 'state not told'}", **facts)
