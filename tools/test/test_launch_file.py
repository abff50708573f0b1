"""Promises of the launch runner's reader: the project's files are understood, everything else is refused by name."""

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.manifest import MANIFEST, SCHEMA
from finevla_tools.launch_file import Launch, load_launch, parse_arguments
from finevla_tools.launch_substitution import KNOWN, Scope, expand
from finevla_tools.up import VIEWERS

STACK = Path(__file__).parents[2] / "launch" / "cobotmagic.launch.yaml"
ROBOT = STACK.parents[1] / "config" / "robots" / "cobotmagic.yaml"
PIPER = STACK.with_name("piper.launch.yaml")
IS_A, IS_NOT_A = '$(eval \'"$(var mode)" == "a"\')', '$(eval \'"$(var mode)" != "a"\')'


def read(tmp_path: Path, *actions: object, **given: str) -> Launch:
    file = tmp_path / "test.launch.yaml"
    file.write_text(yaml.safe_dump({"launch": list(actions)}))
    return load_launch(file, given)


def test_simulation_starts_seven_nodes_with_the_arguments_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    launch = load_launch(STACK, {"bundle": "7", "namespace": "lab", "seed": "7", "log_level": "debug"})
    names = [
        "simulator",
        "robot_state_publisher",
        "camera_ingest",
        "policy",
        "safety_bridge",
        "safety_watchdog",
        "motion",
    ]
    assert [p.name for p in launch.processes] == names
    assert [p.node for p in launch.processes] == [f"/lab/{p.name}" for p in launch.processes]
    assert all("__ns:=/lab" in p.command for p in launch.processes)
    assert all(p.command[p.command.index("--log-level") + 1] == "debug" for p in launch.processes)
    assert "seed:=7" in launch.processes[0].command
    assert "xacro_arguments:=''" in launch.processes[1].command
    assert "bundle:='7'" in launch.processes[3].command  # a name, although it looks like a number
    for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):  # Jazzy's, and its successors'
        files = {p.name: Path(p.environment[name]).name for p in launch.processes}
        assert files == dict.fromkeys(names, "fastdds.xml") | {"safety_bridge": "fastdds_udp_LOCALHOST.xml"}
    assert [p.respawn for p in launch.processes] == [False, True, True, True, False, True, True]


def bundle_of(folder: Path, runtime: str) -> str:
    """A bundle of which only the manifest is there, which is all that a launch file asks for."""
    robot = load_embodiment(ROBOT)
    said: dict[str, object] = {"schema": SCHEMA, "name": "b", "embodiment": robot.name, "values": list(robot.names)}
    said |= {"cameras": list(robot.camera_names), "images": {"height": 192, "width": 192}, "horizon": 16, "dt_s": 0.1}
    network = {"kind": "tabletop", "head": "flow", "basis": 6, "hidden": 8, "blocks": 1, "cameras_on": [None, 0, 1]}
    network |= {"fov_deg": 55.0, "lower": [-1.0] * 14, "upper": [1.0] * 14}
    own = {
        "onnx": {"reader": "tabletop", "policy_model": "p.onnx"},
        "torch": {"reader": "tabletop", "policy_model": "p.safetensors", "network": network},
        "remote": {"remote": {"url": "ws://gpu:8000"}},
    }
    folder.mkdir()
    (folder / MANIFEST).write_text(yaml.safe_dump(said | {"runtime": runtime, "files": {}} | own[runtime]))
    return str(folder)


def test_bundle_of_weights_is_served_beside_the_stack_and_started_again(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "my weights", "torch")
    processes = {p.name: p for p in load_launch(STACK, {"bundle": bundle, "server_port": "9001"}).processes}
    served = processes["policy_server"]
    assert served.command == ("finevla", "serve", bundle, "--port", "9001", "--threads", "1")
    assert served.respawn
    assert "server:='ws://127.0.0.1:9001'" in processes["policy"].command


