"""Promise of the whole stack: spoilt messages on what it hears end no node and move nothing, and then it obeys as before.

A sample; `test/benchmark/fuzz_messages.py` sends 100,000 to each.
"""

import pytest
from fuzzed_stack import FuzzedStack

MESSAGES, RATE_HZ = 100, 1000.0

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.mark.timeout(280)
def test_spoilt_messages_and_requests_end_no_node_and_move_nothing() -> None:
    with FuzzedStack(seed=1) as stack:
        targets = stack.targets()
        # Joint states are how it is seen that nothing moves; a controller's topic is not ours to guard, only to watch.
        topics = [t for t in targets if not t.is_service and not t.name.endswith(("joint_states", "joint_trajectory"))]
        services = [t for t in targets if t.is_service and t.name.startswith(f"{stack.namespace}/safety/")]
        assert len(topics) > 10
        assert len(services) > 4
        wrong = stack.sweep([*topics, *services], MESSAGES, RATE_HZ)
        assert not wrong, "\n".join([*wrong, *(f"[{name}] {line}" for name, line in stack.log[-40:])])
