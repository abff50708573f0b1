"""InstructVLA (Yang et al. 2025, arXiv 2507.17520): text and actions from one model, by latent action queries.

The backbone answers in words and then says its query tokens, whose last hidden states are the latent actions; a flow
expert with eyes of its own makes the chunk of them. docs/train.md says what differs from the paper and from its public code.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone, HiddenStates
from finevla_models.vla.batch import IGNORED, VLABatch, VLAExample, required_state
from finevla_models.vla.flow_expert import FlowExpert
from finevla_models.vla.flow_matching import FlowMatching, draw_noise
from finevla_models.vla.head import ChunkShape, Losses, VLAHead, VLAPolicy, required_actions
from finevla_models.vla.instruct_vla_config import InstructConfig
from finevla_models.vla.lora_experts import EXPERTS, GateHead, add_experts
from finevla_models.vla.prompt_encoder import AnswerTokens, PromptEncoder
from finevla_models.vla.query_tokens import add_query_tokens

SIGMA_MIN = 0.001  # of the flow's path
QUERY = "<|action_query_{}|>"


class InstructHead(VLAHead):
    """Latent action queries, mixed LoRA experts and a flow expert.

    Making it adds query tokens and LoRA experts to the backbone and freezes what its stage does not train, so that a backbone
    takes one such head. At first both change nothing: the experts' `up` is zero.
    """

    changes_backbone = True
    speaks = True

    def __init__(self, config: InstructConfig, shape: ChunkShape, backbone: Backbone) -> None:
        super().__init__()
        self.shape = shape
        self.expert = FlowExpert(config, shape, backbone.width)
        self.config = replace(
            config, vision_config=self.expert.vision.config
        )  # the weights are the policy's own from now on
        self.flow = FlowMatching(config.draws, config.steps, SIGMA_MIN)
        self.gate = GateHead(backbone.width, config.gate_hidden, config.gate_depth, config.gate_dropout)
        with torch.no_grad():
            self.gate.out.bias[EXPERTS.index("action")] += config.gate_bias
        self.gates = add_experts(backbone.model, config.targets, config.rank, config.alpha, config.lora_dropout)
        self.query_ids = add_query_tokens(backbone, [QUERY.format(k) for k in range(config.queries)])
        trained = {id(value) for value in self.trainable(backbone).values()}
        for parameter in [*backbone.parameters(), *self.parameters()]:
            parameter.requires_grad_(id(parameter) in trained)

    def trainable(self, backbone: Backbone, stage: int | None = None) -> Mapping[str, nn.Parameter]:
        """Return what a stage (None: that of the options) trains, by its name in the policy."""
        stage = stage or self.config.stage
        found: dict[str, nn.Parameter] = {}
        for name, value in [*backbone.named_parameters("backbone"), *self.named_parameters("head")]:
            *_, kind, last = name.split(".")
            if kind in ("down", "up") and last in EXPERTS:
                is_trained = stage == 2 or last == "action"
            elif name.startswith("backbone."):
                is_trained = stage == 1 and (last == "rows" or self.config.train_backbone)
            elif name.startswith("head.gate."):
                is_trained = stage == 2
            else:
                is_trained = stage == 1 and last != "mask_token"  # of DINOv2's own training; nothing reaches it
            if is_trained:
                found[name] = value
        return found

    def answer(self, example: VLAExample, prompts: PromptEncoder) -> AnswerTokens:
        """Return the answer's words and the query tokens, all of them said; without actions a given answer stands alone."""
        words = prompts.words(example.answer)
        if example.actions is None and example.answer:
            return words + prompts.end()
        return words + self.queries() + (AnswerTokens() if example.actions is None else prompts.end())

    def queries(self) -> AnswerTokens:
        """Return the query tokens in their order; they are said as well, so that the first one means 'act now'."""
        count = len(self.query_ids)
        return AnswerTokens(tuple(self.query_ids), (True,) * count, (True,) * count)

    def set_gates(self, plain_states: Callable[[], Tensor], device: torch.device) -> None:
        """Mix the experts for the next pass: in stage 1 the action expert alone, in stage 2 as the gate head says.

        It reads the gates from `plain_states()` `(B, L, width)`, run with the experts off and without gradients.
        """
        if self.config.stage == 1:
            alone = [float(name == "action") for name in EXPERTS]
            self.gates.value = torch.tensor([[alone]], device=device)
            return
        self.gates.value = None
        with torch.no_grad():
            states = plain_states()
        self.gates.value = self.gate(states)

    def states(self, backbone: Backbone, batch: VLABatch) -> HiddenStates:
        """Return the hidden states of a batch with the experts mixed."""
        self.set_gates(lambda: backbone(batch).last, batch.tokens.device)
        made: HiddenStates = backbone(batch)
        return made

    def loss(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return language and flow loss; of a batch without actions that of language alone."""
        states = self.states(backbone, batch)
        language = language_loss(backbone, states.last, batch.labels)
        total = self.config.language_weight * language
        parts = {"language": language.detach()}
        if batch.actions is not None:
            velocity = self.expert.velocity(self._latents(states), batch.images, self._state(batch.state))
            flow = self.flow.loss(velocity, required_actions(batch, self.shape), batch.action_mask, generator)
            total, parts = total + flow, parts | {"flow": flow.detach()}
        return Losses(total, parts)

    def predict(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised."""
        return self.act(self.latents(backbone, batch), batch, generator)

    def latents(self, backbone: Backbone, batch: VLABatch) -> Tensor:
        """Return the latent actions `(B, N, width)`: the last hidden states at a batch's own query tokens."""
        return self._latents(self.states(backbone, batch))

    def act(self, latents: Tensor, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks for latent actions, and the pictures, state and mask of a batch."""
        noise = draw_noise(len(latents), self.shape.horizon, self.shape.values, generator).to(latents.device)
        velocity = self.expert.velocity(latents, batch.images, self._state(batch.state))
        return self.flow.sample(velocity, noise, batch.action_mask)

    def _latents(self, states: HiddenStates) -> Tensor:
        if states.queries.shape[1] != len(self.query_ids):
            raise FineVLAError(
                f"the sample has {states.queries.shape[1]} query tokens, the head needs {len(self.query_ids)}; a question "
                "is answered in words (answer_text)"
            )
        return states.queries

    def _state(self, state: Tensor | None) -> Tensor | None:
        return required_state(state, self.shape.state) if self.shape.state else None


def language_loss(backbone: Backbone, states: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the labelled tokens of `labels` `(B, L)`, each told from the state before it."""
    wanted = labels[:, 1:]
    told = wanted != IGNORED
    if not bool(told.any()):
        raise FineVLAError("a batch has neither actions nor answers to learn from")
    return nn.functional.cross_entropy(backbone.logits(states[:, :-1][told]).float(), wanted[told])


def instruct_head(policy: VLAPolicy) -> InstructHead:
    """Return the head of an InstructVLA policy; raises `FineVLAError` for any other."""
    if not isinstance(policy.head, InstructHead):
        raise FineVLAError("thoughts and answers in words need a policy with head 'instruct'")
    return policy.head
