"""`finevla train` with losses on where the policy looks and on what it has read: the thing that it is told to go to, and how.

    python test/benchmark/learning/looking.py CONFIG.yaml --out RUN [--weight 0.3] [--factors 0.03] [--noise 0.08] [--layer 1]

A head of attention of one layer of the language model shall look, from each token that is said or that becomes an action, at
the token of the picture in which the target lies: the loss is the negative logarithm of the weight that it gives it. Where that
is, instructions of `scene_questions.py` say in their answers (column and row); of simulated demonstrations the scene is made
anew from its seed. It counts until 70 % of an episode: by then a thing is in the hand.

With `--factors` each token that becomes an action shall also tell what is meant: arm and approach where the words say them,
colour, shape, column and row of the target. Their sum of cross entropies is read off its last hidden state by a matrix that is
drawn once and stays as it is: what a policy is made of is the same with and without. With `--noise` that share of the pieces of
words before actions is replaced by others at random: no single word shall decide. One process, without workers.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import torch
from demonstrated_scenes import DemonstratedScenes
from scene_questions import CAMERA, COLUMNS

from finevla_core.images import ImageFormat, fit_point
from finevla_models.vla.batch import IGNORED, VLABatch, VLAExample
from finevla_models.vla.head import Losses, VLAPolicy
from finevla_models.vla.small_backbone import SPECIAL
from finevla_sim.world import World
from finevla_tools.training.config import ANSWERS, load_run_config
from finevla_tools.training.mixture import FINE, WORDING
from finevla_tools.training.question_samples import QuestionSamples
from finevla_tools.training.trainer import train
from finevla_tools.training.vla_samples import VLASamples

NEAR = 0.7  # share of an episode in which the thing still lies where it lay
PLACE = re.compile(r"\b(\d) (\d)\b")
ORIGINAL = VLAPolicy.batch, VLAPolicy.forward
WORDS = 6  # of an answer that tells an instruction's target

# What a sentence means: of each the number of a word, -1 for what is not said.
MEANT = {
    "active_actor": ("left_arm", "right_arm"),
    "approach_direction": ("top", "left", "right", "front"),
    "target_color": ("red", "green", "blue", "yellow", "purple", "orange"),
    "target_shape_or_size": ("cube", "cylinder", "ball", "brick"),
}
SEEN = ("target_color", "target_shape_or_size")  # also where the words do not say them: the target has them


@dataclass(frozen=True)
class LookingExample(VLAExample):
    """A sample; `target` is the number of the picture's token in which its target lies, -1 = not known; `meant` by `MEANT`."""

    target: int = -1
    meant: tuple[int, ...] = ()


@dataclass(frozen=True)
class LookingBatch(VLABatch):
    """Samples, and for each the token that its target lies in; `meant` of those with actions."""

    targets: tuple[int, ...] = ()
    meant: tuple[tuple[int, ...], ...] = ()


def looking(example: VLAExample, target: int, meant: tuple[int, ...]) -> LookingExample:
    return LookingExample(**{f.name: getattr(example, f.name) for f in fields(VLAExample)}, target=target, meant=meant)