@pytest.mark.parametrize(
    ("runtime", "server"), [("torch", "ws://gpu:8000"), ("onnx", ""), ("remote", ""), ("remote", "ws://gpu:8000")]
)
def test_no_other_bundle_is_served_nor_one_that_has_a_server(tmp_path: Path, runtime: str, server: str) -> None:
    launch = load_launch(STACK, {"bundle": bundle_of(tmp_path / "b", runtime), "server": server})
    processes = {p.name: p for p in launch.processes}
    assert "policy_server" not in processes
    assert f"server:='{server}'" in processes["policy"].command


def test_the_recorder_is_started_when_asked_for() -> None:
    launch = load_launch(STACK, {"record": "true", "episodes": "/data/e", "transport": "compressed"})
    recorder = launch.processes[-1]
    assert (recorder.name, recorder.respawn) == ("recorder", True)
    assert {"folder:='/data/e'", "transport:='compressed'", "robot:='cobotmagic'"} <= set(recorder.command)
    with pytest.raises(FineVLAError, match="record"):
        load_launch(STACK, {"record": "maybe"})


def test_cameras_are_started_by_ros2_launch_with_what_the_include_says() -> None:
    given = {"robot": "vendor", "cameras": "orbbec", "namespace": "lab", "extrinsics": "/data/e.yaml"}
    cameras = load_launch(STACK, given).processes[0]
    assert cameras.command[:3] == ("ros2", "launch", str(STACK.with_name("cameras.launch.py")))
    assert {"cameras:=orbbec", "namespace:=lab", "extrinsics:=/data/e.yaml"} <= set(cameras.command)
    assert "FASTRTPS_DEFAULT_PROFILES_FILE" in cameras.environment
    assert "cameras" not in [p.name for p in load_launch(STACK, {"robot": "vendor"}).processes]
    with pytest.raises(FineVLAError, match="cameras:=kinect is not one of none, orbbec, realsense, usb"):
        load_launch(STACK, {"cameras": "kinect"})


def test_real_robot_needs_ros2_control_and_says_so() -> None:
    with pytest.raises(
        FineVLAError, match=r"cobotmagic.launch.yaml:\d+: package 'controller_manager' .* ros-jazzy-contr"
    ):
        load_launch(STACK, {"robot": "real"})


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for the programs of ROS's own packages that `robot:=real` starts, in a prefix of their own."""
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    programs = ("controller_manager/ros2_control_node", "controller_manager/spawner", "rviz2/rviz2")
    for program in (*programs, "foxglove_bridge/foxglove_bridge"):
        path = tmp_path / "lib" / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        (index / path.parent.name).touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:{os.environ['AMENT_PREFIX_PATH']}")
    return tmp_path


@pytest.mark.usefixtures("apt")
def test_real_robot_gets_its_description_its_controllers_and_a_bridge_that_waits_for_them() -> None:
    given = {"robot": "real", "driver": "piper", "hardware_plugin": "a/B", "namespace": "lab"}
    launch = load_launch(STACK, given)
    processes = {p.name: p for p in launch.processes}
    first = ["robot_state_publisher", "camera_ingest", "policy", "safety_bridge", "safety_watchdog", "motion"]
    rest = ["left_piper_driver", "right_piper_driver", "controller_manager", "spawner"]
    assert list(processes) == [*first, *rest]
    publisher = processes["robot_state_publisher"]
    assert Path(publisher.command[0]).parts[-2:] == ("finevla_control", "robot_state_publisher")
    assert "xacro_arguments:='hardware_plugin:=a/B overrun:=0.3'" in publisher.command
    assert "controller_manager:='controller_manager'" in processes["safety_bridge"].command
    assert {"--params-file", "__ns:=/lab"} <= set(processes["controller_manager"].command)
    controllers = {"joint_state_broadcaster", *(c.name for c in load_embodiment(ROBOT).controllers)}
    assert controllers <= set(processes["spawner"].command)


@pytest.mark.parametrize("viewer", ["rviz", "foxglove"])
@pytest.mark.parametrize("robot", ["sim", "real", "vendor"])
@pytest.mark.usefixtures("apt")
def test_a_viewer_is_started_when_asked_for_with_a_file_that_is_there(robot: str, viewer: str) -> None:
    last = load_launch(STACK, {"robot": robot, viewer: "true"}).processes[-1]
    assert Path(last.command[0]).name in VIEWERS
    files = [Path(word) for word in last.command if "/config/" in word]
    assert len(files) == 1
    assert files[0].is_file()
    assert not last.respawn


