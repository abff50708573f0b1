"""Between a policy and an arm: limits, a gate that rejects whole chunks, plans that never jump, and their state machine."""
