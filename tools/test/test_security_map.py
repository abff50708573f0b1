"""Promises of the table of rights: it is what the code does, and nobody has a right that is not his."""

import ast
import importlib.util
import re
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import rclpy
from tiny_bundle import make_tiny_bundle

from finevla_client.connection import Connection
from finevla_control.vendor_controllers import DIALECTS
from finevla_core.embodiment import Embodiment
from finevla_tools.launch_file import load_launch
from finevla_tools.security_map import (
    EVERYBODY,
    OPERATOR,
    PARAMETER_SERVICES,
    VENDOR_COMMANDS,
    VENDOR_STATES,
    Member,
    Rights,
    members,
    trajectories,
)
from finevla_tools.security_permissions import dds_topics
from finevla_tools.up import DEFAULT_FILE, Stack, launch_path

NAMESPACE = "finevla"
SETTLED_S = 90.0
LITERALS = {
    "create_publisher",
    "create_subscription",
    "create_service",
    "create_client",
    "listen",
    "call",
    "hear",
    "subscribe",
    "subscribe_both",
}
OPERATORS_TOOLS = (
    *(f"finevla_client.{name}" for name in ("connection", "motion_goal", "robot")),
    *(
        f"finevla_tools.{name}"
        for name in ("adopt", "go", "home", "planned_motion", "record", "reset", "say", "simulation_client")
    ),
    *(f"finevla_tools.{name}" for name in ("status", "step_mode", "stop")),
)


def writers(robot: Embodiment, topic: str) -> set[str]:
    """Members that may write a DDS topic, by a wildcard as well."""
    return {
        name
        for name, member in members(robot).items()
        if any(fnmatchcase(topic, given) for given in dds_topics(member.rights, NAMESPACE)[0])
    }


def test_only_bridge_and_watchdog_may_command_the_arms(robot: Embodiment) -> None:
    for topic in trajectories(robot):
        assert writers(robot, f"rt/finevla/{topic}") == {"safety_bridge", "safety_watchdog"}
    for controller in robot.controllers:  # the controllers' other door has no client at all
        goal = f"rq/finevla/{controller.name}/follow_joint_trajectory/_action/send_goalRequest"
        assert writers(robot, goal) == set()


def test_only_drivers_say_where_the_arms_are(robot: Embodiment) -> None:
    drivers = {"simulator", "vendor_bridge", "controller_manager"}
    assert writers(robot, f"rt/finevla/{robot.state_topic}") == drivers
    for side in ("left", "right"):
        assert writers(robot, f"rt/finevla/{side}_arm/joint_states") == {f"{side}_piper_driver"}
        assert writers(robot, f"rt/finevla/{side}_arm/joint_commands") == {"controller_manager"}


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("rt/finevla/safety/status", {"safety_bridge"}),
        ("rt/finevla/safety/pending_plan", {"safety_bridge"}),
        ("rt/finevla/safety/watchdog", {"safety_watchdog"}),
        ("rt/finevla/safety/events", {"safety_bridge", "safety_watchdog"}),
        ("rt/finevla/safety/stop", {"operator", "safety_watchdog"}),
        ("rt/finevla/safety/deadman", {"operator"}),
        ("rt/finevla/action_chunk", {"policy", "motion"}),
        ("rt/finevla/observation", {"camera_ingest"}),
        ("rt/finevla/instruction", {"operator"}),
        ("rt/finevla/instruction/text", {"operator"}),
        ("rt/finevla/active_instruction", {"policy"}),
        ("rt/clock", {"simulator"}),
        *((topic, {"robot_state_publisher"}) for topic in ("rt/finevla/robot_description", "rt/tf", "rt/tf_static")),
        ("rq/finevla/controller_manager/list_controllersRequest", {"safety_bridge", "spawner"}),
        *((f"rq/finevla/safety/{name}Request", {"operator"}) for name in ("stop", "reset", "approve", "step_mode")),
        ("rq/finevla/safety/adoptRequest", {"operator"}),
        ("rq/finevla/safety/authorityRequest", {"operator", "motion"}),
        ("rr/finevla/safety/authorityReply", {"safety_bridge"}),
        ("rq/finevla/safety_bridge/set_parametersRequest", set()),
        ("rr/finevla/safety_bridge/get_parametersReply", set()),
        ("rq/finevla/motion/get_parametersRequest", {"operator"}),
        ("rq/finevla/home/_action/send_goalRequest", {"operator"}),
        ("rt/finevla/home/_action/feedback", {"motion"}),
    ],
)
def test_who_may_say_what(robot: Embodiment, topic: str, allowed: set[str]) -> None:
    assert writers(robot, topic) == allowed


def test_recorder_only_reads(robot: Embodiment) -> None:
    rights = members(robot)["recorder"].rights
    assert set(rights.publishes) - set(EVERYBODY.publishes) == {"recorder/status", "/diagnostics"}
    assert not rights.calls
    assert not rights.asks


def test_wildcards_reach_nothing_but_tools_of_ros(robot: Embodiment) -> None:
    for member in members(robot).values():
        for topic in {
            name for names in dds_topics(member.rights, NAMESPACE) for name in names if re.search(r"[*?[]", name)
        }:
            assert re.match(r"r[tqr]/(finevla/controller_manager/|_ros2cli_)\*", topic), f"{member.name}: {topic}"


def test_drivers_of_others_are_heard_on_the_topics_that_the_vendor_bridge_knows() -> None:
    assert set(VENDOR_STATES) == {topic for dialect in DIALECTS.values() for topic in dialect.states}
    assert set(VENDOR_COMMANDS) == {topic for dialect in DIALECTS.values() for topic in dialect.commands}


