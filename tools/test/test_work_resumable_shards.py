"""Promise of shards: a second run makes only what is missing, whole."""

from pathlib import Path

import numpy as np
import pytest

from finevla_sim.npz_shards import load_shards, save_shard
from finevla_tools.work.resumable_shards import make_shards


def write_list(path: Path, content: int) -> tuple[int, int]:
    save_shard(path, {"x": np.arange(3)}, things=[{"content": content}])
    return 1, 1


@pytest.mark.slow
def test_a_second_run_makes_only_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "new" / f"things_{i}.npz" for i in range(3)]
    assert make_shards(paths, [(i,) for i in range(3)], write_list, "things", 1) == 0
    paths[1].unlink()
    before = paths[0].stat().st_mtime_ns
    assert make_shards(paths, [(i + 10,) for i in range(3)], write_list, "things", 1) == 0
    assert "1/1 shard," in capsys.readouterr().out
    assert paths[0].stat().st_mtime_ns == before
    assert [s["things"][0]["content"] for s in load_shards(paths[0].parent, "things", ("things",))] == [0, 11, 2]
    assert sorted(paths[0].parent.iterdir()) == paths, "nothing half-written is left"
