"""A random Qwen3.5 of 0.3 million parameters with a tokenizer of its own, as a folder like those of the hub."""

from pathlib import Path
from typing import Any

SPECIAL = (
    "<|pad|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
    "<|fim_pad|>",
)  # fmt: skip
LAYERS = ("linear_attention", "full_attention")  # both kinds; the real one has three linear ones before each full one
WORDS = ["reach the red cube with the left arm from above", "pick up the blue ball with the right hand, then stop"]


def make_tiny_backbone(folder: Path, width: int = 64) -> Path:
    """Write config, processor and random weights (seed 0) into a folder, and return it."""
    import torch
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3_5Config,
        Qwen3_5ForConditionalGeneration,
        Qwen3VLVideoProcessor,
    )
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

    tokenizer = _tokenizer()
    pixels: dict[str, Any] = {"size": {"shortest_edge": 32 * 32, "longest_edge": 10**6}}
    images = Qwen2VLImageProcessor(patch_size=16, merge_size=2, **pixels)
    processor = Qwen3VLProcessor(image_processor=images, tokenizer=tokenizer, video_processor=Qwen3VLVideoProcessor())
    names = ("image_pad", "video_pad", "vision_start", "vision_end")
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in names}
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 0], "mrope_interleaved": True}
    text = {
        "vocab_size": len(tokenizer), "hidden_size": width, "intermediate_size": 2 * width,
        "num_hidden_layers": len(LAYERS), "layer_types": list(LAYERS), "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
        "linear_num_key_heads": 2, "linear_num_value_heads": 4, "rope_parameters": rope | {"partial_rotary_factor": 0.25},
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": width,
        "patch_size": 16, "num_position_embeddings": 64,
    }  # fmt: skip
    config = Qwen3_5Config(
        text_config=text, vision_config=vision, image_token_id=ids["image_pad"], video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"], vision_end_token_id=ids["vision_end"],
    )  # fmt: skip
    torch.set_num_threads(1)  # two, beside another process on two cores, wait for each other: thirty times slower
    torch.manual_seed(0)
    Qwen3_5ForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        WORDS * 5, trainers.BpeTrainer(vocab_size=400, special_tokens=list(SPECIAL), initial_alphabet=alphabet)
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<|pad|>", eos_token="<|im_end|>", additional_special_tokens=list(SPECIAL)
    )
    for name in ("image", "video"):
        setattr(fast, f"{name}_token", f"<|{name}_pad|>")
        setattr(fast, f"{name}_token_id", fast.convert_tokens_to_ids(f"<|{name}_pad|>"))
    fast.vision_start_token, fast.vision_end_token = "<|vision_start|>", "<|vision_end|>"
    return fast
