"""What `finevla train` learns from, in memory: demonstrations, pictures, motions; and how batches are drawn from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finevla_core.instruction import Factors, Instruction
from finevla_core.text import TextSpec, encode
from finevla_sim.demos import load_demos
from finevla_sim.motions import load_motions
from finevla_sim.pictures import load_pictures
from finevla_sim.planner import HORIZON

STATES_PER_PLAN = 16
SETTLED_STEPS = 6  # states drawn from after a plan's end, where the arm must keep still
LAG_STEPS = 0.5  # a measured state is behind its target by up to this much
NOISE_RAD = 0.01


class Sentences:
    """Several sentences for each of many things, as n-gram ids: `ngrams` (things, sentences, T, G)."""

    def __init__(self, texts: Sequence[Sequence[str]], spec: TextSpec) -> None:
        rows = [[encode(text, spec) for text in row] for row in texts]
        self.ngrams = np.array([[ngrams for ngrams, _ in row] for row in rows], np.int16)
        self.mask = np.array([[mask for _, mask in row] for row in rows], np.float32)

    def draw(self, things: NDArray[np.int64], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """For each of the `things` (B,) one of its sentences: `ngrams` (B, T, G) and `mask` (B, T), T the longest."""
        one = rng.integers(self.ngrams.shape[1], size=len(things))
        longest = int(self.mask[things, one].sum(1).max())
        ngrams = self.ngrams[things, one, :longest].astype(np.int64)
        return {"ngrams": ngrams, "mask": self.mask[things, one, :longest]}


class Demonstrations:
    """Frames (images uint8, states, chunks) with the sentences of their episode, and what others would have meant."""

    def __init__(self, folders: Sequence[Path], spec: TextSpec, seed: int) -> None:
        shards = [shard for folder in folders for shard in load_demos(folder)]
        self.episodes: list[dict[str, Any]] = [e for shard in shards for e in shard["episodes"]]
        offsets = np.cumsum([0, *(len(shard["episodes"]) for shard in shards)])
        self.episode = np.concatenate([s["episode"] + o for s, o in zip(shards, offsets, strict=False)])
        self.states = np.concatenate([shard["states"] for shard in shards])
        self.chunks = np.concatenate([shard["chunks"] for shard in shards])
        self.images = np.empty((len(self.states), *shards[0]["images"].shape[1:]), np.uint8)
        at = 0
        for shard in shards:
            images = shard.pop("images")
            self.images[at : at + len(images)] = images
            at += len(images)
        rng = np.random.default_rng(seed)
        texts = [_prompts([t for _, t in episode["texts"]], episode["goal"], rng) for episode in self.episodes]
        self.sentences = Sentences(texts, spec)
        self.where = np.array([episode["where"] for episode in self.episodes], np.float32)
        others = [other for episode in self.episodes for other in episode["others"]]
        self.first_other = np.cumsum([0, *(len(episode["others"]) for episode in self.episodes)])
        self.other_sentences = Sentences([other["texts"] for other in others], spec)
        self.other_where = np.array([other["where"] for other in others], np.float32)

    def __len__(self) -> int:
        return len(self.states)

    def batch(self, frames: NDArray[np.int64], rng: np.random.Generator, device: torch.device) -> dict[str, Tensor]:
        """The given B frames, and 2 B sentences with their `where`: first each frame's own, of which `chunk` is true,
        then for each one that names another object; nobody showed how to go there from here."""
        episodes = self.episode[frames]
        other = rng.integers(self.first_other[episodes], self.first_other[episodes + 1])
        arrays = {
            "images": self.images[frames],
            "state": self.states[frames],
            "chunk": self.chunks[frames],
            "where": np.concatenate([self.where[episodes], self.other_where[other]]),
        }
        own, others = self.sentences.draw(episodes, rng), self.other_sentences.draw(other, rng)
        return _tensors(arrays | _below(own, others), device)


class Pictures:
    """Front pictures; every object in one can be the one that a sentence names."""

    def __init__(self, folder: Path, spec: TextSpec) -> None:
        shards = list(load_pictures(folder))
        self.images = np.concatenate([shard["images"] for shard in shards])
        scenes = [scene for shard in shards for scene in shard["scenes"]]
        self.first = np.cumsum([0, *(len(scene) for scene in scenes)])
        places = [place for scene in scenes for place in scene]
        self.pixels = np.array([place["pixel"] for place in places], np.float32)
        self.sentences = Sentences([place["texts"] for place in places], spec)

    def batch(self, size: int, rng: np.random.Generator, device: torch.device) -> dict[str, Tensor]:
        """Random pictures (B), and 2 B sentences with the `pixels` of what they name: two for each picture."""
        scene = rng.integers(len(self.images), size=size)
        both = np.concatenate([scene, scene])
        place = rng.integers(self.first[both], self.first[both + 1])
        arrays = {"images": self.images[scene][:, None], "pixels": self.pixels[place]}
        return _tensors(arrays | self.sentences.draw(place, rng), device)


class Motions:
    """Plans without pictures: states and targets of all plans in a row."""

    def __init__(self, folder: Path, spec: TextSpec, seed: int) -> None:
        shards = list(load_motions(folder))
        self.states = np.concatenate([shard["states"] for shard in shards])
        self.targets = np.concatenate([shard["targets"] for shard in shards])
        lengths = np.concatenate([np.diff(shard["starts"]) for shard in shards])
        self.first = np.cumsum([0, *lengths])
        plans = [plan for shard in shards for plan in shard["plans"]]
        self.where = np.array([plan["where"] for plan in plans], np.float32)
        rng = np.random.default_rng(seed)
        self.sentences = Sentences([_prompts(plan["texts"], plan["goal"], rng) for plan in plans], spec)

    def batch(self, plans: int, rng: np.random.Generator, device: torch.device) -> dict[str, Tensor]:
        """Random plans (P) and, along each, random states (P * STATES_PER_PLAN): a little behind and beside it."""
        plan = rng.integers(len(self.where), size=plans)
        first, last = self.first[plan, None], self.first[plan + 1, None] - 1
        step = first + (rng.random((plans, STATES_PER_PLAN)) * (last - first + 1 + SETTLED_STEPS)).astype(np.int64)
        lag = rng.random((*step.shape, 1)).astype(np.float32) * LAG_STEPS
        now, before = self.states[np.minimum(step, last)], self.states[np.clip(step - 1, first, last)]
        moves = abs(self.targets[first] - self.targets[last]) > 0
        noise = (rng.normal(0.0, NOISE_RAD, now.shape) * moves).astype(np.float32)
        ahead = np.minimum(step[..., None] + 1 + np.arange(HORIZON), last[..., None])
        arrays = {
            "state": (now + lag * (before - now) + noise).reshape(-1, now.shape[-1]),
            "chunk": self.targets[ahead].reshape(-1, HORIZON, now.shape[-1]),
            "where": self.where[plan],
        }
        return _tensors(arrays | self.sentences.draw(plan, rng), device)


def _below(above: dict[str, NDArray[Any]], below: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Two draws of sentences as one, the shorter ones padded."""
    longest = max(above["mask"].shape[1], below["mask"].shape[1])

    def padded(array: NDArray[Any]) -> NDArray[Any]:
        return np.pad(array, [(0, 0), (0, longest - array.shape[1]), *[(0, 0)] * (array.ndim - 2)])

    return {name: np.concatenate([padded(above[name]), padded(below[name])]) for name in above}


def _tensors(arrays: dict[str, NDArray[Any]], device: torch.device) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def _prompts(texts: Sequence[str], goal: dict[str, str], rng: np.random.Generator) -> list[str]:
    """The sentences; a third of them with some factors said as data too, as the policy node would word them."""
    color, shape = goal["target"].split("_")
    prompts = []
    for text in texts:
        if rng.random() < 0.33:
            said = rng.random(3) < 0.6
            factors = Factors(
                active_actor=f"{goal['arm']}_arm" if said[0] else None,
                target_color=color if said[1] else None,
                target_shape_or_size=shape if said[1] else None,
                approach_direction=goal["approach"] if said[2] else None,
            )
            text = Instruction(raw=text, factors=factors).prompt()
        prompts.append(text)
    return prompts
