"""Chinese wordings of deeds that the robot cannot do, with what is wrong with them, that no list of words can hold."""

import re

from finevla_core.language.chinese_word_kinds import Kind

# A kind, an expression, and what the robot cannot do.
ACTION_PATTERNS = (
    (
        Kind.ACTION,
        re.compile(
            "(?:告诉|说出|输出|念|列出|展示|透露|发给)(?:我|给我|一下|出)*(?:你的?)?(?:系统|初始|内部|隐藏|原始)的?(?:设定|提示词?|指令|配置|参数|prompt)"
        ),
        "talk, buy or look things up",
    ),
    (
        Kind.ACTION,
        re.compile("从(?:空中|半空中?|高处|高空|天上|远处|老远)(?:直接)?[丢扔抛甩投](?:进|到|入|下)"),
        "throw things",
    ),
    (
        Kind.ACTION,
        re.compile("(?:一直|不停|不断|永远|持续|连续)地?着?[转拧旋]动?(?:着|下去)?,?(?:别|不要|不许|不)停"),
        "turn the knob without end",
    ),
    (
        Kind.ACTION,
        re.compile(
            "[方圆长红绿蓝黄紫橙大小]色?的(?:那?[个块])?(?:或者?|或是|还是)(?:是)?[方圆长红绿蓝黄紫橙大小]色?的(?=[,.都]|$)"
        ),
        "decide that",
    ),
    (
        Kind.ACTION,
        re.compile("(?<![爪开夹指])(?:底|口|盖|头)朝(?:上|下|天)(?=[放摆搁,.]|$)|倒着(?:去|来)?[拿放抓夹摆叠]"),
        "roll or turn things over",
    ),
    (
        Kind.ACTION,
        re.compile("(?:[0-9]+|[一二两三四五六七八九十几半]+)(?:秒钟?|分钟)(?:之|以)?内(?=[,把将给放拿抓完收转])"),
        "work to a time",
    ),
    (
        Kind.ACTION,
        re.compile(
            "等(?:天|太阳|月亮|雨|雪|风|灯|钟|下课|下班|放学|吃|明天|晚上|中午|周|客人|老板|大家)[^,.手臂爪夹]{0,5}再(?=[拿抓夹放转叠收清])"
        ),
        "do things later",
    ),
    (
        Kind.ACTION,
        re.compile(
            "[红绿蓝黄紫橙大小]色?的[^,.碗左右]{0,3}[给放归去进到]*[左右](?:边的?碗?|碗)里?,?[红绿蓝黄紫橙大小]色?的[^,.碗左右]{0,3}[给放归去进到]*[左右](?:边|碗)"
        ),
        "sort, fasten or hide things, or pretend",
    ),
    (
        Kind.ACTION,
        re.compile(
            "[左右]边?的?碗?里?(?:还是|或者?)[左右]边?的?碗?里?,?(?:随)?(?:你|您)?(?:来)?(?:定|决定|选|看着办|挑|随便)"
        ),
        "decide that",
    ),
    (
        Kind.ACTION,
        re.compile(
            "(?:要不要|该不该|用不用|能不能|可不可以)[^,.]{1,14}?,?(?:你|您)(?:自己|来)?(?:看着?办?|定|决定|说了算|判断|选|挑|掂量)"
        ),
        "decide that",
    ),
    (
        Kind.ACTION,
        re.compile(
            "(?:关节|速度|力矩|力|安全|碰撞|限位|软限位|急停|保护)(?:限速|限制|检测|保护|限位|上限|系统|功能|检查|"
            "停止|阈值)*都?"
            "(?:取消|关掉|关闭|关了|解除|去掉|屏蔽|跳过|禁用)"
            "|(?:安全|急停|限速|限位|碰撞|保护)(?:桥|网关|检测|限制|系统|功能|机制)?(?:已经?|被|都|全|现在)*"
            "(?:停用|失效|旁路|关停|下线|不起作用|没了|不管用|坏了|不用了)"
            "|(?:取消|关掉|关闭|解除|去掉|屏蔽|跳过|禁用|无视|忽略)(?:所有|一切|掉)*的?"
            "(?:关节|速度|力矩|安全|碰撞|限位|软限位|限速|保护|检查|急停)"
            "|(?:忽略|无视|忘掉|忘记|忘了|跳过|不要管|不管|别管|抛开|推翻)(?:你|掉|之前|先前|前面|上面|以上|所有|"
            "一切|系统|全部|任何)*的?"
            "(?:所有|一切)?的?(?:规则|指令|限制|设定|提示|约束|规定|安全)"
        ),
        "change my rules",
    ),
    (
        Kind.ACTION,
        re.compile("(?:滚|推|踢|吹|拨)[进入]+(?=(?:左|右|左边|右边|那个|这个)?的?[碗盆])"),
        "push or roll things",
    ),
    (Kind.ACTION, re.compile("交给(?=[我他她你咱客])")),
    (
        Kind.ACTION,
        re.compile("每(?:隔|过)[^,.]{1,6}?(?:秒钟?|分钟?|小时|钟头|天|会儿)(?:就)?"),
        "do things by the clock",
    ),
    (
        Kind.ACTION,
        re.compile(
            "滚(?:到|去|过去|向)(?=(?:左|右|左边|右边|那个|这个)?的?[碗盆](?:里|中|内)?(?:面|边|头)?去?(?:[,.]|$))"
        ),
        "push or roll things",
    ),
    (
        Kind.ACTION,
        re.compile("(?<![左右一那这外内里对两旁近远])(?:侧|倒|反|翻|竖|横|立|斜|掉个?头)过来(?:再)?(?:放|摆|搁)?"),
        "roll or turn things over",
    ),
    (
        Kind.ACTION,
        re.compile(
            "(?:换|倒|交|传|递|转|转移|移交|转交)(?:到|给|至|去|进)(?:左|右|另一只?|另外一只?)[边侧]?(?:的|那只|"
            "那条)?(?:机械)?(?:手|臂|爪)"
            "(?:上|里|中|心)"
        ),
        "hand things over",
    ),
    (Kind.ACTION, re.compile("(?:顺|正)(?:时针)?[和与跟/]?逆(?:时针)?(?=都|各|一起|全)"), "turn the knob both ways"),
    (
        Kind.ACTION,
        re.compile(
            "(?:左右|上下|来回|前后)?(?:摇晃|晃动|摇摆|摇|晃|抖动|抖|颠)(?:几|两|三|四|五|六|十|[0-9]+)(?:下|次|回)"
        ),
        "shake things",
    ),
    (Kind.ACTION, re.compile("(?:换|改|变)(?:一?[个种]|成)?颜色"), "paint or glue things"),
    (Kind.ACTION, re.compile("一只?手(?:拿|抓|夹)?一[个块只颗]"), "use both arms at once"),
    (
        Kind.ACTION,
        re.compile("(?:反复|重复|连续|不停|不断|轮番)地?(?=[抓拿夹取捡放叠摞举抬])|不[停断]地?(?=[转拧旋])"),
        "do a job several times",
    ),
    (Kind.ACTION, re.compile("(?:收拾|清理|整理|收|清)一半"), "clear a part of the table"),
    (
        Kind.ACTION,
        re.compile(
            "来回地?(?=[转拧旋扭])|([转拧旋扭])来\\1去|(?:往复|反复|左右|正反)(?:来回)?地?(?=[转拧旋扭])"
            "|(?:左右|正反)各[一两三几]?(?:下|次|圈|回)|先[左右正反顺逆](?:时针)?[后再][左右正反顺逆]"
        ),
        "turn the knob both ways",
    ),
    (Kind.ACTION, re.compile("([抓夹拿转拧放提叠])不\\1(?:都行|都可以|都成|随便|随你|无所谓)"), "decide that"),
    (
        Kind.ACTION,
        re.compile("(?<![^,.])(?:下次|下回|改天|改日|过几天)(?=[^,.]{0,8}[抓拿夹放用转叠收])"),
        "do things later",
    ),
    (
        Kind.ACTION,
        re.compile(
            "你(?:现在|从现在起|已经)(?:是|处于|进入|变成|成为)[^,.红绿蓝黄紫橙]{0,8}(?:模式|身份|管理员|开发者|黑客)"
        ),
        "change my rules",
    ),
    (
        Kind.ACTION,
        re.compile(
            "(?<=[碗盆里中]),?(?:再|又|然后|之后|接着|马上)+(?:把它|将它)?(?:给)?(?:拿|取|捡|夹|掏|捞)(?:出来|回来)"
        ),
        "take things out again",
    ),
)
