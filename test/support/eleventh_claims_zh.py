"""The Chinese phrasings of the eleventh set: annotators' sentences, models' paragraphs, reviewers' remarks."""

from collections.abc import Mapping

ELEVENTH_WORDS_ZH: Mapping[str, Mapping[object, tuple[str, ...]]] = {
    "the_arm": {
        "left": ("左臂", "左侧机械臂", "左机械臂", "机器人的左臂", "左侧夹爪"),
        "right": ("右臂", "右侧机械臂", "右机械臂", "机器人的右臂", "右侧夹爪"),
    },
    "from": {
        "top": ("从上方", "从正上方", "自上而下"), "left": ("从左侧", "从左边", "从它的左侧"),
        "right": ("从右侧", "从右边", "从它的右侧"), "front": ("从远端", "从远离机器人的一侧"),
        "back": ("从近端", "从靠近机器人的一侧"),
    },
    "toward": {
        "left": ("向左", "往左侧", "朝左边", "向机器人左侧"), "right": ("向右", "往右侧", "朝右边", "向机器人右侧"),
        "forward": ("向前", "往前", "朝远离机器人的方向"), "backward": ("向后", "往后", "朝机器人的方向"),
    },
    "sense": {"clockwise": ("顺时针", "沿顺时针方向"), "counterclockwise": ("逆时针", "沿逆时针方向")},
    "angle": {
        45: ("45度", "45°"), 90: ("90度", "90°"), 120: ("120度",), 180: ("180度", "半圈"), 240: ("240度",),
        360: ("360度", "一整圈"),
    },
    "count": {1: ("一", "1"), 2: ("两", "2"), 3: ("三", "3")},
    "ordinal": {1: ("一", "1"), 2: ("二", "2"), 3: ("三", "3")},
}  # fmt: skip

ELEVENTH_ZH: Mapping[str, tuple[str, ...]] = {
    "carry": (
        "视频开始时，两只机械臂都处于初始位置。${the_arm}${from}接近${noun}，夹爪闭合夹住${noun}，然后${toward}移动，"
        "最后松开夹爪将其放下。",
        "${the_arm}伸向桌面上的${noun}，夹爪在${close}秒左右闭合，${open}秒左右张开。",
        "任务由${the_arm}完成，${other}全程保持不动。",
        "第一步，${the_arm}靠近${noun}；第二步，夹紧；第三步，${toward}平移约${far}；第四步，松开并退回。",
        "用${the_arm}把右边盘子旁的${noun}拿起来，放到左边的盒子里。",
        "将${noun}${toward}挪动${far}，使用${the_arm}。",
        "审核：是${arm}，不是${other}。",
        "改：${from}接近，${open}秒松开。",
        "抓取成功，${arm}，${toward}。",
        "${the_arm}的夹爪先张开，再夹住${noun}，随后提起并${toward}搬运。",
        "松开${noun}后，${the_arm}向右收回，回到初始位置。",
        "夹爪起初是空的，随后${the_arm}夹住${noun}并${toward}移动。",
        "直到第${ordinal}次，${the_arm}才把${noun}抓牢。",
        "画面中可以看到，机器人用${the_arm}${from}抓起左数第二个${noun}，${toward}运送。",
        "${noun}自始至终没有旋转，只是被${the_arm}${toward}平移。",
        "${close}秒到${open}秒之间，${noun}一直被${the_arm}夹着。",
        "${the_arm}绕过左侧的杯子，抓住${noun}后${toward}拉动。",
        "${the_arm}松手以后夹爪里没有任何东西，${noun}留在桌上。",
        "抓在前，放在后：${the_arm}对${noun}的操作顺序如此。 >> 放在前，抓在后：${the_arm}对${noun}的操作顺序如此。",
        "${the_arm}成功夹取${noun}。 >> ${the_arm}夹取${noun}失败。",
        "与上一条不同，这次动的是${arm}，而${other}没有参与。",
        "整个过程平稳，${noun}被${toward}移动了大约${far}，没有掉落。",
        "机器人的两只手中只有${arm}在工作。",
        "${the_arm}缓慢靠近，${from}对准${noun}，轻轻夹取，在${open}秒放开。",
        "${the_arm}抓稳后把${noun}${toward}送出去，夹爪于${open}秒打开。",
        "夹爪夹住${noun}之后，${the_arm}才开始${toward}移动。",
    ),
    "turn": (
        "${the_arm}夹住${noun}后，手腕${sense}旋转约${angle}。",
        "${noun}没有被提起，只是被${the_arm}${sense}转动。",
        "旋转方向为${sense}，角度约${angle}，由${arm}完成。",
        "把${noun}${sense}拧${angle}，用${the_arm}。",
        "从上方看，${noun}在${the_arm}的夹持下${sense}转过${angle}。",
        "${the_arm}${from}靠近${noun}，夹紧，再${sense}扭转，最后在${open}秒松开。",
        "标签原本朝左，${the_arm}将${noun}${sense}转动后朝向别处。",
        "审核：${sense}，正确。",
    ),
    "miss": (
        "${the_arm}${from}伸向${noun}，夹爪合拢时却没有夹到东西。 >> ${the_arm}${from}伸向${noun}，夹爪合拢时夹住了它。",
        "抓取失败：${the_arm}的手指从${noun}旁边滑过。 >> 抓取成功：${the_arm}的手指夹住了${noun}。",
        "${the_arm}闭合夹爪后，${noun}仍留在原处。 >> ${the_arm}闭合夹爪后，${noun}被提了起来。",
        "夹爪在${close}秒空夹了一下，${noun}没有动。",
        "${the_arm}想要抓${noun}，结果扑了个空。 >> ${the_arm}想要抓${noun}，结果一次就抓到了。",
        "${the_arm}${from}靠近${noun}，但没能拿起来。",
        "夹爪里是空的，${the_arm}没夹住${noun}。 >> 夹爪里有${noun}，${the_arm}夹住了它。",
    ),
    "pair": (
        "两只手臂轮流操作：先${arm}后${other}。 >> 两只手臂轮流操作：先${other}后${arm}。",
        "${arm}放下${noun}之后，${other}才去抓它。 >> ${other}放下${noun}之后，${arm}才去抓它。",
        "两臂不是同时动作，而是一前一后。 >> 两臂不是一前一后，而是同时动作。",
        "${other}等${arm}松开${noun}后再去夹取。 >> ${arm}等${other}松开${noun}后再去夹取。",
        "${arm}先把${noun}${toward}移走，接着${other}再来抓取。",
        "双臂都参与了，${arm}在前，${other}在后。 >> 双臂都参与了，${other}在前，${arm}在后。",
    ),
}