def test_vendors_driver_gets_a_bridge_instead_of_controllers() -> None:
    launch = load_launch(STACK, {"robot": "vendor", "vendor": "puppet", "left_state": "/left"})
    names = [
        "robot_state_publisher",
        "camera_ingest",
        "policy",
        "safety_bridge",
        "safety_watchdog",
        "motion",
        "vendor_bridge",
    ]
    assert [p.name for p in launch.processes] == names
    bridge, watchdog = launch.processes[-1], launch.processes[-3]
    assert {"driver:='puppet'", "left_state:='/left'", "right_state:=''", "speed_percent:=50"} <= set(bridge.command)
    assert not bridge.respawn
    assert "camera_noise:=true" in watchdog.command
    assert "arm_simulated:=false" in watchdog.command, "a robot has cables, a simulation has none"


def test_watchdog_knows_that_a_simulator_plays_the_arms() -> None:
    (watchdog,) = (p for p in load_launch(STACK, {"robot": "sim"}).processes if p.name == "safety_watchdog")
    assert {"arm_simulated:=true", "camera_noise:=false"} <= set(watchdog.command)


def test_each_piper_arm_gets_a_driver_on_its_own_bus() -> None:
    launch = load_launch(PIPER, {"can_right": "can7", "namespace": "lab"})
    assert [p.node for p in launch.processes] == ["/lab/left_piper_driver", "/lab/right_piper_driver"]
    for process, prefix, interface in zip(launch.processes, ("left_", "right_"), ("can_left", "can7"), strict=True):
        assert {f"prefix:='{prefix}'", f"interface:='{interface}'", "stroke_m:=0.10"} <= set(process.command)
        assert not process.respawn
    with pytest.raises(FineVLAError, match="cobotmagic.launch.yaml"):  # known there, too; then ros2_control is missing
        load_launch(STACK, {"robot": "real", "driver": "piper", "can_left": "can6", "stroke_m": "0.07"})


def test_unknown_argument_is_named_with_the_nearest_or_all_known_ones() -> None:
    with pytest.raises(FineVLAError, match="argument 'bundel'; did you mean 'bundle'"):
        load_launch(STACK, {"bundel": "x"})
    with pytest.raises(FineVLAError, match="'xyz'; known are robot, bundle, "):
        load_launch(STACK, {"xyz": "x"})
    with pytest.raises(FineVLAError, match="key:=value"):
        parse_arguments(["bundle=x"])


@pytest.mark.parametrize("wrong", ["driver:=pipre", "robot:=simulation", "vendor:=ros", "planner:=chomp"])
def test_misspelled_choice_is_refused_with_what_there_is(wrong: str) -> None:
    with pytest.raises(FineVLAError, match=f"{wrong} is not one of .*, "):
        load_launch(STACK, parse_arguments([wrong]))


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"push_ros_namespace": {"namespace": "x"}}, "action 'push_ros_namespace' is not supported"),
        ({"node": {"pkg": "finevla_sim", "exec": "simulator", "machine": "m"}}, "key 'machine' of 'node'"),
        ({"node": {"pkg": "finevla_sim", "exec": "nothing"}}, "no executable 'nothing'"),
        ({"node": {"pkg": "no_such_package", "exec": "x"}}, "package 'no_such_package'"),
        ({"node": {"pkg": "finevla_sim"}}, "'exec' is missing"),
        ({"let": {"name": "a", "value": "$(anon x)"}}, r"\$\(anon"),
        ({"let": {"name": "a", "value": "$(var b)"}}, "variable 'b'"),
        (
            {"let": {"name": "a", "value": "$(command 'xacro a.xacro b:=$(var c)')"}},
            r"\$\(command .*robot_state_publisher",
        ),
        ({"let": {"name": "a", "value": "$(eval '1 + 1')"}}, "comparisons"),
        ({"let": {"name": "a", "value": "$(var b"}}, "not closed"),
        ({"let": {"name": "a", "value": "$(env FINEVLA_NOT_SET)"}}, "'FINEVLA_NOT_SET' is not set"),
        ({"arg": {"name": "a", "default": 7}}, "'default' must be a text, found 7"),
        ({"executable": {"cmd": "true", "if": "perhaps"}}, "'perhaps' is not a condition"),
        ({"executable": {"cmd": "true", "respawn": "true", "respawn_delay": -1}}, "respawn_delay is -1"),
        ({"include": {"file": "$(dirname)/none.launch.yaml"}}, "none.launch.yaml' cannot be read"),
        ({"include": {"file": "$(dirname)/test.launch.yaml"}}, "includes itself"),
        ({"group": [{"group": [{"let": {"name": "a"}}]}]}, "'value' is missing"),
        ({"arg": {"name": "a"}}, "'a' has no default"),
    ],
)
def test_what_is_not_understood_is_refused_by_name_with_its_line(tmp_path: Path, action: dict, said: str) -> None:
    with pytest.raises(FineVLAError, match=said) as caught:
        read(tmp_path, {"let": {"name": "before", "value": "x"}}, action)
    line = 7 if "group" in action else 5  # of the innermost action; `before` takes lines 2 to 4
    assert str(caught.value).startswith(f"{tmp_path}/test.launch.yaml:{line}: ")
    assert str(caught.value).count("test.launch.yaml:") == 1


