"""`finevla bench mixture` with the losses of `looking.py`: which share of fine words makes a small policy steerable.

    python test/benchmark/learning/mixtures.py STUDY.yaml --out FOLDER [--weight 0.1] [--factors 0.03]

The cells are trained, exported and tried one after the other in this process; the tables and the page are the command's.
What a raw goal does not say, the losses do not ask.
"""

import argparse
from pathlib import Path
from typing import Any

import looking
import torch

from finevla_tools.mixture_study import command, study_cell
from finevla_tools.mixture_study.study_config import load_study
from finevla_tools.training import training_set
from finevla_tools.training.config import VLARunConfig

READ = training_set.read_episodes
found: dict[tuple[Any, ...], Any] = {}


def read_once(files: Any, columns: Any, kept: Any, unreviewed: bool, jobs: int = 1) -> Any:
    """The episodes of a set; all cells read the same ones."""
    key = files.root, tuple(kept), unreviewed
    if key not in found:
        found[key] = READ(files, columns, kept, unreviewed, jobs)
    return found[key]


def opened(config: VLARunConfig, _jobs: int) -> Any:
    return looking.LookingSamples(config.policy, config.data, config.training.seed, config.training.batch, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weight", type=float, default=0.1)
    parser.add_argument("--factors", type=float, default=0.03)
    options = parser.parse_args()
    torch.set_num_threads(1)
    study, ends = load_study(options.study), {}
    study_cell.opened, training_set.read_episodes = opened, read_once
    for cell in study.cells():
        folder = options.out / command.CELLS / cell.name
        row = study_cell.read_cell(folder, cell, study.evaluation)
        if row is None:
            looking.Look(options.weight, options.factors, 0.0, 1, cell.config.policy.images).stand_in()
            data = opened(cell.config, 1).hash
            ends[cell.name] = study_cell.run_cell(study_cell.CellJob(cell, study.evaluation, folder, data, 1))
        else:
            ends[cell.name] = study_cell.CellEnd(row)
        print(cell.text, ends[cell.name].fault or f"{ends[cell.name].row['score']:.1f} points", flush=True)
        command._write(study, ends, options.out)
    command._end(study, ends, options.out)


if __name__ == "__main__":
    main()
