"""Promise of the launch file's Fast DDS profile: shared memory for the images of all cameras, in force and not only set."""

from pathlib import Path

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from probe import Probe

from finevla_ros import qos

ROOT = Path(__file__).parents[3]
WANTED_BYTES = 16 * 1024 * 1024


def shared_memory_bytes(pid: int) -> int:
    """The largest Fast DDS segment that a process has mapped; each end has its own."""
    sizes = [0]
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, *_, path = line.split(maxsplit=5)
        if "fastrtps_" in path or "fastdds_" in path:
            first, last = (int(address, 16) for address in span.split("-"))
            sizes.append(last - first)
    return max(sizes)


def test_shared_memory_of_a_launched_node_holds_a_burst_of_images(
    start_node, cobotmagic_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = yaml.safe_load((ROOT / "launch" / "cobotmagic.launch.yaml").read_text())["launch"]
    for entry in (e["set_env"] for e in entries if "set_env" in e):
        if entry["value"].endswith("config/fastdds.xml"):
            monkeypatch.setenv(entry["name"], str(ROOT / "config" / "fastdds.xml"))
    node = start_node("finevla_camera", "camera_ingest", robot=str(cobotmagic_file))
    with Probe() as probe:
        heard = probe.listen("/diagnostics", DiagnosticArray, qos.ALL)
        probe.wait(lambda: heard, "the node to be up")
        assert shared_memory_bytes(node.process.pid) >= WANTED_BYTES
