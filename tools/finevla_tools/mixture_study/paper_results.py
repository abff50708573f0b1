"""What the paper reports of the seven ratios, to stand beside a study: FineVLA (arXiv 2605.27284), RoboTwin 2.0 and a robot."""

from collections.abc import Mapping
from types import MappingProxyType

SOURCE = "FineVLA (arXiv 2605.27284); its steps, trials and seeds are not published, and no intervals are"
RATIOS = ("0:1", "1:4", "1:2", "1:1", "2:1", "4:1", "1:0")


def _by_ratio(*values: float) -> Mapping[str, float]:
    return MappingProxyType(dict(zip(RATIOS, values, strict=True)))


# Success in %, easy and hard scenes of 50 tasks, after pre-training with the ratio and fine-tuning on raw instructions.
ROBOTWIN: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "RDT-OFT, easy": _by_ratio(61.5, 68.2, 74.1, 73.9, 70.4, 68.6, 62.9),
        "RDT-OFT, hard": _by_ratio(60.0, 66.5, 72.1, 72.4, 68.3, 67.5, 62.0),
        "RDT-GR00T, easy": _by_ratio(55.1, 58.2, 61.7, 69.4, 65.9, 64.9, 62.1),
        "RDT-GR00T, hard": _by_ratio(53.4, 55.7, 60.9, 68.2, 63.1, 63.2, 61.5),
        "AlohaMix-OFT, easy": _by_ratio(71.8, 75.3, 82.8, 86.8, 80.9, 79.5, 78.3),
        "AlohaMix-OFT, hard": _by_ratio(71.4, 74.3, 78.6, 82.5, 79.3, 78.5, 76.1),
    }
)
# Points of 100 on a dual-arm Aloha; "seven" leaves out L→R, which was never trained.
REAL_ROBOT: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "Clean": _by_ratio(72, 76, 79, 84, 80, 74, 70),
        "Stack": _by_ratio(35, 36, 39, 40, 38, 37, 35),
        "Color": _by_ratio(22, 28, 36, 40, 34, 31, 25),
        "Pose": _by_ratio(24, 32, 48, 47, 42, 43, 41),
        "Approach": _by_ratio(60, 65, 76, 78, 72, 72, 70),
        "Rotate": _by_ratio(76, 79, 87, 86, 83, 83, 80),
        "Arm": _by_ratio(60, 61, 63, 64, 62, 62, 60),
        "L→R": _by_ratio(0, 0, 5, 10, 5, 5, 0),
        "seven": _by_ratio(49.9, 53.9, 61.1, 62.7, 58.7, 57.4, 54.4),
        "eight": _by_ratio(43.6, 47.1, 54.1, 56.1, 52.0, 50.9, 47.6),
    }
)
