"""Node `simulator`: the MuJoCo Cobot Magic on the robot's own topics; one thread runs physics, cameras and publishing.

Stamps are the time of capture; with `publish_clock` they are simulated time and the node publishes /clock itself.
"""

import array
import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose
from numpy.typing import NDArray
from PIL import Image as PillowImage
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import TrajectoryController
from finevla_interfaces.msg import SceneObject as SceneObjectMsg
from finevla_interfaces.msg import SceneTruth
from finevla_interfaces.srv import ResetScene
from finevla_ros import qos
from finevla_ros.bounded_services import serve
from finevla_ros.bounded_subscriptions import subscribe
from finevla_ros.messages import to_ns, to_stamp
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file
from finevla_ros.trajectories import points_of
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.mujoco_model import CAMERA_FOVY_DEG
from finevla_sim.robot_files import load_robot
from finevla_sim.scene import POST, POST_RADIUS_M
from finevla_sim.scene_sampling import TEST_SEEDS, sample_scene
from finevla_sim.world import World

STEP_NS = 4_000_000
GIVEN_UP_S = 1.0  # fallen behind for good (a suspended laptop): not caught up with
OVERVIEW_SIZE = (480, 640)


@dataclass(frozen=True)
class SimulatorParameters:
    """ROS parameters of `simulator`: the scene, image size, and rates of pictures and joint states."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    task: str = param("reach", "task whose scenes are laid out: reach, pick or put")
    seed: int = param(TEST_SEEDS, "seed of the first scene; the same seed gives the same scene", 0, 2**31 - 1)
    image_height: int = param(224, "height of the camera images, pixels", 16, 960)
    image_width: int = param(224, "width of the camera images, pixels", 16, 1280)
    camera_rate_hz: float = param(10.0, "rate of the camera images, Hz", 0.5, 60.0)
    state_rate_hz: float = param(100.0, "rate of joint_states, Hz", 5.0, 250.0)
    speed: float = param(
        1.0, "simulated seconds per second; 0 = as fast as it can (with publish_clock only)", 0.0, 100.0
    )
    publish_clock: bool = param(False, "publish /clock and stamp everything with simulated time")


class Simulator(Node):
    """ROS interface of the simulator; the scene itself is `finevla_sim.world.World`."""

    def __init__(self) -> None:
        super().__init__("simulator")
        self.parameters = p = declare(self, SimulatorParameters)
        if p.speed == 0.0 and not p.publish_clock:
            raise FineVLAError("speed 0 (as fast as it can) needs publish_clock:=true")
        robot = load_robot(robot_file(p.robot))
        self.embodiment = robot.embodiment
        self.ik = ArmIK(robot.embodiment, robot.urdf_path)
        self.task = p.task
        self.lock = threading.Lock()
        self.world = World(
            sample_scene(p.seed, self.task, self.ik), self.embodiment, robot.urdf_path, (p.image_height, p.image_width)
        )
        self.time_offset_ns = 0  # simulated time goes on across resets
        self.controllers: list[TrajectoryController] = []
        self._newest: dict[str, JointTrajectory] = {}  # not taken yet, by controller
        self._hold_all()
        self.images = {c.name: _ImageOut(self, c.topic, c.frame, p) for c in self.embodiment.cameras}
        self.overview = self.create_publisher(CompressedImage, "camera_overview/image_raw/compressed", qos.SENSOR)
        self.joint_states = self.create_publisher(JointState, self.embodiment.state_topic, qos.SENSOR)
        self.truth = self.create_publisher(SceneTruth, "sim/ground_truth", qos.NEWEST)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        self.clock = self.create_publisher(Clock, "/clock", qos.SENSOR) if p.publish_clock else None
        for controller in self.controllers:
            topic = f"{controller.name}/joint_trajectory"
            # As the original: one message at a time, and what is lost is lost.
            subscribe(self, JointTrajectory, topic, self._trajectory_callback(controller.name), qos.SENSOR)
        serve(self, ResetScene, "sim/reset", self._on_reset)
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._failed = self.create_guard_condition(self._raise_failure)
        self._started_s, self._simulated_ns = time.monotonic(), 0
        self._thread = threading.Thread(target=self._run, name="simulation")
        self._thread.start()
        self.get_logger().info(f"simulating {self.embodiment.name}, task {self.task}: {self._describe()}")

    def destroy_node(self) -> None:
        """Stop the simulation thread before the publishers are destroyed."""
        self._stop.set()
        self._thread.join(timeout=5.0)
        super().destroy_node()

    def _trajectory_callback(self, controller: str) -> Callable[[JointTrajectory], None]:
        def on_trajectory(message: JointTrajectory) -> None:
            with self.lock:
                self._newest[controller] = message

        return on_trajectory

    def _take_trajectories(self) -> None:
        """Once a control cycle the newest message of each controller; what came before it in the same cycle is lost."""
        for controller in self.controllers:
            if (message := self._newest.pop(controller.name, None)) is None:
                continue
            stamp_ns = to_ns(message.header.stamp)
            try:
                controller.accept(message.joint_names, points_of(message), stamp_ns, self._now_ns())
            except FineVLAError as error:
                self.get_logger().warning(str(error))

    def _on_reset(self, request: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
        try:
            task = request.task or self.task
            scene = sample_scene(request.seed, task, self.ik)
        except FineVLAError as error:
            response.message = str(error)
            return response
        with self.lock:
            self.task = task
            self._pending_scene = scene
            self._reset_done = threading.Event()
        response.success = self._reset_done.wait(5.0)
        response.message = self._describe() if response.success else "the simulation does not answer"
        return response

    _pending_scene = None

    def _run(self) -> None:
        """The simulation thread: everything that touches MuJoCo or a GL context; its failure ends the node."""
        try:
            self._simulate()
        except Exception as error:  # Ctrl-C takes the publishers away before it stops this thread
            if self.context.ok():
                self._failure = error
                self._failed.trigger()
        finally:
            self.world.close()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _simulate(self) -> None:
        p = self.parameters
        self._warm_up()
        due_state = due_camera = due_report = 0
        self._started_s = time.monotonic()
        while not self._stop.is_set():
            with self.lock:
                if self._pending_scene is not None:
                    self.time_offset_ns += self.world.stamp_ns
                    self.world.reset(self._pending_scene)
                    self._newest.clear()
                    self._hold_all()
                    self._pending_scene = None
                    self._reset_done.set()
                self._take_trajectories()
                now_ns = self._now_ns()
                targets = np.concatenate([c.sample(now_ns) for c in self.controllers])
            self.world.set_position_targets(targets[self._target_order])
            self.world.step()
            self._simulated_ns += STEP_NS
            self._wait_until_due()
            if self._simulated_ns >= due_state:
                self._publish_state()
                due_state += round(1e9 / p.state_rate_hz)
            if self._simulated_ns >= due_camera:
                self._publish_cameras()
                due_camera += round(1e9 / p.camera_rate_hz)
            if self._simulated_ns >= due_report:
                self._report(self._simulated_ns * 1e-9 / max(time.monotonic() - self._started_s, 1e-3))
                due_report += 1_000_000_000

    def _wait_until_due(self) -> None:
        if not self.parameters.speed:
            return
        late_s = self._late_s()
        if late_s < 0:
            time.sleep(-late_s)
        elif late_s > GIVEN_UP_S:
            self._started_s += late_s

    def _late_s(self) -> float:
        """How much later it is than what was simulated is due."""
        return time.monotonic() - self._started_s - self._simulated_ns * 1e-9 / self.parameters.speed

    def _now_ns(self) -> int:
        """The time that is simulated: behind the clock by as much as the simulation is.

        One that was held up catches up step by step, and its controllers with it: no arm leaps, and no two states are
        stamped nearer to each other than the arm had time to move.
        """
        if self.parameters.publish_clock:
            return self.time_offset_ns + self.world.stamp_ns + 1
        return self.get_clock().now().nanoseconds - round(max(0.0, self._late_s()) * 1e9)

    def _warm_up(self) -> None:
        """The first picture of a kind takes a tenth of a second and more: not in the middle of a motion."""
        for camera in self.images:
            self.world.image(camera)
        _jpeg(self.world.image("overview", OVERVIEW_SIZE), Time(), "overview")

    def _publish_state(self) -> None:
        stamp = to_stamp(self._now_ns())
        if self.clock is not None:
            self.clock.publish(Clock(clock=stamp))
        positions, velocities = self.world.positions(), self.world.velocities()
        message = JointState(name=list(self.embodiment.joints))
        message.header.stamp = stamp
        message.position = array.array("d", positions.tobytes())
        message.velocity = array.array("d", velocities.tobytes())
        self.joint_states.publish(message)

    def _publish_cameras(self) -> None:
        stamp = to_stamp(self._now_ns())
        for name, out in self.images.items():
            if out.is_wanted():
                out.publish(self.world.image(name), stamp)
        if self.overview.get_subscription_count():
            picture = self.world.image("overview", OVERVIEW_SIZE)
            self.overview.publish(_jpeg(picture, stamp, "overview"))
        self.truth.publish(self._truth_message(stamp))

    def _truth_message(self, stamp: Time) -> SceneTruth:
        truth, scene = self.world.truth(), self.world.scene
        message = SceneTruth(seed=scene.seed, task=scene.task)
        message.header.stamp, message.header.frame_id = stamp, self.embodiment.base_frame
        for item in scene.objects:
            message.objects.append(
                SceneObjectMsg(
                    name=item.name, shape=item.shape, color=item.color, size_m=item.size_m,
                    pose=_pose(truth.objects[item.name]),
                )
            )  # fmt: skip
        for bowl in scene.bowls:
            message.objects.append(
                SceneObjectMsg(
                    name=bowl.name, shape="bowl", color="", size_m=0.14, pose=_pose(truth.objects[bowl.name])
                )
            )
        if scene.post:
            message.objects.append(
                SceneObjectMsg(
                    name=POST, shape="post", color="", size_m=2 * POST_RADIUS_M, pose=_pose(truth.objects[POST])
                )
            )
        message.left_tcp = _pose(truth.tcps.get("left", np.eye(4)))
        message.right_tcp = _pose(truth.tcps.get("right", np.eye(4)))
        message.contacts = sorted(f"{side}:{name}" for side, name in truth.contacts)
        return message

    def _report(self, factor: float) -> None:
        slow = self.parameters.speed and factor < 0.97 * self.parameters.speed
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: real time",
            level=DiagnosticStatus.WARN if slow else DiagnosticStatus.OK,
            message=f"real-time factor {factor:.2f}",
            values=[KeyValue(key="real_time_factor", value=f"{factor:.3f}")],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = to_stamp(self._now_ns())
        self.diagnostics.publish(message)

    def _hold_all(self) -> None:
        """Controllers hold where the arms are; existing ones are kept, their subscriptions point at them."""
        positions = dict(zip(self.embodiment.joints, self.world.positions(), strict=True))
        if not self.controllers:
            self.controllers = [
                TrajectoryController(c.name, c.joints, np.zeros(len(c.joints))) for c in self.embodiment.controllers
            ]
            claimed = [joint for c in self.controllers for joint in c.joints]
            self._target_order = [claimed.index(joint) for joint in self.embodiment.joints]
        for controller in self.controllers:
            controller.hold(np.array([positions[joint] for joint in controller.joints]))

    def _describe(self) -> str:
        scene = self.world.scene
        things = [o.name.replace("_", " ") for o in scene.objects] + ["two bowls"] + (["a post"] if scene.post else [])
        return f"seed {scene.seed}: {', '.join(things)}"


class _ImageOut:
    """One camera's publishers; raw images leave through one preallocated array, the fast way through rclpy."""

    def __init__(self, node: Node, topic: str, frame: str, p: SimulatorParameters) -> None:
        self.frame = frame
        self.raw = node.create_publisher(Image, topic, qos.SENSOR)
        self.compressed = node.create_publisher(CompressedImage, f"{topic}/compressed", qos.SENSOR)
        self.info = node.create_publisher(CameraInfo, topic.rsplit("/", 1)[0] + "/camera_info", qos.SENSOR)
        self.message = Image(encoding="rgb8", height=p.image_height, width=p.image_width, step=3 * p.image_width)
        self.message.header.frame_id = frame
        self.message.data = array.array("B", bytes(3 * p.image_height * p.image_width))
        self.view = np.frombuffer(self.message.data, np.uint8).reshape(p.image_height, p.image_width, 3)
        self.info_message = _camera_info(frame, p.image_height, p.image_width)

    def is_wanted(self) -> bool:
        """Whether anybody subscribes to this camera's images or its camera_info."""
        return any(pub.get_subscription_count() for pub in (self.raw, self.compressed, self.info))

    def publish(self, image: NDArray[np.uint8], stamp: Time) -> None:
        """Publish an image `(H, W, 3)` RGB with its camera_info; as JPEG too if somebody subscribes to that."""
        self.view[:] = image
        self.message.header.stamp = self.info_message.header.stamp = stamp
        self.raw.publish(self.message)
        self.info.publish(self.info_message)
        if self.compressed.get_subscription_count():
            self.compressed.publish(_jpeg(image, stamp, self.frame))


def _jpeg(image: NDArray[np.uint8], stamp: Time, frame: str) -> CompressedImage:
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "jpeg", quality=90)
    message = CompressedImage(format="rgb8; jpeg compressed rgb8")
    message.header.stamp, message.header.frame_id = stamp, frame
    message.data = array.array("B", buffer.getvalue())
    return message


def _camera_info(frame: str, height: int, width: int) -> CameraInfo:
    """A pinhole camera whose vertical view is the model's."""
    f = height / 2 / np.tan(np.radians(CAMERA_FOVY_DEG) / 2)
    cx, cy = (width - 1) / 2, (height - 1) / 2
    message = CameraInfo(height=height, width=width, distortion_model="plumb_bob", d=[0.0] * 5)
    message.header.frame_id = frame
    message.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def _pose(matrix: NDArray[np.float64]) -> Pose:
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = map(float, matrix[:3, 3])
    quaternion = Rotation.from_matrix(matrix[:3, :3]).as_quat()
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = map(float, quaternion)
    return pose


def main() -> int:
    """Run node `simulator` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(Simulator)