def test_conditions_and_groups(tmp_path: Path) -> None:
    launch = read(
        tmp_path,
        {"arg": {"name": "mode", "default": "a"}},
        {"executable": {"cmd": "echo one", "if": IS_A}},
        {"executable": {"cmd": "echo two", "unless": IS_A}},
        {"group": {"if": IS_NOT_A, "children": [{"executable": {"cmd": "echo three"}}]}},
        {"group": [{"executable": {"cmd": "echo four"}}]},
    )
    assert [p.command for p in launch.processes] == [("echo", "one"), ("echo", "four")]
    assert [p.name for p in launch.processes] == ["echo", "echo#2"]


def test_what_a_group_sets_stays_in_it(tmp_path: Path) -> None:
    inside = [{"let": {"name": "x", "value": "in"}}, {"set_env": {"name": "FINEVLA_X", "value": "in"}}]
    tail = [{"executable": {"cmd": "echo $(var x) $(env FINEVLA_X unset)"}}]
    start = {"let": {"name": "x", "value": "out"}}
    said = [p.command for p in read(tmp_path, start, {"group": [*inside, *tail]}, *tail).processes]
    assert said == [("echo", "in", "in"), ("echo", "out", "unset")]
    opened = read(tmp_path, start, {"group": {"scoped": False, "children": inside}}, *tail)
    assert [p.command for p in opened.processes] == [("echo", "in", "in")]
    assert opened.processes[0].environment == {"FINEVLA_X": "in"}


def test_remaps_of_all_nodes_come_before_a_nodes_own_and_end_with_their_group(tmp_path: Path) -> None:
    node = {"node": {"pkg": "finevla_sim", "exec": "simulator", "remap": [{"from": "a", "to": "own"}]}}
    inside = {"group": [{"set_remap": {"from": "/tf", "to": "/$(var space)/tf"}}, node]}
    launch = read(tmp_path, {"let": {"name": "space", "value": "lab"}}, inside, node)
    assert [p.command[2:] for p in launch.processes] == [("-r", "/tf:=/lab/tf", "-r", "a:=own"), ("-r", "a:=own")]


def test_one_robot_of_several_has_frames_and_clock_of_its_own() -> None:
    own = ("-r", "/tf:=/lab/tf", "-r", "/tf_static:=/lab/tf_static", "-r", "/clock:=/lab/clock")
    for process in load_launch(STACK, {"namespace": "lab", "multi_robot": "true"}).processes:
        first = process.command.index("/tf:=/lab/tf") - 1
        assert process.command[first : first + len(own)] == own
    assert not any("/tf:=" in word for p in load_launch(STACK, {}).processes for word in p.command)


