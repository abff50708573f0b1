"""Whether simulated time has one source: of two simulators in one domain a node would hear now one's time, now the other's."""

from rclpy.node import Node

from finevla_ros.topic_publishers import publishers_of

CLOCK = "/clock"
MULTI_ROBOT = "start each robot with multi_robot:=true and a namespace of its own"


class ClockWatch:
    """Looks at who publishes the clock that `node` goes by; `why_not` says why nothing may move by it, "" if it may."""

    def __init__(self, node: Node) -> None:
        self._node, self._topic, self.why_not = node, node.resolve_topic_name(CLOCK), ""

    def look(self) -> None:
        """Ask the graph; a clock that is not simulated has no publisher."""
        if not self._node.get_parameter("use_sim_time").value:
            return
        names = publishers_of(self._node, self._topic)
        who = ", ".join(sorted({name[:60] or "one without a name yet" for name in names})[:4])
        self.why_not = (
            f"{len(names)} publish on {self._topic}: {who}; end all but one, or {MULTI_ROBOT}" if len(names) > 1 else ""
        )
