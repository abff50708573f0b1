"""What RoboTwin's evaluation imports by name."""

from .deploy_policy import encode_obs, eval, get_model, reset_model

__all__ = ["encode_obs", "eval", "get_model", "reset_model"]
