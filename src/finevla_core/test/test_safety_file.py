"""Promises of safety files: they tighten, never loosen, and a broken one is refused in a sentence."""

from pathlib import Path

import pytest
from guarded_arms import Guarded

from finevla_core.errors import FineVLAError
from finevla_core.safety.envelope import load_envelope, load_limits


def test_safety_file_can_tighten_but_not_loosen(guarded: Guarded, tmp_path: Path) -> None:
    file, name = tmp_path / "limits.yaml", guarded.embodiment.names[0]
    file.write_text(f"values: {{{name}: {{velocity: 1.0, upper: 1.5, jerk: 50}}}}\nmargin_rad: 0.05")
    narrow = load_limits(guarded.embodiment, guarded.urdf, file)
    assert (narrow.velocity[0], narrow.upper[0], narrow.jerk[0], narrow.margin[0]) == (1.0, 1.5, 50, 0.05)
    (tmp_path / "more.yaml").write_text(f"based_on: limits.yaml\nvalues: {{{name}: {{velocity: 0.5}}}}")
    narrower = load_limits(guarded.embodiment, guarded.urdf, tmp_path / "more.yaml")
    assert (narrower.velocity[0], narrower.upper[0], narrower.margin[0]) == (0.5, 1.5, 0.05)
    (tmp_path / "more.yaml").write_text(f"based_on: limits.yaml\nvalues: {{{name}: {{velocity: 2.0}}}}")
    with pytest.raises(FineVLAError, match="looser"):
        load_limits(guarded.embodiment, guarded.urdf, tmp_path / "more.yaml")


BROKEN_FILES = {
    "values: {NAME: {velocity: 30.0}}": "looser than the robot's 3",
    "values: {NAME: {lower: -9}}": "looser",
    "values: {NAME: {velocity: .nan}}": "velocity is nan; it must be finite and above 0",
    "values: {NAME: {lower: -.inf}}": "lower is -inf; it must be finite",
    "values: {NAME: {jerk: 0}}": "jerk is 0.0; it must be finite and above 0",
    "values: {NAME: {velocity: -1}}": "must be finite and above 0",
    "values: {NAME: {velocity: yes}}": "velocity is no number: 'True'",
    f"values: {{NAME: {{velocity: {10**400}}}}}": "velocity is no number",
    "values: {NAME: {velocity: [1]}}": "velocity is no number",
    "values: {NAME: 5}": "must be followed by its limits",
    "values: [1]": "must name values and their limits",
    "values: {NAME: {acceleration: 0.01}}": "would need 300 s to stop from 3 rad/s, 5 s are allowed",
    "values: {NAME: {jerk: 0.1}}": "s to stop from 3 rad/s",
    f"margin_rad: {10**400}": "margin_rad is no number",
    "margin_rad: true": "margin_rad is no number",
    "[" * 5000: "cannot be read as YAML",
    "? ? ?": "cannot be read as YAML",
    "\x00": "cannot be read as YAML",
    "!!python/object:os.system x": "cannot be read as YAML",
    "values: {elbow: {velocity: 1}}": "unknown value 'elbow'",
    "values: {NAME: {veloctiy: 1}}": "did you mean 'velocity'",
    "values: {NAME: {lower: 1.0, upper: 0.9}}": "no room",
    "zone: []": "did you mean 'zones'",
    "zones: [{name: a}]": "either 'box",
    "zones: [{name: a, plane: {point: [0, 0, 0], normal: [0, 0, 0]}}]": "no direction",
    "zones: [{name: a, box: {lower: [1, 0, 0], upper: [0, 1, 1]}}]": "must be below",
    "zones: [{name: a, frames: [elbow], plane: {point: [0, 0, 0], normal: [0, 0, 1]}}]": "frame 'elbow' is not in the URDF",
    "spacing: {stop_m: 0.0}": "must be 0.005 to 0.5",
    "margin_rad: -0.1": "margin_rad is -0.1",
    "max_chunk_s: 60": "must be 0.2 to 20",
    "based_on: limits.yaml": "circle",
    "values: 3": "must name values and their limits",
    "3": "not a mapping",
    "[": "cannot be read",
}


@pytest.mark.parametrize("text", BROKEN_FILES)
def test_broken_safety_file_is_refused_in_a_sentence(guarded: Guarded, tmp_path: Path, text: str) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text(text.replace("NAME", guarded.embodiment.names[0]))
    with pytest.raises(FineVLAError, match=rf"limits\.yaml.*{BROKEN_FILES[text]}") as caught:
        load_envelope(guarded.embodiment, guarded.urdf, file)
    assert str(caught.value).isprintable()
