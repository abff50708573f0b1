"""RoboFine-Bench and its kin: questions and captions on robot videos, scored as published and with the repairs beside it."""
