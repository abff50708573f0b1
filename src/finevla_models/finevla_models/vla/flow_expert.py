"""InstructVLA's action expert: a block-causal transformer from pictures, latent actions and a noisy chunk to its velocity.

Vision tokens see each other; latent actions and state see them and each other; the noisy actions see all. What does not depend
on the chunk is therefore computed once for all steps of the flow, and kept as keys and values.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from finevla_models.vla.film_vision import FiLMDinov2
from finevla_models.vla.flow_matching import Velocity, sinusoidal
from finevla_models.vla.head import ChunkShape
from finevla_models.vla.instruct_vla_config import InstructConfig

ROPE_THETA = 1000.0


class FlowExpert(nn.Module):
    """A LLaMA of `layers` blocks over three kinds of tokens: vision, conditions (latent actions, state), noisy actions.

    Of several pictures the tokens of the same patch stand beside each other, as in the public code.
    """

    def __init__(self, config: InstructConfig, shape: ChunkShape, width: int) -> None:
        super().__init__()
        hidden = config.hidden
        self.shape, self.is_joint = shape, config.output == "joint"
        self.vision = FiLMDinov2(config.vision_config or config.vision, width, config.vision_size)
        self.from_vision = mlp(self.vision.width, hidden, hidden)
        self.from_latents = mlp(width, hidden, hidden)
        self.from_state = mlp(shape.state, hidden, hidden) if shape.state else None
        self.from_actions, self.with_time = nn.Linear(shape.values, hidden), mlp(2 * hidden, hidden, hidden)
        self.blocks = _blocks(config)
        if self.is_joint:
            made = shape.horizon * shape.values
            sizes = [
                max(size, made) for size in (4 * hidden, 2 * hidden, hidden // 2, 0)
            ]  # the chunk's noise goes through all
            self.out = mlp(shape.horizon * hidden, *sizes)
        else:
            self.out = mlp(hidden, hidden, shape.values)

    def context(self, latents: Tensor, images: Tensor, state: Tensor | None) -> tuple[Tensor, tuple[int, int]]:
        """Return the tokens that do not depend on the chunk `(B, P, hidden)`, and how many are vision and condition.

        Args:
            latents: `(B, N, width)`; their mean is FiLM's condition.
            images: `(B, V, 3, H, W)` in 0...1.
            state: `(B, D)`, None for a policy without.
        """
        latents, views = latents.to(self.from_actions.weight.dtype), images.shape[1]
        condition = latents.mean(dim=1).repeat_interleave(views, dim=0)
        seen = self.from_vision(self.vision(images.flatten(0, 1), condition)).unflatten(0, (-1, views))
        vision = seen.transpose(1, 2).flatten(1, 2)  # (B, patches · V, hidden), patch by patch
        conditions = [self.from_latents(latents)]
        if self.from_state is not None:
            assert state is not None
            conditions.append(self.from_state(state.to(latents.dtype))[:, None])
        condition = torch.cat(conditions, dim=1)
        return torch.cat([vision, condition], dim=1), (vision.shape[1], condition.shape[1])

    def velocity(self, latents: Tensor, images: Tensor, state: Tensor | None) -> Velocity:
        """Return the velocity's function of noisy chunks `(k·B, T, D)` and times `(k·B,)`: all samples, then all again."""
        from transformers import DynamicCache

        tokens, sizes = self.context(latents, images, state)
        cache: Any = DynamicCache(config=self.blocks.config)
        mask = block_causal_mask(sizes).to(tokens.device)
        self.blocks(inputs_embeds=tokens, attention_mask=mask, past_key_values=cache, use_cache=True)
        length, batch = tokens.shape[1], tokens.shape[0]

        def asked(x: Tensor, time: Tensor) -> Tensor:
            if len(x) != cache.layers[0].keys.shape[0]:
                for layer in cache.layers:
                    layer.keys = layer.keys.repeat(len(x) // batch, 1, 1, 1)
                    layer.values = layer.values.repeat(len(x) // batch, 1, 1, 1)
            noisy = self.noisy(x, time)
            everything = torch.ones(1, 1, noisy.shape[1], length + noisy.shape[1], dtype=torch.bool, device=x.device)
            made = self.blocks(inputs_embeds=noisy, attention_mask=everything, past_key_values=cache, use_cache=True)
            cache.crop(length)
            return self.read(made.last_hidden_state)

        return asked

    def noisy(self, x: Tensor, time: Tensor) -> Tensor:
        """Return the tokens `(B, T, hidden)` of noisy chunks `(B, T, D)` at times `(B,)`."""
        actions = self.from_actions(x.to(self.from_actions.weight.dtype))
        when = sinusoidal(time, actions.shape[-1])[:, None].expand_as(actions)
        made: Tensor = self.with_time(torch.cat([actions, when.to(actions.dtype)], dim=-1))
        return made

    def read(self, states: Tensor) -> Tensor:
        """Return the velocity `(B, T, D)` of the last states of the noisy actions `(B, T, hidden)`."""
        if self.is_joint:
            flat: Tensor = self.out(states.flatten(1))
            return flat.unflatten(1, (self.shape.horizon, self.shape.values))
        rows: Tensor = self.out(states)
        return rows


def block_causal_mask(sizes: Sequence[int]) -> Tensor:
    """Return which token sees which, `(1, 1, N, N)` bool: all of its own block and of those before."""
    block = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return (block[None, :] <= block[:, None])[None, None]


def mlp(inputs: int, *sizes: int) -> nn.Sequential:
    """Return linear layers of these sizes with SiLU between them."""
    layers: list[nn.Module] = []
    for size in sizes:
        layers += [nn.Linear(inputs, size), nn.SiLU()]
        inputs = size
    return nn.Sequential(*layers[:-1])


def _blocks(config: InstructConfig) -> Any:
    from transformers import AutoConfig, LlamaModel

    described: Any = AutoConfig.for_model(
        "llama",
        vocab_size=1,
        hidden_size=config.hidden,
        intermediate_size=4 * config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        attention_dropout=config.dropout,
        initializer_range=max(
            0.02, (3 * config.hidden) ** -0.5
        ),  # 0.02 is of widths as the paper's: narrow blocks begin mute
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
    )
    made: Any = LlamaModel(described)
    made.embed_tokens = None  # it is given states, never tokens
    return made
