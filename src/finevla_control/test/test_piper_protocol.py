"""Promises of the Piper's frames: what is encoded is decoded, as the vendor's SDK does it, and no bytes do harm."""

import math
import struct
import warnings

import can
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finevla_control.piper import protocol as p

angles = st.floats(-math.pi, math.pi)


@given(joints=st.lists(angles, min_size=6, max_size=6))
def test_joint_targets_are_read_back_to_half_a_thousandth_of_a_degree(joints: list[float]) -> None:
    read: list[float] = []
    for frame, feedback in zip(p.joint_targets(joints), p.JOINTS, strict=True):
        said = p.decode(feedback, frame.data)  # targets and feedback have the same layout
        assert isinstance(said, p.JointPair)
        read += said.positions
    assert read == pytest.approx(joints, abs=math.radians(0.0005) + 1e-12)


@given(width=st.floats(0, 0.1), effort=st.floats(0, 5))
def test_gripper_target_is_read_back(width: float, effort: float) -> None:
    said = p.decode(p.GRIPPER, p.gripper_target(width, effort).data)
    assert isinstance(said, p.Gripper)
    assert said.width_m == pytest.approx(width, abs=0.5e-6 + 1e-12)
    assert said.effort_nm == pytest.approx(effort, abs=0.0005 + 1e-12)


