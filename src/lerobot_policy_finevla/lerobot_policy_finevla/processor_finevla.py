"""What stands before and behind the policy in LeRobot: its own default steps, normalisation among them."""

from typing import Any

from lerobot.processor import PolicyAction, PolicyProcessorPipeline, make_default_pre_post_processors

from lerobot_policy_finevla.configuration_finevla import FineVLAConfig

Pipelines = tuple[
    PolicyProcessorPipeline[dict[str, Any], dict[str, Any]], PolicyProcessorPipeline[PolicyAction, PolicyAction]
]


def make_finevla_pre_post_processors(config: FineVLAConfig, dataset_stats: Any = None) -> Pipelines:
    """Return LeRobot's default pipelines for the statistics of a data set."""
    made: Pipelines = make_default_pre_post_processors(config, dataset_stats, normalizer_device=config.device)
    return made
