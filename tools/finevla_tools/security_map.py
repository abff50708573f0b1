"""Who in the stack may publish, subscribe, serve and call what: the one table, from which SROS 2's permissions are made.

A test compares it with the graph of a running stack, so it cannot drift. Names are relative to the stack's namespace.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from finevla_core.embodiment import Embodiment

ARMS = ("left_arm", "right_arm")  # names of the Piper drivers' topics
OPERATOR = "operator"
TEXT_NODES = ("finevla_adopt", "finevla_client", "finevla_demo", "finevla_evaluate", "finevla_reset", "finevla_stop")
ROOT_NODES = ("/finevla_look", "/finevla_doctor", "/finevla_probe")
TYPE_SERVICE = "get_type_description"
# Of every node, under its own name; rclpy and rclcpp make them without being asked.
PARAMETER_SERVICES = (
    *("describe_parameters", "get_parameter_types", "get_parameters", TYPE_SERVICE, "list_parameters"),
    *("set_parameters", "set_parameters_atomically"),
)
BRIDGE_SERVICES = ("adopt", "approve", "authority", "reset", "step_mode", "stop")
LIFECYCLE_SERVICES = (
    *("change_state", "get_available_states", "get_available_transitions", "get_state", "get_transition_graph"),
)
# Topics of drivers that are not ours, as `vendor_bridge` knows them: (states, commands).
VENDOR_STATES = (
    *("/puppet/joint_left", "/puppet/joint_right", "/joint_states_single_l", "/joint_states_single_r"),
    *("/left_arm/feedback/joint_states", "/right_arm/feedback/joint_states"),
)
VENDOR_COMMANDS = (
    *("/master/joint_left", "/master/joint_right", "/joint_states_l", "/joint_states_r"),
    *("/left_arm/control/joint_states", "/right_arm/control/joint_states"),
)


@dataclass(frozen=True)
class Rights:
    """Names of topics, services and actions; `acts` and `asks` are an action's server and client."""

    publishes: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()

    def __add__(self, other: "Rights") -> "Rights":
        return Rights(*(tuple(sorted({*getattr(self, f.name), *getattr(other, f.name)})) for f in fields(Rights)))


# Of every node. The clock is heard where time is simulated.
EVERYBODY = Rights(publishes=("/rosout", "/parameter_events"))
EVERYBODY_SOMETIMES = Rights(subscribes=("/clock", "clock"))
OWN_FRAMES = ("tf", "tf_static")  # with multi_robot:=true in place of /tf and /tf_static, as `clock` of /clock
CPP = Rights(subscribes=("/parameter_events",))  # rclcpp listens to it always


@dataclass(frozen=True)
class Member:
    """A process of the stack, which gets an enclave of its own.

    `usual` is what it does with the launch file's own arguments, `sometimes` what it does with others; it may do both.
    `nodes` are the nodes in it whose parameter services it serves, empty = the one of its name; `bare_nodes`, which may be
    the one of its name, have but the one that rclcpp and rclpy always make.
    """

    name: str
    usual: Rights
    sometimes: Rights = field(default_factory=Rights)
    nodes: tuple[str, ...] = ()
    bare_nodes: tuple[str, ...] = ()

    @property
    def parameter_nodes(self) -> tuple[str, ...]:
        """The nodes in it that have parameter services."""
        return self.nodes or (() if self.name in self.bare_nodes else (self.name,))

    @property
    def rights(self) -> Rights:
        """All that it may do."""
        services = [f"{node}/{service}" for node in self.parameter_nodes for service in PARAMETER_SERVICES]
        services += [f"{node}/{TYPE_SERVICE}" for node in self.bare_nodes]
        return self.usual + self.sometimes + EVERYBODY + EVERYBODY_SOMETIMES + Rights(serves=tuple(services))


def members(robot: Embodiment) -> dict[str, Member]:
    """Every process that may take part, by name: of the launch files, and the operator's own."""
    found = itertools.chain(_policy_side(robot), _safety_side(robot), _sources(robot), _ros2_control(robot))
    ours = {member.name: member for member in found}
    return ours | {OPERATOR: _operator(robot, tuple(ours))}


def trajectories(robot: Embodiment) -> tuple[str, ...]:
    """Topics on which the arms are commanded; only the bridge and the watchdog may publish on them."""
    return tuple(f"{controller.name}/joint_trajectory" for controller in robot.controllers)


