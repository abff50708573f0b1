"""What the safety bridge allows: timeouts, cool-downs, and how often it says and is told things."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BridgeOptions:
    """Times in seconds, angles in rad. `watchdog_timeout_s` and `deadman_timeout_s` are None where none is demanded."""

    # Longer than the 0.33 s that Fast DDS holds a writer up when a newcomer joins over shared memory (measured).
    state_timeout_s: float = 0.5
    # A state may overtake the tick of /clock that it belongs to (10 ms, and some of them under load), and clocks of two
    # computers differ by some milliseconds. More is another clock, or somebody who wants to be believed for long.
    max_future_s: float = 0.1
    reset_cooldown_s: float = 0.5
    rest_velocity: float = 0.05
    clock_jump_s: float = 1.0
    # A bridge that did nothing for so long hung. By now the watchdog may have braked the arms: shorter than its patience.
    asleep_s: float = 0.25
    back_s: float = 0.05  # a clock that goes back by more was set
    max_rejections: int = 10  # of what is said, in a row; then the policy is taken for broken
    authority_timeout_s: float = 2.0  # at rest without a chunk for so long, and anybody may take over
    approval_timeout_s: float = 30.0  # a plan that was shown for longer is withdrawn: the world may have changed
    watchdog_timeout_s: float | None = None
    deadman_timeout_s: float | None = None
    # A controller's subscription holds one message and asks for no lost one again: all is said twice, so long apart that the
    # second cannot push the first out (3 ms do), and so soon that a new plan has not left the one before it yet.
    say_again_s: float = 0.01
    # Measured positions overshoot and sag: a pose this much nearer to something than allowed may still be held.
    adoption_slack_m: float = 0.01
