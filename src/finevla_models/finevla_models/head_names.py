"""Names of the heads, apart from torch: the command line offers them where torch is not installed."""

HEADS = ("flow", "regression")  # flow matching, or one answer
VLA_HEADS = (
    "oft",
    "gr00t",
    "pi",
    "fast",
    "instruct",
    "language",
)  # of vision-language-action policies, `vla.head_registry`
