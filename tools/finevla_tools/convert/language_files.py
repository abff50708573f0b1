"""What is said of the parts of a conversion beyond their tables: factors as annotations, FineVLA's file of fine texts."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from finevla_tools.annotate.annotation import Annotation
from finevla_tools.convert.converted_episode import EpisodePart
from finevla_tools.datasets.annotation_table import ANNOTATIONS_FILE, write_annotations
from finevla_tools.datasets.episode_words import instruction_rows
from finevla_tools.datasets.words_writer import write_fine_records


def write_word_files(root: Path, parts: Iterable[EpisodePart]) -> None:
    """Write the annotations and fine texts of parts, which are the episodes 0, 1, ... of the data set at `root`."""
    rows: list[Annotation] = []
    fine = []
    for index, part in enumerate(parts):
        rows += [replace(row, episode=index) for row in part.header.annotations]
        instructions = part.header.facts.get("instructions") or ()
        rows += instruction_rows(index, instructions, part.length / part.header.fps, part.tasks)
        if texts := list(dict.fromkeys(word.content for word in part.header.words if word.style == "plan")):
            fine.append({"episode_id": index, "FineGrainedInstruction": texts})
    if rows:
        write_annotations(root / ANNOTATIONS_FILE, rows)
    write_fine_records(root, fine)