def test_a_process_may_have_an_environment_of_its_own(tmp_path: Path) -> None:
    common = {"set_env": {"name": "FINEVLA_X", "value": "all"}}
    own = {"executable": {"cmd": "echo", "env": [{"name": "FINEVLA_X", "value": "own"}]}}
    launch = read(tmp_path, common, own, {"executable": {"cmd": "echo"}})
    assert [p.environment["FINEVLA_X"] for p in launch.processes] == ["own", "all"]


def test_included_file_gets_its_arguments(tmp_path: Path) -> None:
    part = [{"arg": {"name": "who", "default": "nobody"}}, {"executable": {"cmd": "echo $(var who) $(dirname)"}}]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "part.launch.yaml").write_text(yaml.safe_dump({"launch": part}))
    file = "$(dirname)/sub/part.launch.yaml"
    launch = read(
        tmp_path, {"include": {"file": file, "arg": [{"name": "who", "value": "me"}]}}, {"include": {"file": file}}
    )
    assert [p.command for p in launch.processes] == [
        ("echo", "me", str(tmp_path / "sub"))
    ] * 2  # includes are no scopes


_plain = st.text(st.characters(exclude_categories=["Cs"])).filter(
    lambda text: "$(" not in text and not text.endswith("$")
)
_any = st.text(st.characters(exclude_categories=["Cs"]))
_tricky = st.text(st.sampled_from("$()'\" ab=!vare")) | st.lists(
    st.sampled_from(["$(var a)", "$(", ")", "'", '"', " ", "$(eval ", "==", "$(env b c)", "x"])
).map("".join)


def scope(**variables: str) -> Scope:
    return Scope(variables, {}, "/folder", lambda package: f"/share/{package}")


@given(before=_plain, value=_any, after=_plain)
def test_values_are_put_in_as_they_are_and_never_read_again(before: str, value: str, after: str) -> None:
    assert expand(f"{before}$(var a){after}", scope(a=value)) == before + value + after


@given(text=_plain)
def test_text_without_substitutions_stays_as_it_is(text: str) -> None:
    assert expand(text, scope()) == text


_words = st.text(st.characters(exclude_characters="'\"\\$", exclude_categories=["Cs", "Cc"]), max_size=8)


@given(left=_words, right=_words)
def test_comparison_is_true_exactly_for_equal_texts(left: str, right: str) -> None:
    for text, other in ((left, right), (left, left)):
        same = expand('$(eval \'"$(var l)" == "$(var r)"\')', scope(l=text, r=other))
        different = expand("$(eval \"'$(var l)' != '$(var r)'\")", scope(l=text, r=other))
        assert (same, different) == (("true", "false") if text == other else ("false", "true"))


@given(text=_tricky)
def test_any_text_is_expanded_or_refused_in_one_sentence(text: str) -> None:
    try:
        expand(text, scope(a="1"))
    except FineVLAError as error:
        assert str(error)


def test_nested_substitutions() -> None:
    variables = scope(package="finevla", name="who", who="me")
    assert expand("$(find-pkg-share $(var package))/x$(var $(var name))", variables) == "/share/finevla/xme"
    assert expand("$(env NOT_SET 'two words')", variables) == "two words"
    assert expand("$(env NOT_SET $(dirname))", variables) == "/folder"


_keys = [
    *KNOWN,
    "launch",
    "arg",
    "let",
    "set_env",
    "set_remap",
    "node",
    "executable",
    "group",
    "include",
    "children",
    "name",
    "value",
]
_keys += [
    "pkg",
    "exec",
    "cmd",
    "if",
    "unless",
    "default",
    "param",
    "remap",
    "file",
    "respawn",
    "respawn_delay",
    "scoped",
]
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | _tricky
_trees = st.recursive(
    _leaves, lambda t: st.lists(t, max_size=3) | st.dictionaries(st.sampled_from(_keys), t, max_size=3), max_leaves=12
)
_actions = st.lists(st.dictionaries(st.sampled_from(_keys), _trees, min_size=1, max_size=1), max_size=4)


@given(tree=_actions | _trees)
def test_any_launch_file_is_read_or_refused_in_one_sentence(
    tree: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.launch.yaml"
    file.write_text(yaml.safe_dump({"launch": tree}))
    try:
        load_launch(file, {})
    except FineVLAError as error:
        assert "any.launch.yaml" in str(error)