class Places:
    """Where the targets of a set's episodes lie in the fitted picture of the front camera, by their scenes."""

    def __init__(self, root: Path, images: ImageFormat) -> None:
        self.demonstrated, self.images, self.world = DemonstratedScenes(root), images, None
        self.token = cache(self._token)

    def _token(self, index: int) -> int:
        scene, item = self.demonstrated.scene(index)
        if self.world is None:
            robot = self.demonstrated.robot
            self.world = World(scene, robot.embodiment, robot.urdf_path)
        else:
            self.world.reset(scene)
        x, y = self.world.project(CAMERA, self.world.truth().objects[item.name][:3, 3])
        height, width = self.world.image_size
        x, y = fit_point((x + 1) / 2 * width, (y + 1) / 2 * height, height, width, self.images, CAMERA)
        if not (0 <= x < self.images.width and 0 <= y < self.images.height):
            return -1
        square = self.images.width // COLUMNS
        return int(y // square) * COLUMNS + int(x // square)


class LookingSamples(VLASamples):
    """Samples that know where their targets lie."""

    def __init__(self, *arguments: object, **more: object) -> None:
        super().__init__(*arguments, **more)
        self.places = [Places(one.files.root, self.options.images) for one in self.sets]

    def _made(self, chosen: int, place: int, frame: int, kind: str, which: float) -> VLAExample:
        episode = self.sets[chosen].episodes[place]
        is_there = frame < NEAR * len(episode)
        made = super()._made(chosen, place, frame, kind, which)
        factors = self.places[chosen].demonstrated.rows[episode.index]["factors"]
        is_fine = kind in (FINE, WORDING)
        meant = [words.index(factors[name]) if is_fine or name in SEEN else -1 for name, words in MEANT.items()]
        return looking(made, self.places[chosen].token(episode.index) if is_there else -1, tuple(meant))


def answered(answer: str) -> int:
    """The token that an answer names by column and row; -1 for answers of another kind."""
    found = PLACE.search(answer) if len(answer.split()) == WORDS else None
    return -1 if found is None else int(found[2]) * COLUMNS + int(found[1])


class Look:
    """Adds the loss to a policy's; `weight` of it, by the first head of layer `layer`. It stands in for two of its methods."""

    def __init__(self, weight: float, factors: float, noise: float, layer: int, images: ImageFormat) -> None:
        self.weight, self.factors, self.layer, self.weights = weight, factors, layer, torch.zeros(0)
        self.noise, self.drawn = noise, torch.Generator().manual_seed(0)
        self.squares = rows, columns = images.height * COLUMNS // images.width, COLUMNS
        self.counts = [*(len(words) for words in MEANT.values()), columns, rows]
        self.last, self.readers = torch.zeros(0), torch.zeros(0)
        self.is_watched = False
        self.batch, self.forward = ORIGINAL

    def stand_in(self) -> None:
        """From now on policies batch and lose with this."""
        VLAPolicy.batch = lambda policy, examples: self.batch_of(policy, examples)
        VLAPolicy.forward = lambda policy, batch, generator=None: self.losses(policy, batch, generator)

    def batch_of(self, policy: VLAPolicy, examples: Sequence[VLAExample]) -> VLABatch:
        made = self.batch(policy, examples)
        targets = tuple(e.target if isinstance(e, LookingExample) else answered(e.answer) for e in examples)
        meant = tuple(e.meant for e in examples if isinstance(e, LookingExample))
        parts = {f.name: getattr(made, f.name) for f in fields(VLABatch)}
        if self.noise and policy.training and made.actions is not None:
            parts["tokens"] = self._misheard(made, len(policy.backbone.prompts.tokenizer))
        return LookingBatch(**parts, targets=targets, meant=meant)

    def _misheard(self, made: VLABatch, vocabulary: int) -> torch.Tensor:
        """The tokens with some pieces of words replaced; what is special stays."""
        others = torch.randint(len(SPECIAL), vocabulary, made.tokens.shape, generator=self.drawn)
        chosen = torch.rand(made.tokens.shape, generator=self.drawn) < self.noise
        return torch.where(chosen & made.mask & ~made.queries & (made.tokens >= len(SPECIAL)), others, made.tokens)

    def losses(self, policy: VLAPolicy, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        if not self.is_watched:
            policy.backbone.model.set_attn_implementation({"text_config": "eager"})  # others tell no weights
            watched = policy.backbone.model.model.language_model.layers[self.layer].self_attn
            watched.register_forward_hook(self._remember)
            policy.backbone.model.model.language_model.norm.register_forward_hook(self._remember_last)
            self.is_watched = True
        made = self.forward(policy, batch, generator)
        if not policy.training or not isinstance(batch, LookingBatch):
            return made
        pictures = batch.tokens == policy.backbone.model.config.image_token_id
        given = [
            self.weights[k, row, pictures[k].nonzero()[target, 0]]
            for k, (row, target) in enumerate(zip(looked_from(batch), batch.targets, strict=True))
            if target >= 0
        ]
        if not given:
            return made
        loss = -torch.stack([torch.log(some + 1e-4).mean() for some in given]).mean()
        share = torch.stack([some.mean() for some in given]).mean().detach()
        total, parts = made.total + self.weight * loss, {**made.parts, "look": share}
        if batch.meant and self.factors:
            told, right = self._told(batch)
            total, parts = total + self.factors * told, {**parts, **right}
        return Losses(total, parts)

    def _told(self, batch: LookingBatch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Cross entropy of what is meant and where it lies, read from the tokens that become actions."""
        if not len(self.readers):
            drawn = torch.Generator().manual_seed(0)
            self.readers = torch.linalg.qr(torch.randn(self.last.shape[-1], sum(self.counts), generator=drawn))[0] * 4.0
        of = looked_from(batch)
        logits = (self.last @ self.readers).split(self.counts, -1)
        columns = self.squares[1]
        labels = torch.tensor(
            [
                [*meant, *((target % columns, target // columns) if target >= 0 else (-1, -1))]
                for meant, target in zip(batch.meant, batch.targets, strict=True)
            ]
        )
        total, right = torch.zeros(()), {}
        for k, name in enumerate((*MEANT, "column", "row")):
            wanted = labels[:, k][:, None].expand(of.shape)[of]
            if (wanted >= 0).any():
                one = logits[k][of]
                total = total + torch.nn.functional.cross_entropy(one, wanted, ignore_index=-1)
                right[f"told_{name}"] = (one.argmax(-1) == wanted)[wanted >= 0].float().mean()
        return total, right

    def _remember_last(self, _module: torch.nn.Module, _given: object, made: torch.Tensor) -> None:
        self.last = made.float()

    def _remember(self, _module: torch.nn.Module, _given: object, made: tuple[torch.Tensor, torch.Tensor]) -> None:
        self.weights = made[1].float()[:, 0]


def looked_from(batch: VLABatch) -> torch.Tensor:
    """The tokens `(B, L)` from which it shall look: those before what is said, placeholders, else the prompt's last three."""
    if batch.actions is None:
        return torch.nn.functional.pad((batch.labels != IGNORED)[:, 1:], (0, 1))
    if bool(batch.queries.any()):
        return batch.queries
    behind = batch.mask.flip(1).cumsum(1).flip(1)
    return batch.mask & (behind <= 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weight", type=float, default=0.3)
    parser.add_argument("--factors", type=float, default=0.0)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--layer", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    config = load_run_config(options.config)
    if config.training.workers:
        parser.error(f"{options.config} must say training.workers: 0")
    torch.set_num_threads(options.threads)
    policy, data, training = config.policy, config.data, config.training
    if policy.head == ANSWERS:
        samples = QuestionSamples([one.path for one in data.sets], policy, data.validation, training.seed)
    else:
        samples = LookingSamples(policy, data, training.seed, training.batch, 2)
    Look(options.weight, options.factors, options.noise, options.layer, policy.images).stand_in()
    print(f"checkpoint: {train(config, samples, options.out, options.resume)}")


if __name__ == "__main__":
    main()
