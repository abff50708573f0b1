"""Backbones of random weights for machines without a GPU or a hub: Qwen3.5's architecture, with a tokenizer learnt anew."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPECIAL = (
    "<|pad|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|fim_pad|>",
)
MAX_VOCABULARY = 2048  # pieces; more than the words of a robot's tasks need
# Of the vision tower's positions, which are drawn small beside its patches: places would be learnt late.
PLACE_SCALE = 10.0
LINEAR, FULL = "linear_attention", "full_attention"


@dataclass(frozen=True)
class BackboneSize:
    """Width of the hidden states, kinds of layers, and the vision tower; each 2x2 of its patches become one token."""

    width: int
    layers: tuple[str, ...]
    head_width: int
    vision_width: int
    vision_depth: int
    patch: int


# Linear attention has a fast kernel on GPUs alone: what is to be trained on a CPU does without.
SIZES: Mapping[str, BackboneSize] = {
    "tiny": BackboneSize(64, (LINEAR, FULL), 16, 32, 2, 16),
    "mini": BackboneSize(192, (FULL,) * 4, 64, 128, 2, 8),
    "small": BackboneSize(256, (FULL,) * 6, 64, 192, 4, 8),
}


def make_backbone(folder: Path, texts: Iterable[str], size: str | BackboneSize = "small", seed: int = 0) -> int:
    """Write config, processor and weights of a new backbone into a folder; return how many parameters it has.

    Args:
        folder: As a folder of the hub: config.json, model.safetensors, tokenizer and processor.
        texts: What the tokenizer learns its pieces from; whatever else is said later is read letter by letter.
        size: One of its own, or a name of `SIZES`.
        seed: Of the weights.
    """
    import torch
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3_5Config,
        Qwen3_5ForConditionalGeneration,
        Qwen3VLVideoProcessor,
    )
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    chosen, tokenizer = SIZES[size] if isinstance(size, str) else size, _tokenizer(texts)
    token = 2 * chosen.patch  # pixels that one token is wide and high
    images = Qwen2VLImageProcessor(
        patch_size=chosen.patch, merge_size=2, size={"shortest_edge": token**2, "longest_edge": 10**6}
    )
    processor = Qwen3VLProcessor(image_processor=images, tokenizer=tokenizer, video_processor=Qwen3VLVideoProcessor())
    names = ("image_pad", "video_pad", "vision_start", "vision_end")
    config = Qwen3_5Config(
        text_config=_text_config(chosen, len(tokenizer)),
        vision_config={
            "depth": chosen.vision_depth,
            "hidden_size": chosen.vision_width,
            "intermediate_size": 2 * chosen.vision_width,
            "num_heads": max(2, chosen.vision_width // 64),
            "out_hidden_size": chosen.width,
            "patch_size": chosen.patch,
            "num_position_embeddings": 256,
        },
        **{_config_key(name): tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in names},
    )
    torch.manual_seed(seed)
    model = Qwen3_5ForConditionalGeneration(config)
    model.model.visual.pos_embed.weight.data.mul_(PLACE_SCALE)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return int(model.num_parameters())


def _config_key(name: str) -> str:
    """Where the configuration keeps the id of a token: image_pad is image_token_id, vision_start vision_start_token_id."""
    return f"{name.removesuffix('_pad')}_token_id"


def _text_config(size: BackboneSize, vocabulary: int) -> dict[str, Any]:
    heads = size.width // size.head_width
    quarter = size.head_width // 8  # of pairs of angles that turn with the place: a quarter of the width, as in Qwen3.5
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [quarter // 3, quarter // 3, quarter - 2 * (quarter // 3)]
        if quarter >= 3
        else [1, quarter - 1, 0],
        "mrope_interleaved": True,
        "partial_rotary_factor": 0.25,
    }
    return {
        "vocab_size": vocabulary,
        "hidden_size": size.width,
        "intermediate_size": 3 * size.width,
        "num_hidden_layers": len(size.layers),
        "layer_types": list(size.layers),
        "num_attention_heads": heads,
        "num_key_value_heads": max(1, heads // 2),
        "head_dim": size.head_width,
        "linear_key_head_dim": size.head_width,
        "linear_value_head_dim": size.head_width,
        "linear_num_key_heads": max(1, heads // 2),
        "linear_num_value_heads": heads,
        "rope_parameters": rope,
        "tie_word_embeddings": True,
    }


def _tokenizer(texts: Iterable[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MAX_VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<|pad|>", eos_token="<|im_end|>", additional_special_tokens=list(SPECIAL)
    )
    for name in ("image", "video"):
        setattr(fast, f"{name}_token", f"<|{name}_pad|>")
        setattr(fast, f"{name}_token_id", fast.convert_tokens_to_ids(f"<|{name}_pad|>"))
    fast.vision_start_token, fast.vision_end_token = "<|vision_start|>", "<|vision_end|>"
    return fast