def pictures(robot: Embodiment) -> tuple[str, ...]:
    """Return the topics of the cameras' raw images."""
    return tuple(camera.topic for camera in robot.cameras)


def compressed(robot: Embodiment) -> tuple[str, ...]:
    """Return the topics of the cameras' compressed images."""
    return tuple(f"{topic}/compressed" for topic in pictures(robot))


def camera_infos(robot: Embodiment) -> tuple[str, ...]:
    """Topics of the cameras' calibrations."""
    return tuple(f"{topic.rpartition('/')[0]}/camera_info".removeprefix("/") for topic in pictures(robot))


def _policy_side(robot: Embodiment) -> Iterator[Member]:
    yield Member(
        "camera_ingest",
        Rights(
            publishes=("observation", "/diagnostics"),
            subscribes=(*pictures(robot), robot.state_topic, "observation/image_format"),
        ),
        Rights(subscribes=compressed(robot)),
    )
    yield Member(
        "policy",
        Rights(
            publishes=(
                *("active_instruction", "observation/image_format", "policy/status", "policy/transition_event"),
                "/diagnostics",
            ),
            subscribes=(
                *("action_chunk", "instruction", "instruction/text", "observation", "policy/status"),
                *("safety/events", "safety/status"),
            ),
            serves=("set_instruction", *(f"policy/{service}" for service in LIFECYCLE_SERVICES)),
            acts=("follow_instruction",),
        ),
        Rights(publishes=("action_chunk",)),  # made when the bundle is loaded and active
    )
    yield Member(
        "motion",
        Rights(
            publishes=("action_chunk",),
            subscribes=("active_instruction", robot.state_topic, "safety/events", "safety/status"),
            calls=("safety/authority",),
            acts=("go_to", "home"),
        ),
    )
    yield Member(
        "recorder",
        Rights(
            publishes=("recorder/status", "/diagnostics"),
            subscribes=("active_instruction", "policy/status"),
            serves=("recorder/start", "recorder/stop"),
            acts=("record_episode",),
        ),
        Rights(  # while an episode is recorded: it reads, and no more
            subscribes=(
                *(*pictures(robot), *compressed(robot), *camera_infos(robot), robot.state_topic, *trajectories(robot)),
                *("instruction", "instruction/text", "action_chunk", "robot_description"),
                *("safety/stop", "safety/status", "safety/events", "safety/pending_plan"),
                *("/tf", "/tf_static", *OWN_FRAMES, "/diagnostics"),
            )
        ),
    )


def _safety_side(robot: Embodiment) -> Iterator[Member]:
    yield Member(
        "safety_bridge",
        Rights(
            publishes=(
                *(*trajectories(robot), "safety/status", "safety/events", "safety/pending_plan"),
                "/diagnostics",
            ),
            subscribes=(
                *("action_chunk", "active_instruction", "instruction", "instruction/text", robot.state_topic),
                *("robot_description", "safety/deadman", "safety/stop", "safety/watchdog", *trajectories(robot)),
            ),
            serves=tuple(f"safety/{name}" for name in BRIDGE_SERVICES),
        ),
        Rights(
            subscribes=tuple(f"{controller.name}/controller_state" for controller in robot.controllers),
            calls=("controller_manager/list_controllers",),
        ),
        bare_nodes=("safety_bridge", "safety_bridge_stop", "safety_bridge_words", "safety_bridge_chunks"),
    )
    yield Member(
        "safety_watchdog",
        Rights(
            publishes=(
                *(*trajectories(robot), "safety/stop", "safety/watchdog", "safety/events"),
                "/diagnostics",
            ),
            subscribes=(
                *("action_chunk", "active_instruction", robot.state_topic, *trajectories(robot), "observation"),
                *("policy/status", "safety/deadman", "safety/status", "safety/watchdog"),
            ),
        ),
        bare_nodes=("safety_watchdog", "safety_watchdog_chunks"),
    )


