"""A sample of `test/benchmark/field_files.py`: whatever is wrong with a file, a sentence, and no frame lost in silence."""

import importlib.util
import sys
from pathlib import Path

import pytest

for needed in ("pyarrow", "av", "h5py", "rosbags", "google.protobuf"):
    pytest.importorskip(needed, reason="needs 'make data-setup'")


@pytest.mark.slow
def test_damaged_and_odd_files_get_sentences_and_lose_nothing_in_silence(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "test" / "benchmark" / "field_files.py"
    spec = importlib.util.spec_from_file_location("field_files", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["field_files"] = module
    spec.loader.exec_module(module)
    tally = module.fuzz(72, 1, tmp_path)
    assert tally.faults == []
    assert tally.inputs == 72
    assert tally.frames_out + tally.frames_reported >= tally.frames_in
    assert 0 < tally.frames_reported < tally.frames_in
