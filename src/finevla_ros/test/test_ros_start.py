"""Promises of how a process starts ROS: what cannot be is one sentence, whoever starts it."""

import pytest
import rclpy
from rclpy.node import Node

from finevla_core.errors import FineVLAError
from finevla_ros.node_main import run_node
from finevla_ros.ros_start import start_ros


@pytest.mark.parametrize("domain", ["abc", "-1", "233", "999999999999999999999", "1.0", "\x1b[31m\n"])
def test_domain_that_dds_has_no_ports_for_is_refused(monkeypatch: pytest.MonkeyPatch, domain: str) -> None:
    """Fast DDS ends the process at 233 and above, with exit code 1 and no error."""
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)
    with pytest.raises(FineVLAError, match="it must be a whole number from 0 to 232") as caught:
        start_ros(context=rclpy.Context())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("words", ["-p x", "-r", "--odd", "-r __ns:=a//b", "--log-level x", "--params-file /nowhere"])
def test_words_that_are_not_ros_words_are_refused(words: str) -> None:
    with pytest.raises(FineVLAError) as caught:
        start_ros(["--ros-args", *words.split()], rclpy.Context())
    assert str(caught.value).isprintable()


def test_log_folder_that_cannot_be_made_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_LOG_DIR", "/proc/nowhere")
    with pytest.raises(FineVLAError, match="ROS cannot be started here: .*'/proc/nowhere'"):
        start_ros(context=rclpy.Context())


def test_node_says_so_and_ends(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "abc")
    assert run_node(lambda: Node("never")) == 2
    said = capfd.readouterr().err
    assert "error: ROS_DOMAIN_ID is 'abc'" in said
    assert "Traceback" not in said
