"""Tells short Chinese texts that ask, quote, wish, remember or rename something from those that want it done."""

import re

from finevla_core.language.chinese_requests import NAMED

_OBJECT = NAMED[1:-1]
_QUESTION = "I do not answer questions: say what I shall do with which object."
_TOLD = "Say what I shall do, not only how things are."
_SPEAKS = "I move things, and repeat or translate no words: say what I shall do."
_RENAMES = "Words keep their meaning here: say the object that you mean."
_RULES = "I cannot ignore my limits or what I was told before."
_WORK = "[把将拿放抓动夹转叠提抬收碰搬移]"
_WHO = (
    "(?:我们?|你们?|他们?|她|它|我(?:的)?(?:哥哥?|姐姐?|弟弟?|妹妹?|爸爸?|妈妈?|爷爷|奶奶|儿子|女儿|老婆|老公|朋友|同事|老板|室友|邻居)|同事|老板|老师|"
    "师傅|客户|领导|有人|有个人|某人|小[王李张明红刘陈])"
)
_BEFORE = "(?:有一?[回次天]|曾经?|以前|从前|昨天|昨晚|前天|刚才|刚刚|已经|早就|上次|上周|上个月|那天|今早|早上|[0-9一二两三半几]+个?(?:小时|分钟|天|钟头)前)"
# Characters of which one must stand in the text, a pattern, and what to say.
QUOTES = tuple(
    (needles, re.compile(pattern), reason)
    for needles, pattern, reason in (
        ("意思", "(?:是什么|什么|啥|是啥)意思", _QUESTION),
        ("会", "(?:会|将会|将)(?:怎么样?|怎样|如何|发生什么|出什么事)[呢啊呀?!.]*$", _QUESTION),
        ("该要", "(?:该|应该|应当|要)(?:放|拿|用|去|先|叠|进|转|抓|往)[^,.]*还是[^,.]*(?:呢|啊|呀|\\?)[?.!]*$", _QUESTION),
        ("几多", "^[^,.]*(?:[里上中有]|一共|总共)(?:一共|总共|现在|还)?(?:有)?(?:几|多少)[个块只颗根][^,.把拿放抓夹叠]*[呢啊呀?!.]*$", _QUESTION),
        ("了过", f"^(?:好像|似乎)?{_WHO}(?:好像|似乎)?{_BEFORE}+(?:也|就|还)?(?:在[^,.]{{1,5}})?{_WORK}[^,.]*[了过][^,.]{{0,3}}[.!]*$", _TOLD),
        ("被", f"被[^,.]{{1,8}}{_WORK}[^,.]*过[.!]*$|{_BEFORE}(?:就|已|也)?被[^,.]*[.!]*$", _TOLD),
        ("希要如但", "^(?:我)?(?:真|好|多么?)?(?:希望|要是|如果|但愿|想)(?:我|他|她|我们)(?:自己)?(?:也)?(?:能|可以|会)(?!.*你)", _TOLD),
        ("跟学", "(?:跟着?我|学着?我|随我)(?:一起)?(?:念|说|读|讲|喊|唱|背)", _SPEAKS),
        (
            "从以今",
            "(?:从现在(?:起|开始)|以后|今后|从今(?:以后|往后|起))[^.]*(?:就是|等于|代表|指的?是|意味着|算是?|叫做?)",
            _RENAMES,
        ),
        (
            "说指代等",
            f"我说的?{_OBJECT}(?:其实)?(?:就)?(?:是指|指的?是|是|等于|代表|意思是)(?!{_OBJECT}|[那这大小])|{_OBJECT}(?:就)?(?:是指|指的?是|代表|等于)(?!{_OBJECT})",
            _RENAMES,
        ),
        (
            "当假",
            "(?:当作?|当成|假装|就当|假设|假定|权当)(?:是)?(?:没有?|不存在|看不见)[^,.]*(?:碰撞|检测|检查|限位|限制|安全|急停|人|围栏|规则|闸)|(?:碰撞|检测|限位|安全|急停)"
            "[^,.]{0,4}不存在",
            _RULES,
        ),
    )
)  # fmt: skip
