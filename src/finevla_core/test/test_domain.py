"""Promises of the domain types: instruction, embodiment."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.bundle import read_manifest
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.extrinsics import load_extrinsics
from finevla_core.instruction import MAX_TEXT, Factors, Instruction


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "x" * (MAX_TEXT + 1), "broken \ufffd text"])
def test_instruction_that_cannot_be_followed_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(FineVLAError) as refused:
        Instruction(raw=text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nul \x00", "U+0000 at character 5"),
        ("go\x07", "U+0007 at character 3"),
        ("\x1b[31mgo", "U+001B at character 1"),
        ("go\rback", "U+000D at character 3"),
        ("go\r\n\x85", "U+0085 at character 5"),
    ],
)
def test_control_sign_is_refused_by_its_code_point(text: str, said: str) -> None:
    with pytest.raises(FineVLAError) as refused:
        Instruction(raw="go", fine=text)
    assert str(refused.value) == f"the instruction's fine text has the control sign {said}; remove it"
    with pytest.raises(FineVLAError, match="factor 'retry' has the control sign"):
        Factors(retry=text)


@pytest.mark.parametrize(
    "text", ["line\nline", "a\tb", "a\r\nb", "全角\u3000空格", "go \U0001f468\u200d\U0001f373!", "word " * 400]
)
def test_line_ends_tabs_and_every_printable_sign_pass(text: str) -> None:
    assert Instruction(raw=text).raw == text


def test_unknown_factor_value_is_refused_with_the_choices() -> None:
    with pytest.raises(FineVLAError, match="left_arm, right_arm, both_arms"):
        Factors(active_actor="third_arm")
    with pytest.raises(FineVLAError, match="top, left, right, front, back"):
        Factors(approach_direction="below")


def test_ten_factors_are_individually_optional() -> None:
    assert Factors().said() == {}
    assert Factors(retry="once").said() == {"retry": "once"}


def test_prompt_says_the_fine_text_and_the_factors() -> None:
    instruction = Instruction("reach it", "from above.", Factors(active_actor="left_arm", target_color="red"))
    assert instruction.prompt() == "from above. use the left arm. the target is the red"


def test_missing_id_and_stamp_are_made_up_and_given_ones_are_kept() -> None:
    made = Instruction("go").stamped(5)
    assert made.id
    assert made.stamp_ns == 5
    assert made.stamped(9) == made


def test_second_embodiment_has_seven_values(single_file: Path) -> None:
    robot = load_embodiment(single_file)
    assert len(robot.names) == 7
    assert robot.camera_names == ("wrist",)


def test_gripper_values_are_shares_of_the_finger_travel(cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    positions = np.linspace(0.01, 0.14, 14)
    assert np.allclose(robot.to_positions(robot.to_values(positions)), positions)
    assert robot.to_values(np.full(14, 0.05))[6] == pytest.approx(1.0)


def test_robot_file_mistakes_are_named(cobotmagic_file: Path, tmp_path: Path) -> None:
    good = yaml.safe_load(cobotmagic_file.read_text())
    mistakes = {
        "listed twice": lambda d: d["values"].append(d["values"][0]),
        "exactly one controller": lambda d: d["controllers"].pop(),
        "unknown entry 'wheels'": lambda d: d.update(wheels=4),
        "closed_m and open_m": lambda d: d["values"][6].pop("open_m"),
        "missing or malformed": lambda d: d.pop("base_frame"),
        "max_acceleration, max_jerk .* positive and finite": lambda d: d["values"][0].update(
            max_acceleration=float("nan")
        ),
        "observation.rate_hz must be there, positive": lambda d: d["observation"].update(rate_hz=float("inf")),
        "max_skew_s and max_age_s must be finite": lambda d: d["observation"].update(max_age_s=float("nan")),
        "closed_m and open_m must be finite": lambda d: d["values"][6].update(open_m=float("inf")),
        "5 stands where a name must": lambda d: d.update(urdf=5),
        "malformed entry .int too large": lambda d: d["values"][0].update(max_jerk=10**400),
    }
    for said, spoil in mistakes.items():
        data = yaml.safe_load(yaml.safe_dump(good))
        spoil(data)
        file = tmp_path / "robot.yaml"
        file.write_text(yaml.safe_dump(data))
        with pytest.raises(FineVLAError, match=said):
            load_embodiment(file)


_yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_keys = st.sampled_from(
    ["name", "urdf", "base_frame", "state_topic", "values", "cameras", "controllers", "observation"]
)


def test_file_of_brackets_is_one_sentence(tmp_path: Path) -> None:
    """YAML's reader goes as deep as the file does."""
    file = tmp_path / "deep.yaml"
    file.write_text("[" * 5000)
    for load in (load_embodiment, lambda path: load_extrinsics(path, [])):
        with pytest.raises(
            FineVLAError, match=r"^(robot|calibration) file '.*deep\.yaml' cannot be read as YAML"
        ) as caught:
            load(file)
        assert str(caught.value).isprintable()
    (tmp_path / "manifest.yaml").write_text("{" * 5000)
    with pytest.raises(FineVLAError, match="manifest.yaml' cannot be read as YAML"):
        read_manifest(tmp_path)


@given(data=st.dictionaries(_keys, _yaml_values, max_size=8))
def test_any_robot_file_gives_an_embodiment_or_one_sentence(
    data: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(yaml.safe_dump(data))
    try:
        assert isinstance(load_embodiment(file), Embodiment)
    except FineVLAError as error:
        assert "any.yaml" in str(error)
