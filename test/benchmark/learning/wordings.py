"""Say a set of simulated demonstrations in more words: other wordings of each fine text and raw goal, as `task_aug` rows.

    python test/benchmark/learning/wordings.py data/reach_pick --out data/reach_pick_said [--fine 16] [--raw 4]

Each states of its episode what the first one does; words of the training split alone.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from finevla_core.text_files import read_json_lines
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import how_of, say
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import sample_scene
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
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    files = open_dataset(options.set)
    reader = WordsReader(files)
    rows, _ = read_json_lines(options.set / "meta" / "finevla_episodes.jsonl")
    known = {row["episode_index"]: row for row in rows}
    made = {}
    for episode in files.episodes:
        row, words = known[episode.index], reader.read(episode)
        scene = sample_scene(row["seed"], row["task"], ik, row["level"])
        color, shape = (row["factors"].get(name) for name in ("target_color", "target_shape_or_size"))
        (item,) = [item for item in scene.objects if (item.color, item.shape) == (color, shape)]
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
