"""A policy as one graph of fixed shapes, for ONNX: one observation and the prompt's tokens in, a chunk out.

Pictures stand first in the prompt, so that every token's place is known before the words are; what follows the words is filled
up to a fixed length, which changes nothing for those before: attention is causal.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat
from finevla_core.policy.prompt_tokens import FixedPrompt
from finevla_models.vla.backbone import HiddenStates
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.flow_matching import FlowHead
from finevla_models.vla.gr00t_head import GR00THead
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.head_registry import head_name
from finevla_models.vla.oft_head import OFTHead

WORDS = 128  # tokens that a prompt may have; a few times those of a long instruction
MARK = "\N{OBJECT REPLACEMENT CHARACTER}"  # where the words stand while the template is looked at
FULL = "full_attention"


class FixedPolicy(nn.Module):
    """A policy for one observation at a time, with its inputs' names in `inputs`."""

    def __init__(self, policy: VLAPolicy, images: ImageFormat) -> None:
        """Raises `FineVLAError` for a policy that makes no such graph; the sentence says what stands in the way."""
        super().__init__()
        _refuse(policy)
        self.policy, self.size = policy.float().eval(), (images.height, images.width)
        shape, backbone = policy.head.shape, policy.backbone
        model: Any = backbone.model
        model.set_attn_implementation("eager")  # the exporter knows no grouped heads in torch's own attention
        inner = model.model
        self.visual, self.language, self.embed = inner.visual, inner.language_model, inner.get_input_embeddings()
        self.image = backbone.prompts.processor.image_processor
        _refuse_scaled(self.image, self.size)
        rows, columns = (side // self.image.patch_size for side in self.size)
        self.grid = torch.tensor([[1, rows, columns]] * shape.views)
        self.prompt = self._fixed_prompt()
        length = self.prompt.length
        places = self._picture_places()
        types = torch.zeros(1, length, dtype=torch.int32)
        types[0, places] = 1
        ids = torch.full((1, length), self.prompt.pad_id)
        ids[0, places] = self.prompt.picture_id
        positions = inner.compute_3d_position_ids(
            input_ids=ids, inputs_embeds=None, image_grid_thw=self.grid, mm_token_type_ids=types
        )
        self.places, self.causal = places, torch.full((length, length), -torch.inf).triu(1)[None, None]
        # What depends on places alone is computed here: the exporter stumbles over how, and need not know.
        with torch.no_grad():
            self.turns = self.language.rotary_emb(torch.zeros(1, length, backbone.width), positions)
            self.patch_places = self.visual.fast_pos_embed_interpolate(self.grid)
            angles = self.visual.rot_pos_emb(self.grid).repeat(1, 2)
        self.patch_turns = angles.cos(), angles.sin()
        self.ends = torch.arange(shape.views + 1) * rows * columns  # of each picture's patches
        self.inputs = ["images", "tokens", "length"] + ["state"] * (shape.state > 0)
        self.inputs += ["noise"] * isinstance(policy.head, FlowHead)
        self.eval()  # the exporter puts back whichever mode it finds

    def forward(self, images: Tensor, tokens: Tensor, length: Tensor, *others: Tensor) -> Tensor:
        """Return the chunk `(1, horizon, values)`, normalised.

        Args:
            images: `(1, V, H, W, 3)` uint8.
            tokens: `(1, L)` int64, and how many of them are no filling, `length` `(1,)`.
            others: `state` `(1, D)` if the policy takes one, then `noise` `(1, horizon, values)` for a flow.
        """
        given = dict(zip(self.inputs[3:], others, strict=True))
        last = self._read(tokens, self._seen(images))
        head = self.policy.head
        if isinstance(head, OFTHead):
            rows = head.shape.horizon
            at = (length[:, None] - rows + torch.arange(rows))[..., None].expand(-1, -1, last.shape[-1])
            return head.rows(last.gather(1, at), given.get("state"))
        assert isinstance(head, GR00THead)
        mask = torch.arange(self.prompt.length)[None] < length[:, None]
        batch = VLABatch(tokens, mask, tokens, mask, {}, images, given.get("state"))
        backbone: Any = _Known(HiddenStates((last,), mask, last))
        return head.flow.sample(head.velocity(backbone, batch, 1), given["noise"])

    def _seen(self, images: Tensor) -> Tensor:
        """The pictures' tokens `(pictures·tokens, width)`."""
        x = self.visual.patch_embed(self._patches(images)) + self.patch_places
        for block in self.visual.blocks:
            x = block(x, cu_seqlens=self.ends, position_embeddings=self.patch_turns)
        made: Tensor = self.visual.merger(x)
        return made

    def _read(self, tokens: Tensor, seen: Tensor) -> Tensor:
        """The last hidden states `(1, L, width)`."""
        x = self.embed(tokens).index_copy(1, self.places, seen[None])
        for layer in self.language.layers:
            x = layer(x, position_embeddings=self.turns, attention_mask=self.causal, use_cache=False)
        made: Tensor = self.language.norm(x)
        return made

    def example(self) -> Mapping[str, Tensor]:
        """Return inputs of the right shapes, by name."""
        shape, length = self.policy.head.shape, self.prompt.length
        tokens = torch.full((1, length), self.prompt.pad_id)
        tokens[0, self._picture_places()] = self.prompt.picture_id
        made = {
            "images": torch.randint(0, 256, (1, shape.views, *self.size, 3), dtype=torch.uint8),
            "tokens": tokens,
            "length": torch.tensor([length]),
            "state": torch.zeros(1, shape.state),
            "noise": torch.randn(1, shape.horizon, shape.values),
        }
        return {name: made[name] for name in self.inputs}

    def _patches(self, images: Tensor) -> Tensor:
        """Pictures to patches as Qwen's processor cuts them: 2x2 neighbours behind one another, each picture shown twice."""
        options, (height, width) = self.image, self.size
        side, merge, twice = options.patch_size, options.merge_size, options.temporal_patch_size
        mean, std = torch.tensor(options.image_mean), torch.tensor(options.image_std)
        pictures = (images[0].float() * options.rescale_factor - mean) / std
        cut = pictures.reshape(
            -1, height // side // merge, merge, side, width // side // merge, merge, side, 3
        )  # picture, rows, neighbour, pixel, columns, neighbour, pixel, colour
        cut = cut.permute(0, 1, 4, 2, 5, 7, 3, 6)[:, :, :, :, :, :, None]
        return cut.expand(-1, -1, -1, -1, -1, -1, twice, -1, -1).reshape(-1, 3 * twice * side * side)

    def _fixed_prompt(self) -> FixedPrompt:
        head, prompts = self.policy.head, self.policy.backbone.prompts
        tokens_each = int(self.grid[0].prod()) // self.image.merge_size**2
        token = prompts.processor.image_token
        before, after = prompts.template(MARK, head.shape.views).split(MARK)
        if token in after:
            raise FineVLAError("the backbone's template has pictures behind the words; export with --runtime torch")
        before = before.replace(token, token * tokens_each)
        answer = head.answer(VLAExample((), ""), prompts).tokens
        fixed = len(prompts.words(before).tokens) + len(prompts.words(after).tokens) + len(answer)
        return FixedPrompt(
            before,
            after,
            answer,
            prompts.token_id(token),
            tokens_each * head.shape.views,
            prompts.pad_id,
            fixed + WORDS,
        )

    def _picture_places(self) -> Tensor:
        ids = self.policy.backbone.prompts.words(self.prompt.before).tokens
        return torch.tensor([k for k, token in enumerate(ids) if token == self.prompt.picture_id])


def _refuse_scaled(processor: Any, size: tuple[int, int]) -> None:
    found = processor(images=[np.zeros((*size, 3), np.uint8)], return_tensors="np")["image_grid_thw"][0]
    if tuple(processor.patch_size * int(side) for side in found[1:]) != size:
        side = processor.patch_size * processor.merge_size
        raise FineVLAError(
            f"pictures of {size[0]}x{size[1]} are scaled by the backbone's processor, which the graph does not do; train with "
            f"sides that are multiples of {side} pixels, or export with --runtime torch"
        )


class _Known:
    """Stands for a backbone that has been run."""

    def __init__(self, states: HiddenStates) -> None:
        self.states = states

    def __call__(self, batch: VLABatch) -> HiddenStates:
        return self.states


def _refuse(policy: VLAPolicy) -> None:
    model, name = policy.backbone.model, head_name(policy.head)
    wants = "; export with --runtime torch, for 'finevla serve'"
    if not isinstance(policy.head, OFTHead | GR00THead):
        raise FineVLAError(f"head '{name}' makes no ONNX graph, those that do are oft and gr00t{wants}")
    if isinstance(policy.head, OFTHead) and policy.head.config.released_placeholder:
        raise FineVLAError(
            f"a policy with 'released_placeholder' has its state in words, and makes no ONNX graph{wants}"
        )
    if type(model).__name__ != "Qwen3_5ForConditionalGeneration":
        raise FineVLAError(f"the ONNX graph is of Qwen3.5's layers, this backbone is {type(model).__name__}{wants}")
    config: Any = model.config
    if odd := sorted(set(config.text_config.layer_types) - {FULL}):
        raise FineVLAError(f"the backbone has layers of {odd[0]}, which ONNX has no operator for here{wants}")
