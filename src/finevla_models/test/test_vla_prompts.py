"""Prompts of a batch: what a sample becomes beside others is what it becomes alone."""

import numpy as np
import pytest
import torch
from tiny_backbone import make_tiny_backbone

from finevla_models.vla.backbone import load_backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.prompt_encoder import PromptEncoder

WORDS = ("reach the red cube", "stop", "pick up the blue ball with the right hand, from above", "")


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> PromptEncoder:
    return load_backbone(str(make_tiny_backbone(tmp_path_factory.mktemp("backbone")))).prompts


@pytest.mark.parametrize("views", [1, 2])
def test_a_sample_among_others_is_what_it_is_alone(prompts: PromptEncoder, views: int) -> None:
    rng = np.random.default_rng(0)
    examples = [
        VLAExample(tuple(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(views)), text)
        for text in WORDS
    ]
    answers = [prompts.words("yes") + prompts.end() if k % 2 else prompts.words("") for k in range(len(examples))]
    together = prompts.batch(examples, answers)
    for k, (example, answer) in enumerate(zip(examples, answers, strict=True)):
        alone = prompts.batch([example], [answer])
        length = alone.tokens.shape[1]
        assert torch.equal(together.tokens[k, :length], alone.tokens[0])
        assert torch.equal(together.labels[k, :length], alone.labels[0])
        assert together.mask[k].sum() == length
        for name, value in alone.inputs.items():
            share = together.inputs[name]
            if name in ("mm_token_type_ids", "token_type_ids"):
                assert torch.equal(share[k, :length], value[0])
            else:
                assert torch.equal(share.chunk(len(examples))[k], value)
