"""What a short Chinese text asks for beyond the robot's means, or only tells or asks; one sentence each, "" for nothing."""

import re
from collections.abc import Mapping
from itertools import chain

from finevla_core.language.chinese_conditions import CONDITIONS
from finevla_core.language.chinese_descriptions import untold
from finevla_core.language.chinese_indirect_requests import NAMED
from finevla_core.language.chinese_quotes import QUOTES
from finevla_core.language.pattern_tables import stands

_SHORT = 60  # characters
_THING = "(?:[大小]?[红绿蓝黄紫橙橘]?色?的?(?:立方体|方块|积木|砖块|砖头|圆球|圆柱体?|罐子|砖|球|罐)|它|旋钮)"
_END = "(?=[,.!]|$)"
_QUESTION = "I do not answer questions: say what I shall do with which object."
_TOLD = "Say what I shall do, not only how things are."
_AGAINST = "You contradict yourself: you want it, and you do not want it."
_RULES = "I cannot ignore my limits or what I was told before."
_DEEDS = (
    "咬|闻|亲|踩|打|摔|刷|剪|捆|织|磨|锯|钉|卷|弯|滚|挠|刮|压|挤|晃|吸|喷|冻|融化|雕刻|命名|比较(?![大小])|测试|研究|监视|保护|"
    "看守|偷|抢|追|跟踪|跟随|"
    "超过|训练|教|考|奖励|惩罚|表扬|批评|想象|记住|讨厌|恨|害怕|感谢|邀请|采访|竖|扶|抱|背|扛|骑|戴|脱|系|锁|打开|撬|"
    "毁|伤害|杀|救|治|养|种|听|烤|煮|炒|吃|"
    "喝|舔|踢|砸|洗|画|涂|切|撕|烧|埋|卖|骂|装饰|修|拆|称"
)
_NOT_DENIED = "(?<![别不没勿被])(?<!不要)(?<!不许)(?<!不能)(?<!不准)(?<!避免)(?<!免得)(?<!以免)(?<!小心)(?<!当心)"
_BEYOND = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (
            f"{_NOT_DENIED}(?:{_DEEDS})(?!的)(?:一下|一个|了|着)?(?:[那这]一?[个块颗只条根]?|一?[个块颗只条根])"
            f"?(?:{NAMED}|它{_END}|旋钮)",
            "I cannot do this to things.",
        ),
        (
            f"把(?:{NAMED}|它)(?:给我)?(?:咬|抱|亲|闻|骑|戴|压|挤|刮|晃|竖|立)(?:一下|起来|一?会儿?)?{_END}",
            "I cannot do this to things.",
        ),
        (f"(?:拿|抓|夹|提|举|捡)起来?(?:给我|再)?(?:{_DEEDS})(?:一下|几下|两下){_END}", "I cannot do this to things."),
        (
            "色的(?:花|别针|娃娃|试管|人|操作员|我|狗|猫|鸟|车)(?![^,.]{0,2}(?:方块|砖|球|罐|圆柱))",
            "I know no such thing.",
        ),
        ("(?:要|得|需要|花|用)(?:多久|多长时间|几分钟|多少时间|几秒)[呢啊呀?.]*$", _QUESTION),
        (
            "^(?:那|请问|哎)?我(?:可不可以|能不能|可以|能|是不是可以)(?:先)?(?:拿|动|碰|用|抓|转|搬|放|抬)(?:走|"
            "一下)?[^,]*(?:吗|么|呢)?\\?",
            _QUESTION,
        ),
        ("^(?:那|请问)?我(?:该|应该|要)(?:不该|不要)?(?:把|将)[^,]*(?:还是)[^,]*\\?", _QUESTION),
        (
            f"(?:但是?|(?<=[,.])可|可是|不过|却|同时)(?:是)?(?:不准|不许|不能|不要|别|不得|不可以?|绝不)(?:去)"
            f"?(?:靠近|接近|走近|碰近|过去){_THING}?{_END}",
            _AGAINST,
        ),
        (
            f"(?:但是?|(?<=[,.])可|可是|不过|同时|而且)(?:是)?(?:两只|双|任何|你的?|哪只)?(?:手臂|机械臂|胳膊|手|臂)"
            f"(?:都|也|全)?(?:不许|不准|不能|不要|别|不得|不可以?)"
            f"(?:动|移动|挪动|用){_END}",
            "You want it done with neither arm: say which one.",
        ),
        (
            f"(?:但是?|(?<=[,.])可|可是|不过|同时)(?:是)?{_THING}?(?:必须|要|得|应该|应|只能|还要|仍要|还得)(?:留|待|"
            f"呆|停|保持|放|躺)(?:在)?(?:桌(?:子|面)?上?|原地|原处|"
            f"原位)(?:面|不动)?{_END}",
            "You contradict yourself: you want it moved and left where it is.",
        ),
        (
            f"(?:但是?|(?<=[,.])可|可是|不过|同时)(?:是)?(?:不准|不许|不能|不要|别|不得|不可以?)(?:去)?(?:抬|挪动|"
            f"移动|拿|提|举|动|搬)(?:起|动)?(?:它|{_THING}){_END}",
            _AGAINST,
        ),
        ("还有[^,.]{1,10}也(?:给我)?(?:拿|抓|夹|放|抬|要|取)", "One thing at a time: you say two objects."),
        (
            "(?:每|各)(?:一)?只?(?:手|臂|手臂|机械臂|夹爪)(?:各)?(?:都)?(?:拿|抓|夹|取|抬)",
            "I cannot use both arms at once: say which one.",
        ),
        (
            "(?:手背|肩膀?|手肘|胳膊肘|膝盖|脚|背|鼻子|牙|嘴)上?(?:顶|托|扛|背|夹|咬|驮|撑)|(?:顶|托|扛|背|驮|放|搁|"
            "架)在(?:你的?|自己的?)?(?:手背|肩|肩膀|背|胳膊)上",
            "I can grasp with my fingers only.",
        ),
        (
            "(?:那|这|把|拿|抓|夹|抬|取|个|只|块)的?(?:空的?|破的?|坏的?|满的?|装满的?|裂的?|热的?|冷的?|湿的?|软的?|"
            "硬的?|旧的?|重的?|轻的?|深色的?|浅色的?|"
            "透明的?|发光的?|生锈的?|脏的?)(?:[红绿蓝黄紫橙]色?的?)?(?:方块|积木|砖块?|球|圆柱|罐子?|那个|那块)",
            "I tell things by their colour, shape and size only.",
        ),
        (
            f"^{NAMED}(?:今早|今天|昨天|刚才|刚刚|早上|上午|下午|昨晚|上次|前天|上周)?(?:从[^,.]{{1,4}})?(?:掉|滚|摔|"
            f"滑|跌|倒|碎|坏|裂|丢)(?:下|到|落|出|走)?(?:去|地上)?了[.!]*$",
            _TOLD,
        ),
        (
            "^(?:旋钮|左臂|右臂|左手|右手|夹爪|柱子|左碗|右碗|机器人|你)(?:最近|现在|今天|一直|老是|总是|好像|已经|"
            "又)?(?:有点儿?|有些|很|挺|太|比较|真|好)(?:紧|松|热|慢|快|重|"
            "旧|脏|滑|吵|高|满|笨|聪明|厉害|可爱|棒|稳|准|抖|晃|卡)(?:了)?[.!]*$",
            _TOLD,
        ),
        (
            "^(?:这|那)?(?:个|块|只)?(?:[红绿蓝黄紫橙]色?的?)?(?:方块|积木|砖块?|球|圆柱|罐子?|旋钮)(?:抓|拿|夹|放|"
            "叠|转|收)得(?:真|很|挺|太|好|非常|比较)?(?:稳|好|准|快|慢|"
            "漂亮|不错|利索|歪|差)(?:了|啊|呀|呢)?[.!]*$",
            _TOLD,
        ),
        (
            "[左右](?:手|臂|爪)[^,.]{0,8}比(?:左|右|另)[^,.]{1,4}(?:稳|快|准|好|慢|差|灵活|有劲|轻|高|强|顺手)[^,.]{0,2}[.!]*$",
            _TOLD,
        ),
        (
            "(?:你|您|它|机器人)(?:现在|已经)*(?:没有|没|不受|不再有|不再受)(?:任何|了)?(?:限位|限制|限速|约束|规则|安全)",
            _RULES,
        ),
        (
            "^(?:我|我们)(?:要|会|来|自己来?|去|先|自己)+(?:把|将|转|拿|放|抓|叠|清)[^,.]*,(?:你|您)(?:就)?(?:别|"
            "不要|不用|甭|先别|等着|看着|休息|歇)",
            _TOLD,
        ),
        (
            "(?:别管|不管|无视|忽略|不顾|取消|解除|超过|突破|绕过|关掉|关闭|不用管|甭管|不理)(?:了)?(?:任何|一切|"
            "所有)?的?(?:限速|速度限制|限制|限位|力限|力矩限制|安全|闸门|"
            "碰撞|急停|警报|围栏)",
            _RULES,
        ),
        (
            "(?:手|人|头|脸|手指|身体|孩子|脚)(?:就)?(?:还)?(?:在|挡在|放在|伸在|站在)[^,.]{0,8}(?:也)?(?:没关系|"
            "没事|不要紧|无所谓|不用管|别管|不管|不碍事)",
            "I do not move where somebody is.",
        ),
        (
            "(?:最大|全部|全|最强|吃奶|浑身|使劲全身)的?(?:力气|力量|力|劲儿?|功率|速度|马力)|(?:[0-9]+|"
            "[一二两三四五六七八九十百千]+)(?:牛顿?|公斤|千克|斤|倍速)",
            "I cannot set forces or speeds.",
        ),
        (
            "(?:我想让|我要|我想要|想让|要|请|让)(?:你|您)(?:去)?(?:咬|烤|煮|炒|吃|喝|舔|踩|踢|砸|敲|打(?![柱杆左右上旁它])|洗|刷|画|涂|"
            "切|剪|撕|烧|埋|卖|买|扔掉|闻|亲|骂)",
            "I cannot do this to things.",
        ),
    )
]


def beyond(text: str, slots: Mapping[str, str]) -> str:
    """Say what a short text asks for that cannot be, or that it asks for nothing.

    Args:
        text: a text that `chinese_normalization.plain` made.
        slots: what was read of it.

    Returns:
        One sentence for the operator, with the words that it is about; "" where there is none.
    """
    if len(text) > _SHORT:
        return ""
    letters = set(text)
    listed = (
        (pattern, reason) for needles, pattern, reason in (*QUOTES, *CONDITIONS) if stands(needles, text, letters)
    )
    for pattern, reason in chain(_BEYOND, listed):
        if (found := pattern.search(text)) is not None:
            return f"{reason[:-1]} ('{found[0].strip(',.?!')}')."
    return untold(text, slots)
