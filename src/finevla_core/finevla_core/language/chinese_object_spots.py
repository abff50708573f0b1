"""Leaves out of a short Chinese text where its things lie: they are told apart by colour, shape and size only.

"Onto the red cube at the edge" is "onto the red cube", unless something is denied that may differ only in where it lies.
"""

import re

_SHORT = 120  # characters: longer texts describe motions in steps
COLORS = "红绿蓝黄紫橙橘"
COLOR = f"[{COLORS}]"
_HUE = f"(?:[橘橙]黄|{COLOR})"
SIZES = "(?:(?:最|较|更)?[大小](?:一点儿?|一些|号|个|只|点儿?)?的?)?"
_SHAPES = "(?:立方体|正方体|长方体|圆柱体?|圆筒|圆罐|圆球|球体|方块|方木块|积木|砖块|砖头|长条块?|长方块|易拉罐|罐子|砖|球|罐)"
THING = f"(?:[那这]?[个块只颗])?{SIZES}{_HUE}色?的?{SIZES}{_SHAPES}"  # with its colour and its shape
_BESIDE = "(?:旁边|边上|左边|右边|前面|后面|附近|跟前|旁)"
_SPOT = (
    "(?:最?靠(?:边|里|外|前|后|左|右)|最(?:左|右|里|外|前|后)(?:边|面|侧)|离(?:你|我|机器人|这边|这儿)?最?(?:近|远)|"
    "(?:桌子?|桌面|台面)?的?(?:左|右|前|后)手?(?:边|面|侧|方)|桌(?:子|面)?的?(?:正?中间|中央)|"
    f"(?:杆子|柱子|立柱|左碗|右碗|碗|旋钮)的?{_BESIDE}|桌(?:子|面)?上|前排|后排|[那这]边)(?:的|(?=[那这]))"
)
_HERE = f"(?:[那这]?一?[个块只颗条])?(?={SIZES}{_HUE}色?的?{SIZES}{_SHAPES})"
_SPOTS = re.compile(
    f"(?:(?<![^把将给拿抓夹取提捡捏拎够请起手臂爪,.:到在于往向放叠摞搭架坐])|(?<=一下)){_SPOT}{_HERE}"
    f"|(?<![^把将给拿抓夹取提捡捏拎够手臂爪,.:])在{_SPOT}{_HERE}"
    f"|(?:(?<=[把将给拿抓夹取提到在往向放叠搭起准住让近够去])|(?<=一下))[摆躺立位站][在于]{_SPOT}{_HERE}"
    f"|(?<=[把将拿抓夹取提起住])[放搁]在{_SPOT}(?=(?:[那这]?一?[个块只颗条])?{THING}(?!的?[上顶]))"
    f"|(?<![^,.:])[摆躺放搁立位站][在于]{_SPOT}(?=(?:[那这]?一?[个块只颗条])?{THING}[,拿抓夹提给用放坐要叠])"
)
_MARKS = frozenset("的那这")
_ARM = "(?:[边侧面]?的?(?:那[只条个])?(?:机械)?(?:手|臂|爪|胳膊|夹爪))"
_DENIED = re.compile(
    "[不别没非除](?:要|是|用|许|准|能|让|了)?(?:拿|抓|夹|放|碰|动|取)?(?:到|在|进)?(?:[那这]?[个块只颗])?"
    f"(?:{_SPOT}|{SIZES}{COLOR}|[左右前后](?!{_ARM}))|{_SHAPES}(?:就|先|可)?[不别没]|都|全部|统统|通通|所有|什么的|啥的"
)


def without_spots(text: str) -> str:
    """Leave out where things lie that are named with their colour and shape.

    Args:
        text: a text that `chinese_normalization.plain` made.

    Returns:
        The text without these words; a long text, or one that denies a thing or a place, or speaks of all things, as it is.
    """
    if len(text) > _SHORT or _MARKS.isdisjoint(text) or _DENIED.search(text):
        return text
    return _SPOTS.sub("", text)
