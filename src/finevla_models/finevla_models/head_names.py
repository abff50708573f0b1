"""Names of the mover's heads, apart from torch: the command line offers them where torch is not installed."""

HEADS = ("flow", "regression")  # flow matching, or one answer
