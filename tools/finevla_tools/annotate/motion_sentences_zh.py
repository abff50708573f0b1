"""The sentences of `motion_sentences` in Chinese."""

from collections.abc import Callable, Mapping

from finevla_tools.annotate.step_words import StepWords

ARMS = {"left": "左臂", "right": "右臂"}
SIDES = {
    "top": "从上方", "left": "从左侧", "right": "从右侧", "front": "从远侧", "back": "从近侧", "below": "从下方",
}  # fmt: skip
FINGERS = {"left and right side": "左右两侧", "front and back": "前后两侧"}
TOWARD = {"to the left": "左", "to the right": "右", "left": "左", "right": "右", "forward": "前", "backward": "后"}
SHAPES = {"over": "沿弧线", "round": "绕一个弯"}
SENSES = {"clockwise": "顺时针", "counterclockwise": "逆时针"}


def sentence(words: StepWords) -> str:
    """Return a step's sentence in Chinese, of the words that the English one is made of, too."""
    return f"{ARMS[words.side]}{_OF_KIND[words.kind](words)}"


def _reach(words: StepWords) -> str:
    gripper = "夹爪张开，没有闭合。" if words.opens else ""
    if not words.approach:
        return f"移动，但没有抓取任何东西。{gripper}"
    return f"{SIDES[words.approach]}移动到目标处停下，没有抓取。{gripper}"


def _close(words: StepWords) -> str:
    return "在途中闭合夹爪，夹住了东西。" if words.held else "在途中闭合夹爪但夹空了。"


def _grasp(words: StepWords) -> str:
    again = "再次" if words.again else ""
    how = SIDES.get(words.approach, "")
    tilt = f"，倾斜约{words.tilt_deg:.0f}度" if words.approach and words.tilt_deg else ""
    if not words.held:
        return f"{again}{how}移动到目标处{tilt}，闭合夹爪但夹空了。"
    at = f"，夹在它的{FINGERS.get(words.fingers, words.fingers)}" if words.fingers else ""
    return f"{again}{how}移动到物体处{tilt}，闭合夹爪夹住物体{at}。"


def _hold(words: StepWords) -> str:
    lost = "，但物体滑落了" if words.lost else ""
    if words.turn:
        return f"在原地把物体{SENSES[words.turn]}（俯视）转动约{words.turn_deg:.0f}度{lost}。"
    parts = []
    if words.lift_m is not None:
        parts.append(f"抬起{words.lift_m:.2f}米")
    if words.toward:
        toward = "".join(TOWARD[word] for word in words.toward)
        parts.append(f"{SHAPES.get(words.shape, '')}向{toward}搬运{words.far_m:.2f}米")
    if words.lower_m is not None:
        parts.append(f"放低{words.lower_m:.2f}米")
    if not parts:
        return f"{'一直拿着物体' if words.keeps else '拿着物体停在原处' if words.is_carry else '拿着物体'}{lost}。"
    return f"把物体{'，再'.join(parts)}{'，并一直拿着' if words.keeps else ''}{lost}。"


def _release(words: StepWords) -> str:
    return "张开夹爪，放开物体，然后离开。"


_OF_KIND: Mapping[str, Callable[[StepWords], str]] = {
    "reach": _reach, "close": _close, "grasp": _grasp, "hold": _hold, "release": _release,
}  # fmt: skip
