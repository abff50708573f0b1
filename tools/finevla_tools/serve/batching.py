"""Observations of several clients in one run of the graphs: who comes while one runs goes together with the next."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.policy.network_interface import PolicyGraphs, PromptReader, Thinker


class BatchedGraphs:
    """Graphs of which `run` is called with one observation, from any thread; at most `most` go together, one run at a time."""

    def __init__(self, graphs: PolicyGraphs, most: int) -> None:
        self.graphs, self.most = graphs, most if graphs.batches else 1
        self.provider, self.memory_shape, self.batches = graphs.provider, graphs.memory_shape, graphs.batches
        self.takes_running, self.tells_presence = graphs.takes_running, graphs.tells_presence
        self.runs = self.observations = 0
        self._condition = threading.Condition()
        self._waiting: list[_Job] = []
        self._is_running = False

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return the outputs for these inputs alone; raises what the graphs raise."""
        job = _Job(inputs)
        with self._condition:
            self._waiting.append(job)
            self._condition.wait_for(lambda: job.is_done or not self._is_running)
            if not job.is_done:
                self._is_running = True
                batch = self._taken(job)
            else:
                batch = []
        if batch:
            self._run(batch)
        if job.error is not None:
            raise job.error
        return job.outputs

    def features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the text encoder's features; words come seldom, so that they are never put together."""
        return self.graphs.features(tokens, mask)

    def refusal(self, prompt: str) -> str:
        """Return why the network cannot take a prompt, "" where it can or reads none."""
        return self.graphs.refusal(prompt) if isinstance(self.graphs, PromptReader) else ""

    def thought(self, memory: NDArray[np.float32]) -> str:
        """Return the words behind an answer, "" for a network that does not think."""
        return self.graphs.thought(memory) if isinstance(self.graphs, Thinker) else ""

    def _taken(self, first: "_Job") -> list["_Job"]:
        """The job whose thread runs the graphs now, and those that fit beside it."""
        shapes = first.shapes
        others = [job for job in self._waiting if job is not first and job.shapes == shapes]
        batch = [first, *others[: self.most - 1]]
        self._waiting = [job for job in self._waiting if job not in batch]
        return batch

    def _run(self, batch: list["_Job"]) -> None:
        try:
            inputs = batch[0].inputs
            if len(batch) > 1:
                inputs = {name: np.concatenate([job.inputs[name] for job in batch]) for name in inputs}
            outputs = self.graphs.run(inputs)
            for name, value in outputs.items():
                if len(value) != len(batch):
                    raise FineVLAError(
                        f"the policy answers {len(value)} times '{name}' to {counted(len(batch), 'observation')}"
                    )
            for k, job in enumerate(batch):
                job.outputs = {name: value[k : k + 1] for name, value in outputs.items()}
        except Exception as error:
            for job in batch:
                job.error = error
        finally:
            with self._condition:
                for job in batch:
                    job.is_done = True
                self.runs += 1
                self.observations += len(batch)
                self._is_running = False
                self._condition.notify_all()


class _Job:
    def __init__(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        self.inputs = inputs
        self.shapes = {name: value.shape for name, value in inputs.items()}
        self.outputs: dict[str, NDArray[np.float32]] = {}
        self.error: Exception | None = None
        self.is_done = False