def spoken(module: str) -> Iterator[tuple[str, str]]:
    """Calls in a module's source that make an endpoint, with the name; `*` stands for what is put in."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for call in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        made = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        for argument in call.args if made in LITERALS else ():
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield made, argument.value
            elif isinstance(argument, ast.JoinedStr):
                yield made, "".join(v.value if isinstance(v, ast.Constant) else "*" for v in argument.values)


@pytest.mark.parametrize("tool", OPERATORS_TOOLS)
def test_operator_may_do_what_his_commands_do(robot: Embodiment, tool: str) -> None:
    rights = members(robot)[OPERATOR].rights
    allowed = {
        "create_publisher": rights.publishes,
        "create_subscription": rights.subscribes,
        "listen": rights.subscribes,
        "subscribe": rights.subscribes,
        "create_client": rights.calls,
        "call": rights.calls,
    }
    lacking = [(made, name) for made, name in spoken(tool) if name not in allowed.get(made, ())]
    assert not lacking


def test_piper_driver_may_do_what_it_does_and_no_more(robot: Embodiment) -> None:
    usual = members(robot)["left_piper_driver"].usual
    granted = {*usual.publishes, *usual.subscribes, *usual.serves}
    found = {name.replace("*", "left_arm") for _, name in spoken("finevla_control.piper_node")}
    assert found == granted


def with_nodes(member: Member, rights: Rights) -> tuple[set[str], set[str]]:
    """DDS topics of rights that `member` has, with its parameter services and what every node does."""
    services = [f"{node}/{name}" for node in member.parameter_nodes for name in PARAMETER_SERVICES]
    writes, reads = dds_topics(rights + EVERYBODY + Rights(serves=tuple(services)), NAMESPACE)
    return set(writes), set(reads)


def seen(node: Any, names: list[tuple[str, str]]) -> tuple[set[str], set[str]]:
    """DDS topics that some nodes (name, namespace) write and read, as the graph has them."""
    writes, reads = {"ros_discovery_info"}, {"ros_discovery_info"}
    for name, space in names:
        writes |= {f"rt{topic}" for topic, _ in node.get_publisher_names_and_types_by_node(name, space)}
        reads |= {f"rt{topic}" for topic, _ in node.get_subscriber_names_and_types_by_node(name, space)}
        for service, _ in node.get_service_names_and_types_by_node(name, space):
            writes.add(f"rr{service}Reply")
            reads.add(f"rq{service}Request")
        for service, _ in node.get_client_names_and_types_by_node(name, space):
            writes.add(f"rq{service}Request")
            reads.add(f"rr{service}Reply")
    return writes, reads


def differences(node: Any, robot: Embodiment, started: set[str]) -> list[str]:
    """What nodes do and may not, and what they may and never do; also nodes that the table does not know."""
    known = members(robot)
    owner = {name: m for m in known.values() for name in (m.name, *m.nodes, *m.bare_nodes)}
    there: dict[str, list[tuple[str, str]]] = {name: [] for name in started}
    told = []
    for name, space in node.get_node_names_and_namespaces():
        if space != f"/{NAMESPACE}" or name == node.get_name():
            continue
        if name not in owner:
            told.append(f"node {name} is in no enclave")
        else:
            there.setdefault(owner[name].name, []).append((name, space))
    for name, nodes in there.items():
        found, usual, most = (
            seen(node, nodes), with_nodes(known[name], known[name].usual), dds_topics(known[name].rights, NAMESPACE),
        )  # fmt: skip
        for kind, does, has_to, may in zip(("write", "read"), found, usual, most, strict=True):
            told += [f"{name} does {kind} {topic}, and may not" for topic in sorted(does - set(may))]
            told += [f"{name} does not {kind} {topic}, as is usual" for topic in sorted(has_to - does)]
    return told


@pytest.mark.stack
@pytest.mark.timeout(240)
def test_running_stack_is_as_the_table_says(
    ros_domain: str, tmp_path: Path, robot: Embodiment, cobotmagic_file: Path
) -> None:
    del ros_domain, cobotmagic_file
    bundle = make_tiny_bundle(tmp_path / "tiny", robot)
    given = {"robot": "sim", "bundle": str(bundle), "record": "true", "episodes": str(tmp_path / "episodes")}
    launch = load_launch(launch_path(DEFAULT_FILE), given)
    lines: list[str] = []
    stack = Stack(launch, lambda name, line: lines.append(f"[{name}] {line}"))
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = rclpy.create_node("onlooker", namespace=NAMESPACE, context=context, enable_rosout=False)
    try:
        stack.start()
        deadline = time.monotonic() + SETTLED_S
        while (told := differences(node, robot, {p.name for p in launch.processes})) and time.monotonic() < deadline:
            time.sleep(0.5)
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
        stack.stop()
    assert not told, "\n".join([*told, *lines[-20:]])


@pytest.mark.slow
def test_operators_client_is_as_the_table_says(ros_domain: str, robot: Embodiment) -> None:
    del ros_domain
    operator = members(robot)[OPERATOR]
    with Connection(NAMESPACE) as client:
        name = client.node.get_name()
        writes, reads = seen(client.node, [(name, f"/{NAMESPACE}")])
    may_write, may_read = dds_topics(operator.rights, NAMESPACE)
    assert name in operator.nodes
    assert not writes - set(may_write)
    assert not reads - set(may_read)
    assert {"rt/finevla/safety/status", "rt/finevla/policy/status"} <= reads
