"""Promises of the reader: what depends on something, must be waited for or is only forbidden, is not done at once."""

import pytest

from finevla_core.language.reader import read_text

DEPENDS = [
    "Take the red ball unless the left bowl is full.",
    "Grab the green can only if the knob points up.",
    "If the right arm is busy, take the blue cube with the left one.",
    "If there is a ball on the table, lift the yellow ball.",
    "Should the way be blocked, pick up the purple brick.",
    "Pick up the red cube, otherwise turn the knob.",
    "Wait until the light is green and then lift the red cube.",
    "When the bell rings, reach for the blue can.",
    "As soon as somebody comes in, pick up the red ball.",
    "Put the red ball into the left bowl only if the bowl is empty.",
    "If the red light is free, pick up the red ball.",
    "Pick up the red ball or else the green one.",
    "When my hand is out of the way, pick up the red cube.",
    "Pick up the red cube as soon as the bell rings.",
    "Wait ten seconds, then pick up the red cube.",
    "把红球放进左碗，要不就放进右碗",
    "等铃声响起，拿起红色方块",
    "等十秒钟拿起红色方块",
    "当灯亮时，拿起红色方块",
    "如果灯是绿的，就拿起红色方块",
    "Pick up the red cube when it is safe.",
    "Pick up the red cube, but wait for my signal first.",
    "It is forbidden to pick up the red cube.",
    "Check whether the bowl is empty, then put the red ball into the left bowl.",
    "先确认没有人，再转旋钮",
    "过五分钟再拿起红球",
    "拿红色方块，没有的话拿蓝色方块",
    "When the timer rings, pick up the purple cube.",
    "If the right bowl is full put the ball in the left bowl.",
    "Take the orange brick in case the left bowl is empty.",
    "Please don't turn the knob to the right.",
    "Never rotate the knob to the left.",
    "如果右边的碗是空的，就把红球放进去",
    "把红球放进左碗，否则放进右碗",
    "除非旋钮朝右，拿起蓝色方块",
    "等铃响了再拿起绿色罐子",
    "听到掌声后抓起黄色的球",
    "先等十秒钟，再拿起红色方块",
    "有人来的时候拿起红色方块",
    "只有灯亮的时候才拿起紫色砖块",
]
DOES_NOT = [
    "If you can, pick up the red cube.",
    "Pick up the red cube if you don't mind.",
    "It would be great if the green ball ended up in the left bowl.",
    "Once the fingers are around the red cube, close them and lift it.",
    "When the gripper is above the blue can, go down and grasp it.",
    "If the red ball is free, pick it up.",
    "Don't turn the knob to the right but to the left.",
    "Reach for the yellow cube and wait there.",
    "Do nothing else, just turn the knob left.",
    "Pick up the blue cube if the arm can reach it.",
    "If the gripper slips off, try again: pick up the red ball.",
    "Grip it tightly in case it slips: lift the red ball.",
    "Wait until the gripper is open, then pick up the red ball.",
    "Lower the arm, wait for contact, then squeeze and lift the purple brick.",
    "The red cube goes in the right bowl too.",
    "Why don't you turn the dial to the left for me?",
    "要不然你拿一下绿色球",
    "dont turn the knob lift the green can",
    "Seize the purple object and turn it counterclockwise.",
    "如果方便，把红色方块拿起来",
    "一旦抓稳绿罐子就把它抬起来",
    "轻轻拿起红方块，不然会碰倒旁边的罐子",
    "先等夹爪张开，再抓红色方块",
]
AGAINST_ITSELF = [
    "Put the red cube in the right bowl. The right bowl must stay empty.",
    "Place the green ball in the left bowl, which has to be the right bowl.",
    "Stack the blue cube on the red brick; the brick should be on top.",
    "Set the yellow can on the green cube without it touching the green cube.",
    "Without using your left arm, stretch your left arm to the red ball.",
    "Touch the red brick, after that turn the knob to the left.",
    "Pick up the small ball. Pick up that one too.",
]


FORBIDDEN = [
    *("禁止用手碰红球", "严禁手碰红球", "防止左手碰红球", "小心手臂碰到红球", "谁让你用手碰红球", "手不能,碰红球"),
    *("不要动，手碰红球", "左手碰红球了"),
    *("Stop, do not turn the knob to the left.", "Do not turn the knob to the left, it is stuck."),
    "Please do not, under any circumstances, turn the knob clockwise.",
    "不要用手碰红球",
    "别去碰橙色的球",
    "不许碰蓝色圆柱",
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_must_not_be_touched_is_not_reached_for(text: str) -> None:
    assert read_text(text).refusal, dict(read_text(text).slots)


def test_to_touch_is_to_reach_in_chinese_too() -> None:
    slots = read_text("右胳膊去碰一下那块红砖。").slots
    assert dict(slots) == {"task": "reach", "arm": "right", "color": "red", "shape": "brick"}
    assert read_text("右边的碗里放上紫色方块。").slots["place"] == "right_bowl"


@pytest.mark.parametrize("text", [*DEPENDS, *AGAINST_ITSELF])
def test_what_nobody_can_do_at_once_is_refused(text: str) -> None:
    assert read_text(text).refusal, dict(read_text(text).slots)


@pytest.mark.parametrize("text", DOES_NOT)
def test_courtesy_and_what_goes_on_in_the_motion_are_no_conditions(text: str) -> None:
    assert not read_text(text).refusal
