"""The whole stack through `finevla up`: launch, steer by every interface, kill, stop, recover, and leave nothing behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from stack_checks import Checks
from tiny_bundle import make_tiny_bundle

from finevla_client.connection import Connection
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.launch_file import load_launch
from finevla_tools.up import DEFAULT_FILE, Stack, launch_path

pytestmark = pytest.mark.stack
FINEVLA = (sys.executable, "-m", "finevla_tools.cli")


@pytest.fixture
def bundle(tmp_path: Path, cobotmagic_file: Path) -> Path:
    return make_tiny_bundle(tmp_path / "tiny", load_embodiment(cobotmagic_file), drift=0.06)


@pytest.mark.timeout(240)
def test_steer_kill_stop_recover(ros_domain: str, bundle: Path) -> None:
    del ros_domain
    lines: list[str] = []
    launch = load_launch(launch_path(DEFAULT_FILE), {"robot": "sim", "bundle": str(bundle)})
    stack = Stack(launch, lambda name, line: lines.append(f"[{name}] {line}"))
    try:
        stack.start()
        with Connection() as client:
            Checks(client).run_all(lambda: stack.pid("policy"))
    except (AssertionError, FineVLAError) as error:
        raise AssertionError(f"{error}\n" + "\n".join(lines[-40:])) from error
    finally:
        pids = [stack.pid(p.name) for p in launch.processes]
        stack.stop()
    assert not stack.failed
    assert not any(pid and Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.timeout(120)
def test_up_is_steered_watched_and_ends_in_order_on_ctrl_c_and_refuses_a_second_stack(
    ros_domain: str, bundle: Path
) -> None:
    command = [*FINEVLA, "up", f"bundle:={bundle}"]
    environment = os.environ | {"ROS_DOMAIN_ID": ros_domain, "PYTHONUNBUFFERED": "1"}
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    held, lines = threading.Event(), []

    def read() -> None:
        assert first.stdout is not None
        for line in first.stdout:
            lines.append(line)
            if "state.holding" in line:
                held.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert held.wait(60.0), "".join(lines)
        second = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        assert second.returncode == 2
        assert "already runs in ROS domain" in second.stderr
        say = [*FINEVLA, "say", "reach the [/red] cube", "--actor", "left_arm", "--wait", "20"]
        said = subprocess.run(say, capture_output=True, text=True, env=environment, timeout=60)
        assert (said.returncode, said.stderr) == (0, "")
        assert "the bridge is following" in said.stdout
        status = [*FINEVLA, "status", "--once"]
        shown = subprocess.run(status, capture_output=True, text=True, env=environment, timeout=60)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "reach the [/red] cube" in shown.stdout  # what an operator says is no markup
        assert "real-time factor" in shown.stdout
    finally:
        first.send_signal(signal.SIGINT)
        code = first.wait(30.0)
        reader.join(5.0)
    assert code == 0
    assert "Traceback" not in "".join(lines), "".join(lines)


@pytest.mark.timeout(900)
def test_demo_leaves_video_picture_and_report_whatever_the_policy_does(
    ros_domain: str, bundle: Path, tmp_path: Path
) -> None:
    import av

    out = tmp_path / "out"
    command = [*FINEVLA, "demo", f"bundle:={bundle}", "--out", str(out), "--seconds", "1.5"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"ROS_DOMAIN_ID": ros_domain}, timeout=800
    )
    assert (done.returncode, done.stderr) == (0, "loading the simulator ...\n")
    report = json.loads((out / "report.json").read_text())
    assert report["is_complete"]
    assert report["bundle"] == "tiny"
    assert report["chunks_accepted"] > 0
    assert len(report["acts"]) >= 6
    assert all(act["asked"] in done.stdout and act["happened"] in done.stdout for act in report["acts"])
    assert not all(ok for act in report["acts"] for ok in act["obeyed"].values())  # this policy listens to nobody
    with av.open(str(out / "demo.mp4")) as video:
        assert video.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in video.decode(video=0)) > 10 * len(report["acts"])
    assert sorted(path.name for path in out.iterdir()) == ["demo.mp4", "nodes.log", "pair.png", "report.json"]
    assert "Traceback" not in (out / "nodes.log").read_text()