def _sources(robot: Embodiment) -> Iterator[Member]:
    yield Member(
        "robot_state_publisher",
        Rights(
            publishes=("robot_description", "/tf", "/tf_static", "/diagnostics"),
            subscribes=(robot.state_topic,),
        ),
        CPP + Rights(publishes=OWN_FRAMES),  # CPP where ROS's own takes over
    )
    yield Member(
        "simulator",
        Rights(
            publishes=(
                *(*pictures(robot), *compressed(robot), *camera_infos(robot), robot.state_topic),
                *("camera_overview/image_raw/compressed", "sim/ground_truth", "/diagnostics"),
            ),
            subscribes=trajectories(robot),
            serves=("sim/reset",),
        ),
        Rights(publishes=("/clock", "clock")),
    )
    yield Member(
        "vendor_bridge",
        Rights(publishes=(robot.state_topic, "/diagnostics"), subscribes=trajectories(robot)),
        Rights(publishes=VENDOR_COMMANDS, subscribes=VENDOR_STATES),
    )
    for arm in ARMS:
        yield Member(
            f"{arm.removesuffix('_arm')}_piper_driver",
            Rights(
                publishes=(f"{arm}/joint_states", f"{arm}/status", "/diagnostics"),
                subscribes=(f"{arm}/joint_commands", f"{arm}/emergency_stop"),
                serves=(f"{arm}/emergency_stop", f"{arm}/power"),
            ),
        )


def _ros2_control(robot: Embodiment) -> Iterator[Member]:
    """ROS's own processes of `robot:=real`, after the documentation of ros2_control: no test runs them."""
    controllers = tuple(controller.name for controller in robot.controllers)
    nodes = ("controller_manager", "joint_state_broadcaster", *controllers)
    yield Member(
        "controller_manager",
        Rights(
            publishes=(
                *(robot.state_topic, "dynamic_joint_states", "controller_manager/*", "/diagnostics"),
                *(f"{arm}/joint_commands" for arm in ARMS),
                *(f"{name}/{topic}" for name in nodes[1:] for topic in ("controller_state", "transition_event")),
            ),
            subscribes=(
                *(*trajectories(robot), "robot_description"),
                *(f"{arm}/joint_states" for arm in ARMS),
            ),
            serves=(
                *("controller_manager/*", *(f"{name}/query_state" for name in controllers)),
                *(f"{node}/{service}" for node in nodes for service in ("get_logger_levels", "set_logger_levels")),
            ),
            acts=tuple(f"{name}/follow_joint_trajectory" for name in controllers),
        )
        + CPP,
        nodes=nodes,
    )
    yield Member("spawner", Rights(calls=("controller_manager/*",)), nodes=("spawner_joint_state_broadcaster",))


def _operator(robot: Embodiment, nodes: tuple[str, ...]) -> Member:
    """The command line, the web console, `ros2 topic` and `ros2 service`: says, stops, resets, approves, and looks."""
    asked = ("describe_parameters", "get_parameter_types", "get_parameters", TYPE_SERVICE, "list_parameters")
    return Member(
        OPERATOR,
        Rights(
            publishes=(
                *("instruction", "instruction/text", "safety/stop", "safety/deadman"),
                *(f"{arm}/emergency_stop" for arm in ARMS),
            ),
            subscribes=(
                *(*pictures(robot), *compressed(robot), *camera_infos(robot), robot.state_topic, *trajectories(robot)),
                *("camera_overview/image_raw/compressed", "sim/ground_truth", "robot_description"),
                *("action_chunk", "active_instruction", "instruction", "instruction/text", "observation"),
                *("policy/status", "policy/transition_event", "recorder/status"),
                *("safety/status", "safety/events", "safety/pending_plan", "safety/stop"),
                *(f"{arm}/status" for arm in ARMS),
                *("/diagnostics", "/rosout", "/parameter_events", "/tf", "/tf_static", *OWN_FRAMES),
            ),
            calls=(
                *("set_instruction", "sim/reset", "policy/change_state", "policy/get_state"),
                *("recorder/start", "recorder/stop"),
                *(f"safety/{name}" for name in BRIDGE_SERVICES),
                *(f"{arm}/{name}" for arm in ARMS for name in ("emergency_stop", "power")),
                *(f"{node}/{service}" for node in nodes for service in asked),
            ),
            asks=("follow_instruction", "home", "go_to", "record_episode"),
        ),
        nodes=(*TEXT_NODES, *ROOT_NODES, "/_ros2cli_*"),
    )
