"""FineVLA's policies as a plug-in of LeRobot, which finds it by its name: `lerobot-train --policy.type=finevla`."""

from lerobot_policy_finevla.configuration_finevla import FineVLAConfig

__all__ = ["FineVLAConfig"]
