"""Does this DDS really keep strangers out? Tried with two nodes, in processes of their own: true keys, forged permissions.

Only a DDS that takes the one and refuses the other has security; what its library is called says nothing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_tools.security_keystore import ENCLAVES

TIMEOUT_S = 60.0
# A node that asks for as little as a node can: the enclave must not be refused for what it may not do.
_MAKE = """
import rclpy, sys
try:
    rclpy.init(args=[])
    rclpy.create_node("finevla_probe", start_parameter_services=False, enable_rosout=False)
except Exception as error:
    print("refused:", " ".join(str(error).split()))
    sys.exit(0)
print("made")
"""


@dataclass(frozen=True)
class ProbeResult:
    """Whether a node could be made, and the middleware's words if not."""

    is_made: bool
    words: str = ""


def environment(keystore: Path, enclave: str) -> dict[str, str]:
    """Variables with which a process takes part with the keys of `enclave`, or not at all."""
    return {
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": str(keystore),
        "ROS_SECURITY_ENCLAVE_OVERRIDE": enclave,
    }


def refuse_insecure_dds(keystore: Path, enclave: str, domain: int) -> None:
    """Raise `FineVLAError` with one sentence unless a node of `enclave` is let in and one with forged permissions is not."""
    true = trial(keystore, enclave, domain)
    with tempfile.TemporaryDirectory(prefix="finevla_probe_") as folder:
        forged = trial(forge(keystore, enclave, Path(folder)), enclave, domain) if true.is_made else ProbeResult(False)
    if sentence := verdict(true, forged):
        raise FineVLAError(sentence)


def verdict(true: ProbeResult, forged: ProbeResult) -> str:
    """The sentence to refuse with; empty if the DDS keeps strangers out."""
    without = "without security:= the stack runs, open to everybody on its ROS domain"
    apt = "ROS 2 from apt (ros-jazzy-desktop)"
    if not true.is_made and "security libraries" in true.words:
        return f"this Fast DDS has no security built in (it says: {true.words}); {apt} has; {without}"
    if not true.is_made:
        return f"no node can be started with these keys (it says: {true.words}); see 'finevla security check'"
    if forged.is_made:
        return (
            "this DDS takes no notice of keys: it let a node in whose permissions were forged; "
            f"use {apt} with rmw_fastrtps_cpp; {without}"
        )
    return ""


def trial(keystore: Path, enclave: str, domain: int) -> ProbeResult:
    """Make a node with these keys in a process of its own."""
    variables = environment(keystore, enclave) | {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", _MAKE], env=os.environ | variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", timeout=TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ProbeResult(False, f"nothing for {TIMEOUT_S:.0f} s")
    last = (done.stdout.strip().splitlines() or [f"nothing, and ends with exit code {done.returncode}"])[-1]
    # rmw's own sentence stands before the places in its sources that it adds.
    return ProbeResult(last == "made", last.removeprefix("refused: ").partition(", at /")[0][:200])


def forge(keystore: Path, enclave: str, folder: Path) -> Path:
    """A copy of one enclave whose permissions were changed after they were signed; returns its keystore."""
    copy = folder / "keystore"
    place = copy / ENCLAVES / enclave.lstrip("/")
    shutil.copytree(keystore / ENCLAVES / enclave.lstrip("/"), place)  # with what its links lead to
    signed = place / "permissions.p7s"
    signed.write_bytes(signed.read_bytes().replace(b"<default>DENY</default>", b"<default>ALLOW</default>"))
    return copy
