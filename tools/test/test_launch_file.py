"""Promises of the launch runner's reader: the project's files are understood, everything else is refused by name."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_tools.launch_file import load_launch, parse_arguments

STACK = Path(__file__).parents[2] / "launch" / "cobotmagic.launch.yaml"


def read(tmp_path: Path, *actions: object, **given: str):
    file = tmp_path / "test.launch.yaml"
    file.write_text(yaml.safe_dump({"launch": list(actions)}))
    return load_launch(file, given)


def test_simulation_starts_four_nodes_with_the_arguments_given() -> None:
    launch = load_launch(STACK, {"bundle": "b", "namespace": "lab", "seed": "7"})
    assert [p.name for p in launch.processes] == ["simulator", "camera_ingest", "policy", "safety_bridge"]
    assert all("__ns:=/lab" in p.command for p in launch.processes)
    assert "seed:=7" in launch.processes[0].command
    assert "bundle:='b'" in launch.processes[2].command
    assert launch.environment["FASTDDS_DEFAULT_PROFILES_FILE"].endswith("fastdds.xml")
    assert [p.respawn for p in launch.processes] == [False, True, True, False]


def test_real_robot_needs_ros2_control_and_says_so() -> None:
    with pytest.raises(FineVLAError, match=r"robot_state_publisher|controller_manager|command"):
        load_launch(STACK, {"robot": "real"})


def test_unknown_argument_is_named_with_the_known_ones() -> None:
    with pytest.raises(FineVLAError, match="'bundel'; .* knows .*bundle"):
        load_launch(STACK, {"bundel": "x"})
    with pytest.raises(FineVLAError, match="key:=value"):
        parse_arguments(["bundle=x"])


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"include": {"file": "x"}}, "'include' is not supported"),
        ({"node": {"pkg": "finevla_sim", "exec": "simulator", "machine": "m"}}, "key 'machine'"),
        ({"node": {"pkg": "finevla_sim", "exec": "nothing"}}, "no executable 'nothing'"),
        ({"node": {"pkg": "no_such_package", "exec": "x"}}, "package 'no_such_package'"),
        ({"let": {"name": "a", "value": "$(anon x)"}}, r"\$\(anon"),
        ({"let": {"name": "a", "value": "$(var b)"}}, "variable 'b'"),
        ({"let": {"name": "a", "value": "$(eval '1 + 1')"}}, "comparisons"),
        ({"executable": {"cmd": "true", "if": "perhaps"}}, "'perhaps' is not a condition"),
        ({"arg": {"name": "a"}}, "'a' has no default"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path: Path, action: dict, said: str) -> None:
    with pytest.raises(FineVLAError, match=said):
        read(tmp_path, action)


def test_conditions_and_groups(tmp_path: Path) -> None:
    launch = read(
        tmp_path,
        {"arg": {"name": "mode", "default": "a"}},
        {"executable": {"cmd": "echo one", "if": '$(eval \'"$(var mode)" == "a"\')'}},
        {"executable": {"cmd": "echo two", "unless": '$(eval \'"$(var mode)" == "a"\')'}},
        {"group": [{"executable": {"cmd": "echo three"}}, {"if": '$(eval \'"$(var mode)" != "a"\')'}]},
    )
    assert [p.command for p in launch.processes] == [("echo", "one")]


_leaves = st.none() | st.booleans() | st.integers() | st.sampled_from(["$(var x)", "$(", "a", "$(eval 'x')", "'"])
_trees = st.recursive(
    _leaves,
    lambda t: (
        st.lists(t, max_size=3)
        | st.dictionaries(
            st.sampled_from(["arg", "let", "node", "name", "value", "pkg", "exec", "if", "default"]), t, max_size=3
        )
    ),
    max_leaves=10,
)


@given(tree=_trees)
def test_any_launch_file_is_read_or_refused_in_one_sentence(
    tree: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.launch.yaml"
    file.write_text(yaml.safe_dump({"launch": tree}))
    try:
        load_launch(file, {})
    except FineVLAError as error:
        assert "any.launch.yaml" in str(error)
