"""Say a set of simulated demonstrations in more words: other wordings of each fine text and raw goal, as `task_aug` rows.

    python test/benchmark/learning/wordings.py data/reach_pick --out data/reach_pick_said [--fine 16] [--raw 4]

Each states of its episode what the first one does; words of the training split alone.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from demonstrated_scenes import DemonstratedScenes

from finevla_sim.language import how_of, say
from finevla_sim.tasks import Goal
from finevla_tools.datasets.episode_words import TimedText, WordsReader
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.datasets.words_writer import write_words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fine", type=int, default=16)
    parser.add_argument("--raw", type=int, default=4)
    options = parser.parse_args()
    demonstrated = DemonstratedScenes(options.set)
    files = open_dataset(options.set)
    reader = WordsReader(files)
    made = {}
    for episode in files.episodes:
        row, words = demonstrated.rows[episode.index], reader.read(episode)
        scene, item = demonstrated.scene(episode.index)
        truth = row["truth"]
        goal = Goal(row["task"], truth["arm"], item.name, truth["approach"], truth["grasp"])
        rng = np.random.default_rng([row["seed"], 61])
        fine = [say(goal, scene, rng, how_of(goal), "train").text for _ in range(options.fine)]
        raw = [say(goal, scene, rng, (), "train").text for _ in range(options.raw)]
        texts = [TimedText(0.0, text) for text in dict.fromkeys([*fine, *raw])]
        made[episode.index] = replace(words, paraphrases=(*words.paraphrases, *texts))
        if len(made) % 400 == 0:
            print(len(made), file=sys.stderr)
    print(write_words(files, made, options.out))


if __name__ == "__main__":
    main()
