"""Training samples of LeRobot data sets by number: sample k is the same whoever asks for it, in whichever order.

Which set, frame and words a number stands for is drawn from (seed, number) alone. The frame goes through the transforms that
the bundle's manifest will hold, so that it is bit for bit what the node makes of the same observation.
"""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.instruction_history import with_history
from finevla_core.policy.manifest_transforms import parse_transforms
from finevla_core.policy.transforms import CameraChoice, Resize, Sample, Transforms
from finevla_models.vla.batch import VLAExample
from finevla_tools.canonical.arm_kinematics import load_robot
from finevla_tools.training.config_types import DataOptions, SampleOptions
from finevla_tools.training.episodes import FrameWords
from finevla_tools.training.missing_texts import check_words
from finevla_tools.training.mixture import (
    FACTORS,
    FINE,
    FRAME_STREAM,
    HELD_OUT_STREAM,
    NONE,
    PARAPHRASE,
    QUESTION_STREAM,
    WORDING,
    parse_mixture,
    question_share,
    shares_of,
)
from finevla_tools.training.picture_cache import make_pictures
from finevla_tools.training.questions import (
    PictureAnswer,
    question_content,
    questions_of_file,
    questions_of_set,
    read_picture,
)
from finevla_tools.training.random_draws import permuted
from finevla_tools.training.target_transforms import manifest_transforms, statistics_of
from finevla_tools.training.training_set import open_set


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class VLASamples:
    """Samples of a run; may be sent to other processes, pictures stay in the cache.

    Attributes:
        hash: Of all that is learned from, whatever folders it lies in; another one means other data.
        frames: Training frames of all sets.
        statistics: The manifest's entry `statistics`.
        transforms: The manifest's entry `transforms`.
        values: Names of the robot's values, in order.
        told: Sentences for the person: what was decided of the sets, and what is not there.
    """

    def __init__(
        self,
        options: SampleOptions,
        sources: DataOptions,
        seed: int = 0,
        batch: int = 1,
        jobs: int = 1,
        say: Callable[[str], object] = _say,
    ) -> None:
        """Open the sets and decode their pictures, if the cache does not have them yet.

        Args:
            options: What the policy is given and answers.
            sources: The sets, and in which words their frames are told.
            seed: Of all draws.
            batch: Consecutive samples, from a multiple of it on, that are either all actions or all questions.
            jobs: Processes that read and decode.
            say: Takes the sentences of `told`, before anything is decoded.

        Raises:
            FineVLAError: One sentence: whatever could go wrong at a later sample is found here.
        """
        self.options, self.seed = options, seed
        self._mixture = parse_mixture(sources.mix, sources.language)
        self._shares = shares_of([source.weight for source in sources.sets])
        self._questions = question_share(sources.vlm.ratio, batch)
        robot = load_robot(options.embodiment)[0]
        _check_robot_cameras(options, robot)
        self.sets = [open_set(k, options, sources, seed, jobs) for k in range(len(sources.sets))]
        self.values: tuple[str, ...] = robot.names
        self.frames = sum(len(one.training) for one in self.sets)
        found = [text for one in self.sets for text in one.told]
        self.told = list(dict.fromkeys([*found, *check_words(self.sets, self._mixture)]))
        self._pool = self._pooled(sources)
        for text in self.told:
            say(text)
        make_pictures([job for one in self.sets for job in one.pictures], sources.cache, jobs)
        there = np.logical_or.reduce([one.there for one in self.sets])
        self.statistics: dict[str, Any] = statistics_of(self.sets, options, robot)
        self.transforms: list[Any] = manifest_transforms(options, robot, there, self.statistics)
        self._pipeline = Transforms(
            (
                CameraChoice({name: name for name in options.cameras}),
                Resize(options.images),
                *parse_transforms(self.transforms, robot.names),
            )
        )
        self.hash: str = self._content(sources)

    def example(self, index: int) -> VLAExample:
        """Return sample `index`, 0, 1, 2, ... without end."""
        is_question, number = self._questions.split(index)
        if is_question:
            return self._asked(self._question(number))
        place = self._place(number)
        made = self._made(*place, *self._kind(number, *place))
        if self._mixture.thinks(number, self.seed):
            chosen, episode, frame = place
            made = replace(made, answer=self.sets[chosen].episodes[episode].step_at(frame))
        return made

    def kind_of(self, index: int) -> str:
        """Return in which words sample `index` is told: fine, raw, factors, paraphrase, none; or question, point."""
        is_question, number = self._questions.split(index)
        if is_question:
            return self._question(number).kind
        return self._kind(number, *self._place(number))[0]

    def held_out(self, count: int) -> list[VLAExample]:
        """Return `count` samples of the episodes that are held out, or as many as there are; always the same."""
        sizes = [len(one.held_out) for one in self.sets]
        total, found = sum(sizes), []
        for k in range(min(count, total)):
            position, number = permuted(k, total, self.seed, HELD_OUT_STREAM, 0), 0
            while position >= sizes[number]:
                position, number = position - sizes[number], number + 1
            place = (number, *self.sets[number].held_out.place(position))
            found.append(self._made(*place, *self._kind(k, *place)))
        return found

    def _place(self, number: int) -> tuple[int, int, int]:
        """Set, episode and frame of the sample with this number among those with actions."""
        chosen, ordinal = self._shares.place(number, self.seed)
        training = self.sets[chosen].training
        epoch, position = divmod(ordinal, len(training))
        return chosen, *training.place(permuted(position, len(training), self.seed, FRAME_STREAM + chosen, epoch))

    def _kind(self, number: int, chosen: int, episode: int, frame: int) -> tuple[str, float]:
        words = self.sets[chosen].episodes[episode].words_at(frame)
        return self._mixture.kind(
            number, self.seed, words.has_factors, bool(words.paraphrases), bool(words.fine_wordings)
        )

    def _made(self, chosen: int, place: int, frame: int, kind: str, which: float) -> VLAExample:
        one = self.sets[chosen]
        episode = one.episodes[place]
        actions, counts = one.chunk(place, frame)
        instruction = _instruction(episode.words_at(frame), kind, which)
        if self._pipeline.history:
            instruction = with_history(instruction, [_instruction(w, kind, which) for w in episode.words_before(frame)])
        pictures = one.pictures[place].target.read(frame)
        sample, _ = self._pipeline.forward(
            Sample(
                dict(zip(self.options.cameras, pictures, strict=True)),
                episode.states[frame].astype(np.float64),
                instruction,
                instruction.prompt(),
                actions,
            )
        )
        assert sample.actions is not None
        # What a set does not have is given as 0 behind all transforms, whatever they make of it.
        return VLAExample(
            images=tuple(sample.images.values()),
            prompt="" if kind == NONE else sample.prompt,
            state=None if sample.state is None else np.where(one.there, sample.state, 0.0).astype(np.float32),
            actions=np.where(one.there, sample.actions, 0.0).astype(np.float32),
            action_mask=counts,
        )

    def _content(self, sources: DataOptions) -> str:
        made = hashlib.sha256(" ".join(one.content for one in self.sets).encode())
        for one in self._pool:
            file = sources.vlm.path
            folder, pictures = (file.parent, [one.picture]) if file and isinstance(one.picture, Path) else (Path(), [])
            made.update(question_content(one.question, one.answer, folder, pictures))
        return made.hexdigest()

    def _pooled(self, sources: DataOptions) -> list[PictureAnswer]:
        if not self._questions.ratio:
            return []
        images, found = self.options.images, list[PictureAnswer]()
        for number, one in enumerate(self.sets):
            mine = [(int(place), one.episodes[place]) for place in one.training.episodes]
            found += questions_of_set(number, one.files, mine, one.cameras, images)
        if sources.vlm.path is not None:
            found += questions_of_file(sources.vlm.path, images)
        if not found:
            raise FineVLAError(
                "'vlm' asks for questions about pictures, and there are none: the sets have no 'vqa' rows about the policy's "
                "cameras ('lerobot-annotate' writes them), and no file with any is named as its 'path'"
            )
        return found

    def _question(self, number: int) -> PictureAnswer:
        epoch, position = divmod(number, len(self._pool))
        return self._pool[permuted(position, len(self._pool), self.seed, QUESTION_STREAM, epoch)]

    def _asked(self, asked: PictureAnswer) -> VLAExample:
        if isinstance(asked.picture, tuple):
            chosen, place, frame, camera = asked.picture
            picture = self.sets[chosen].pictures[place].target.read(frame)[camera]
        else:
            picture = read_picture(asked.picture, self.options.images)
        return VLAExample(images=(picture,), prompt=asked.question, answer=asked.answer)


def _instruction(words: FrameWords, kind: str, which: float) -> Instruction:
    """What an operator would have said in these words; in plain ones where earlier frames have none of that kind."""
    if kind == WORDING and words.fine_wordings:
        return Instruction(raw=words.raw, fine=words.fine_wordings[int(which * len(words.fine_wordings))])
    if kind in (FINE, WORDING):
        return Instruction(raw=words.raw, fine=words.fine)
    if kind == FACTORS and words.has_factors:
        return Instruction(raw=words.raw, factors=words.factors)
    if kind == PARAPHRASE and words.paraphrases:
        return Instruction(raw=words.paraphrases[int(which * len(words.paraphrases))])
    return Instruction(raw=words.raw or words.fine or NONE)


def _check_robot_cameras(options: SampleOptions, robot: Embodiment) -> None:
    if odd := [name for name in options.cameras if name not in robot.camera_names]:
        raise FineVLAError(
            f"the policy's camera '{odd[0]}' is none of robot '{robot.name}', which has {', '.join(robot.camera_names)}"
        )