@given(data=st.binary(max_size=64), identity=st.integers(0, 0x7FF))
def test_any_bytes_are_decoded_or_nothing(data: bytes, identity: int) -> None:
    said = p.decode(identity, data)
    if isinstance(said, p.Status):
        assert said.control_word
        assert said.arm_word


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_target_is_made_of_what_is_no_number(bad: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        p.joint_targets((0, 0, bad, 0, 0, 0))
    with pytest.raises(ValueError, match="not a number"):
        p.gripper_target(bad, 1.0)


def test_feedback_has_si_units() -> None:
    assert p.decode(0x251, struct.pack(">hhi", -1500, 2500, 0)) == p.Motor(-1.5, 2.5)
    said = p.decode(0x262, struct.pack(">HhbBH", 241, 41, -3, 0x40, 1200))
    assert said == p.Driver(pytest.approx(24.1), 41.0, -3.0, 0x40, pytest.approx(1.2))
    assert isinstance(said, p.Driver)
    assert said.is_enabled
    assert p.decode(0x2A1, bytes((1, 7, 1, 0, 1, 0, 0b100, 0b10))) == p.Status(1, 7, 1, True, (3,), (2,))
    assert p.decode(0x2A1, bytes((6, 99, 1, 0, 1, 0, 0, 0))).arm_word == "unknown (99)"  # type: ignore[union-attr]
    assert p.error_words(0x51, p.DRIVER_BITS) == ("undervoltage", "collision")


def test_firmware_is_put_together_from_pieces() -> None:
    assert p.firmware_version(b"H-V1.2  S-V1.8-") is None
    assert p.firmware_version(b"H-V1.2  S-V1.8-12\0") == ("S-V1.8-12", (1, 8, 12))


def test_old_firmware_reports_a_quarter_of_the_first_joints_current() -> None:
    assert p.torque_nm(0, 1.0, (1, 8, 2)) == pytest.approx(4 * p.torque_nm(0, 1.0, (1, 8, 3)))
    assert p.torque_nm(5, 1.0, (1, 8, 2)) == pytest.approx(p.torque_nm(5, 1.0, None)) == pytest.approx(0.95844)


class Vendor:
    """The vendor's encoder and decoder, which work without a bus."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in its docstrings
            pytest.importorskip("piper_sdk")
            from piper_sdk.piper_msgs import msg_v2
            from piper_sdk.protocol.protocol_v2.piper_protocol_v2 import C_PiperParserV2
        self.msg, self.parser = msg_v2, C_PiperParserV2()

    def encode(self, kind: str, part: str, **fields: int) -> p.CanFrame:
        message, frame = self.msg.PiperMessage(), can.Message()
        message.type_ = getattr(self.msg.ArmMsgType, kind)
        for name, value in fields.items():
            setattr(getattr(message, part), name, value)
        assert self.parser.EncodeMessage(message, frame)
        return p.CanFrame(frame.arbitration_id, bytes(frame.data))

    def decode(self, identity: int, data: bytes) -> object:
        message = self.msg.PiperMessage()
        assert self.parser.DecodeMessage(can.Message(arbitration_id=identity, data=data), message)
        return message


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    return Vendor()


@given(joints=st.lists(angles, min_size=6, max_size=6))
def test_joint_targets_are_the_vendors(vendor: Vendor, joints: list[float]) -> None:
    counts = [round(math.degrees(q) * 1000) for q in joints]
    ours = p.joint_targets(joints)
    for i, kind in enumerate(("PiperMsgJointCtrl_12", "PiperMsgJointCtrl_34", "PiperMsgJointCtrl_56")):
        names = {f"joint_{2 * i + 1}": counts[2 * i], f"joint_{2 * i + 2}": counts[2 * i + 1]}
        assert ours[i] == vendor.encode(kind, "arm_joint_ctrl", **names)


def test_every_other_command_is_the_vendors(vendor: Vendor) -> None:
    def stop(code: int) -> p.CanFrame:
        fields = {"emergency_stop": code, "track_ctrl": 0, "grag_teach_ctrl": 0}
        return vendor.encode("PiperMsgMotionCtrl_1", "arm_motion_ctrl_1", **fields)

    def power(motor: int, flag: int) -> p.CanFrame:
        fields = {"motor_num": motor, "enable_flag": flag}
        return vendor.encode("PiperMsgMotorEnableDisableConfig", "arm_motor_enable", **fields)

    assert p.emergency_stop() == stop(1)
    assert p.reset() == stop(2)
    assert p.enable() == power(7, 2)
    assert p.disable() == power(7, 1)
    mode = {"ctrl_mode": 1, "move_mode": 1, "move_spd_rate_ctrl": 37, "mit_mode": 0, "residence_time": 0}
    assert p.joint_mode(37) == vendor.encode("PiperMsgMotionCtrl_2", "arm_motion_ctrl_2", installation_pos=0, **mode)
    grip = {"grippers_angle": 70_000, "grippers_effort": 1500, "status_code": 3, "set_zero": 0}
    ours = p.gripper_target(0.07, 1.5, p.GripperCode.ENABLE_AND_CLEAR)
    assert ours == vendor.encode("PiperMsgGripperCtrl", "arm_gripper_ctrl", **grip)
    clear = {"joint_motor_num": 7, "set_motor_current_pos_as_zero": 0, "acc_param_config_is_effective_or_not": 0}
    assert p.clear_joint_errors() == vendor.encode(
        "PiperMsgJointConfig", "arm_joint_config", max_joint_acc=0x7FFF, clear_joint_err=0xAE, **clear
    )
    setup = {"teaching_range_per": 100, "max_range_config": 70, "teaching_friction": 1}
    assert p.gripper_setup(0.07) == vendor.encode(
        "PiperMsgGripperTeachingPendantParamConfig", "arm_gripper_teaching_param_config", **setup
    )
    ask = {"param_enquiry": 4, "param_setting": 0, "data_feedback_0x48x": 0, "end_load_param_setting_effective": 0}
    assert p.ask_gripper_setup() == vendor.encode(
        "PiperMsgParamEnquiryAndConfig", "arm_param_enquiry_and_config", set_end_load=3, **ask
    )


@given(data=st.binary(min_size=8, max_size=8))
@example(data=bytes([7, 15, 0, 0, 0, 0, 0, 0]))
@example(data=bytes([8, 0, 0, 0, 0, 0, 0, 0]))  # a mode of their protocol that their library does not know
def test_feedback_is_read_as_the_vendor_reads_it(vendor: Vendor, data: bytes) -> None:
    pair, theirs = p.decode(0x2A6, data), vendor.decode(0x2A6, data).arm_joint_feedback  # type: ignore[attr-defined]
    assert isinstance(pair, p.JointPair)
    expected = [math.radians(theirs.joint_3 / 1000), math.radians(theirs.joint_4 / 1000)]
    assert list(pair.positions) == pytest.approx(expected, rel=1e-12)
    grip, theirs = p.decode(0x2A8, data), vendor.decode(0x2A8, data).gripper_feedback  # type: ignore[attr-defined]
    assert isinstance(grip, p.Gripper)
    assert (round(grip.width_m * 1e6), round(grip.effort_nm * 1e3)) == (theirs.grippers_angle, theirs.grippers_effort)
    driver, theirs = p.decode(0x263, data), vendor.decode(0x263, data).arm_low_spd_feedback_3  # type: ignore[attr-defined]
    assert isinstance(driver, p.Driver)
    assert (round(driver.voltage_v * 10), driver.driver_c, driver.motor_c, driver.bits) == (
        theirs.vol, theirs.foc_temp, theirs.motor_temp, theirs.foc_status_code,
    )  # fmt: skip
    assert driver.is_enabled == theirs.foc_status.driver_enable_status
    motor, theirs = p.decode(0x254, data), vendor.decode(0x254, data).arm_high_spd_feedback_4  # type: ignore[attr-defined]
    assert isinstance(motor, p.Motor)
    assert (round(motor.velocity * 1e3), round(motor.current_a * 1e3)) == (theirs.motor_speed, theirs.current)
    status, theirs = p.decode(0x2A1, data), vendor.decode(0x2A1, data).arm_status_msgs  # type: ignore[attr-defined]
    assert isinstance(status, p.Status)
    for ours, known in ((status.control_mode, theirs.ctrl_mode), (status.arm_status, theirs.arm_status)):
        words = {int(word) for word in type(known)}
        assert int(known) == (ours if ours in words else 255)
    for i in range(1, 7):
        assert (i in status.at_limit) == getattr(theirs.err_status, f"joint_{i}_angle_limit")
        assert (i in status.not_communicating) == getattr(theirs.err_status, f"communication_status_joint_{i}")
