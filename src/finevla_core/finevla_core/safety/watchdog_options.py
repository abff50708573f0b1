"""What the watchdog allows: timeouts, speeds, and how often it tries."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WatchdogOptions:
    """Times in seconds of the steady clock, angles in rad."""

    # Six periods of safety/status at 20 Hz.
    bridge_timeout_s: float = 0.3
    # Longer than the 0.33 s that Fast DDS holds a writer up when a newcomer joins over shared memory (measured).
    joints_timeout_s: float = 0.5
    observations_timeout_s: float = 1.0
    chunks_timeout_s: float = 1.0
    policy_timeout_s: float = 1.0
    deadman: bool = False
    deadman_timeout_s: float = 0.3
    clock_jump_s: float = 0.2
    clock_still_s: float = 1.0
    frozen_pictures: int = 5
    frozen_moved_rad: float = 0.01
    camera_noise: bool = True
    arm_simulated: bool = False
    # What was never heard is missing only after the nodes have found each other, and after all have come up and loaded what
    # they run: the second holds for the policy, and at rest for bridge and joint states, too.
    startup_s: float = 3.0
    loading_s: float = 15.0
    rest_speed: float = 0.05
    # Stop asked -> STOPPED confirmed; a healthy bridge takes some 2 ms.
    confirm_s: float = 0.06
    ask_again_s: float = 0.2
    say_again_s: float = 0.01  # a controller may lose a message: the bridge's options say more
    # After the bridge's stop should be over the arms rest within this, after our own within the next, or are braked again.
    grace_s: float = 0.25
    settle_s: float = 1.5
    attempts: int = 4
