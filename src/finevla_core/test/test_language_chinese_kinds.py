"""Promises of the Chinese reader by kinds of wording: indirect arms, ways told as motion, speech without marks, denials."""

import pytest
from slot_text import slots_in

from finevla_core.language.chinese_reader import MAX_CHARACTERS, read_chinese

# A sentence, its task and what else it says; none of them is in the development set.
SHORT = (
    ("劳烦用右边那只爪子把橘色的珠子捏起来", "pick arm=right color=orange shape=ball"),
    ("你那只空着的左手去把绿罐罐端起来呗", "pick arm=left color=green shape=cylinder"),
    ("右手刚涂了润滑油,不能碰东西,所以紫球得换只手拿", "pick arm=left color=purple shape=ball"),
    ("左碗快装不下了,橙罐子送另外那只碗", "place color=orange shape=cylinder place=right_bowl"),
    ("不许从杆顶上过,贴着杆子旁边走,把绿球送进右碗", "place color=green shape=ball path=round place=right_bowl"),
    ("这旋钮是往右拧才松,帮我松一下", "turn shape=knob turn=clockwise"),
    ("让绿罐子站在橙砖的背上", "stack color=green shape=cylinder below_color=orange below_shape=brick place=object"),
    ("右臂过去瞄准黄砖就好,先不要下手", "reach arm=right color=yellow shape=brick"),
    ("咱们先不抓,只把右手挪到蓝罐子上头", "reach arm=right color=blue shape=cylinder"),
    ("用左手把散在桌上的这些积木啊球啊全归到左碗", "clean arm=left place=left_bowl"),
    ("一样不落地给我装碗里", "clean"),
    ("手绕到红罐子后头,往自己怀里这边兜着夹起来", "pick color=red shape=cylinder approach=front"),
    ("爪子竖直往下扎,夹住蓝砖提起来", "pick color=blue shape=brick approach=top"),
    ("手从左往右推进,夹住紫方块", "pick color=purple shape=cube approach=left"),
    ("别从正上方,改走右侧,拿红球", "pick color=red shape=ball approach=right"),
    ("夹爪横着张,卡住绿方块左右两个面,拎起", "pick color=green shape=cube grasp=sideways"),
    ("捏住黄罐子两侧,左边一指右边一指,提起", "pick color=yellow shape=cylinder grasp=sideways"),
    ("不是小球,是大球,紫色的,用右手拿", "pick arm=right color=purple shape=ball size=big"),
    ("大的先放着,小的那块红砖拿起来", "pick color=red shape=brick size=small"),
    ("放左碗,不不不,右碗,那个橙球", "place color=orange shape=ball place=right_bowl"),
    ("把红球放到左碗——等下,那碗有水,放右碗", "place color=red shape=ball place=right_bowl"),
    ("左手,红罐,顶抓,绕杆,右碗", "place arm=left color=red shape=cylinder approach=top path=round place=right_bowl"),
    ("L爪 抓 绿砖", "pick arm=left color=green shape=brick"),
    ("object=蓝色罐子, arm=左, action=抓取, approach=远端", "pick arm=left color=blue shape=cylinder approach=front"),
    ("左臂。蓝球。上方。", "reach arm=left color=blue shape=ball approach=top"),
    ("别管那堆方块,把唯一的球拿起来", "pick shape=ball"),
    ("哎呀水要烧干了,旋钮赶紧往小了拧,就是逆时针", "turn shape=knob turn=counterclockwise"),
    ("听说你会绕障碍,那把蓝砖送右碗,中间那根棍别碰", "place color=blue shape=brick place=right_bowl"),
    ("右手已经拿着东西了,红球只好由左手抓", "pick arm=left color=red shape=ball"),
    ("哪只手没坏就用哪只:左手坏了。抓黄砖", "pick arm=right color=yellow shape=brick"),
    ("把绿球搬到左边的碗那里放进去", "place color=green shape=ball place=left_bowl"),
    ("蓝砖要是不好拿就从上面拿,放左碗", "place color=blue shape=brick approach=top place=left_bowl"),
    ("用右臂夹黄罐子,夹完举着等我", "pick arm=right color=yellow shape=cylinder"),
    ("看到那颗最大的绿球没?把它捉起来", "pick color=green shape=ball size=big"),
    ("橙色圆滚滚那个,抓住", "pick color=orange"),
    ("敬请左臂以俯冲之势擒获紫球", "pick arm=left approach=top color=purple shape=ball"),
    ("桌面归零,左臂执行,物品入右碗", "clean arm=left place=right_bowl"),
    ("转盘往三点钟方向转", "turn shape=knob turn=clockwise"),
    ("請把藍色磚塊疊喺綠色方塊上面", "stack color=blue shape=brick below_color=green below_shape=cube place=object"),
    ("我只要你伸右手过去,橙方块上方停,不许夹", "reach arm=right color=orange shape=cube"),
    ("蓝球在两个碗当中,小心别碰碗,从上往下把它抓起来", "pick color=blue shape=ball approach=top"),
    ("离你最近的绿砖,右手拿起来", "pick arm=right color=green shape=brick"),
    ("劳您大驾,右手伸那黄砖顶上悬着,甭碰它", "reach arm=right color=yellow shape=brick"),
    ("你甭使右手,它手腕子拧了,使左手把蓝球拾掇到左碗里去", "place arm=left color=blue shape=ball place=left_bowl"),
    ("使右手把紫砖挪窝儿,挪到左边碗里", "place arm=right color=purple shape=brick place=left_bowl"),
    ("拜托右手桑,去摸一下那个旋钮,不要转哦", "reach arm=right shape=knob"),
    ("把所有玩具送回左边碗碗的家", "clean place=left_bowl"),
    ("烦请贵机以左侧末端执行器夹持橙色砖体,提升并保持", "pick arm=left color=orange shape=brick"),
    ("请将黄色球体经由立柱外侧绕行后投放至右侧容器", "place color=yellow shape=ball path=round place=right_bowl"),
    ("抓取:砖(红);臂:左;手指:前后", "pick color=red shape=brick arm=left grasp=lengthways"),
    ("蓝砖 右臂 前后夹 提起", "pick color=blue shape=brick arm=right grasp=lengthways"),
    ("旋钮,右旋,左臂", "turn shape=knob turn=clockwise arm=left"),
    ("绿罐别放左碗了,改放右碗", "place color=green shape=cylinder place=right_bowl"),
    ("别从左边也别从右边,从上面拿黄方块", "pick approach=top color=yellow shape=cube"),
    ("除紫球外别的都别动,右手把它举起来", "pick arm=right color=purple shape=ball"),
    ("左手拿紫砖,停,是紫罐", "pick arm=left color=purple shape=cylinder"),
    ("用左……哎呀右手,把旋钮顺时针转", "turn arm=right shape=knob turn=clockwise"),
    ("夹在两根杆子……我说的是两个碗中间的橙罐子拿起来", "pick color=orange shape=cylinder"),
    ("桌子最里头那块黄砖,拿起来", "pick color=yellow shape=brick"),
    ("右碗前面摆着一个紫方块,左手抓", "pick arm=left color=purple shape=cube"),
    ("孩子把红罐子推到桌边了,快用近的那只手,也就是左手,抓住它", "pick arm=left color=red shape=cylinder"),
    ("刚才右手掉过一次,换左手,再拿一次绿球", "pick arm=left color=green shape=ball"),
)
PARAGRAPHS = (
    (
        "这一段拍的是右臂。它先悬在空中不动,镜头拉近后开始朝桌子左半边移动,停在一个橙色长方体的上方。爪子张得比砖宽一点,接着笔直落下,两瓣爪尖分别贴住砖的近面和远面,收紧。砖离开桌面,升到大约胸口的高度,静止两秒后画面结束。左臂在画面边缘,一直没动。",
        "pick arm=right approach=top grasp=lengthways color=orange shape=brick",
    ),
    (
        "那个旋钮有点紧,所以要用力。左手过去,手指头一左一右卡住它,先别急着转,卡稳以后朝着钟表走的方向转个四十五度,转到头会有咔哒一声,听到就松手回来。右手扶着也没用,让它歇着。",
        "turn arm=left grasp=sideways turn=clockwise shape=knob",
    ),
    (
        "机械臂(右)从静止开始,肩关节先动,带着夹爪越过桌面中线,在黄色易拉罐左侧减速,张开到最大,然后向右推进直到罐身进入两指之间,闭合。罐子被竖直提起十厘米,随后向左移动,在左碗正上方被释放。绿色方块始终留在原处。",
        "place arm=right approach=left color=yellow shape=cylinder place=left_bowl",
    ),
    (
        "双臂均在待机位。右臂的相机坏了看不见,故由另一只执行。执行臂下降至紫色方块,指爪分列方块左右,闭合,回升八厘米。任务至此完成,不需要搬运或放置。",
        "pick arm=left color=purple shape=cube grasp=sideways",
    ),
    (
        "桌子左边是我的手机和钥匙,别碰。桌子右边有一个橙色罐子,你把右手伸过去,从离你远的那头抓,抓住它,抬起来一点点,放到左边碗里去。做完以后把手收回来,不要挡住镜头。谢谢。",
        "place arm=right approach=front color=orange shape=cylinder place=left_bowl",
    ),
    (
        "这活儿右手干。红方块夹起来之后不放碗里,也不放桌上,就那么拿着,等我下一句。夹的时候从上面夹。",
        "pick arm=right approach=top color=red shape=cube",
    ),
    (
        "把手(左边那只)放到蓝色方块的上空,离它五六厘米,手指张开,掌心朝下,然后就保持这个样子。我要拍几张照片,拍完再告诉你要不要抓。别的东西你都不用管。",
        "reach arm=left color=blue shape=cube",
    ),
    (
        "右臂绿方块远侧,即机器人看不到的那一面,手到那一面之后往回勾,夹住,起。全程不碰杆。",
        "pick arm=right approach=front color=green shape=cube",
    ),
    (
        "紫球在红方块和黄方块之间,两边都很窄,手指左右夹的话会碰到方块,所以要前后夹。右手,从上面下去,一指在前一指在后,夹住提起来,放进右碗。",
        "place arm=right approach=top grasp=lengthways color=purple shape=ball place=right_bowl",
    ),
    (
        "首先确认桌面上只有一个旋钮。右臂移动使夹爪中心与旋钮轴线重合,高度下降至旋钮中部,两指闭合以夹住它。腕关节以每秒二十度的角速度逆时针旋转。达到九十度后停止,松开,退回。左臂不动作。",
        "turn arm=right turn=counterclockwise shape=knob",
    ),
    (
        "嗯那个就是左手你先过去然后到那个橙色的方块上面对就是上面然后下去夹住夹住以后拿起来往右边的碗那边走到了就松开好了右手不用管",
        "place arm=left approach=top color=orange shape=cube place=right_bowl",
    ),
    (
        "把桌上的东西都收到右边的碗里去用左手一个一个来从上面夹夹起来以后从杆子上面过去放的时候轻一点全部收完了再停",
        "clean arm=left approach=top path=over place=right_bowl",
    ),
    (
        "场景:两个碗,一左一右;一根立柱;一个紫色圆柱;一个绿色砖块。指令:让紫色圆柱进入左侧的碗。约束:使用右手;行进路线避开立柱,从侧面绕;接近紫色圆柱时从其右侧水平进入。禁止触碰绿色砖块。",
        "place arm=right approach=right color=purple shape=cylinder path=round place=left_bowl",
    ),
    (
        "第一遍我看你用右手从左边抓的,抓歪了。这一遍还是右手,但是改成从上面抓。抓的还是那个紫色的砖头。抓起来别松。",
        "pick arm=right approach=top color=purple shape=brick",
    ),
    (
        "它首先靠近桌上的绿色长方体,注意这里用的是左臂,右臂折叠在胸前。靠近的方向是从机器人的左手边水平切入。闭合以后没有马上抬,而是停了一秒,然后抬起,移向右碗并释放。",
        "place arm=left approach=left color=green shape=brick place=right_bowl",
    ),
    (
        "右侧夹爪以张开的姿态向桌面中央平移,停在橙色旋钮的上空,随后沿竖直方向下移。夹爪的两根手指分居旋钮的近端和远端,收拢后手腕开始朝顺时针方向旋转,约转过九十度。旋转结束,夹爪张开并上升。左侧夹爪保持不动。",
        "turn arm=right approach=top grasp=lengthways turn=clockwise color=orange shape=knob",
    ),
    (
        "首先声明,本次不做抓取。右臂携带张开的夹爪抵达蓝色球体上方三厘米处,速度逐渐降为零,保持悬停。悬停期间夹爪不得闭合,也不得触碰球体。左臂留在初始位置。",
        "reach arm=right color=blue shape=ball",
    ),
)
REFUSED = (
    "把红球放进左碗再放进右碗",
    "把桌上的红方块和蓝方块都拿起来",
    "把红球从桌子底下拿过来",
    "把绿罐子里的水倒进左碗",
    "将黄球在桌上弹三下",
    "把红方块挪到桌子边缘",
    "把绿球滚进右碗",
    "用嘴叼起紫球",
    "拿起青花瓷方块",
    "拿起红色的三角锥",
    "把红笔放到左碗",
    "这个方块是什么颜色的",
    "红球已经放进左碗了",
    "从近侧抓红方块",
    "用胸口顶住红球",
    "把左碗里的东西倒到右碗",
    "把红方块藏到左碗后面",
    "从上面抓绿球,必须从左侧进入",
    "把绿方块放到绿方块上",
    "把旋钮提起来放进右碗",
    "旋钮往左往右各转一次",
    "把杆子移开",
    "用力捏碎橙球",
    "明天提醒我拿红球",
    "随便拿一个",
    "给红方块涂成蓝色",
    "左手握右手",
    "把书放到右碗里",
    "从下往上抓红球",
    "把红罐子倒着放在桌上",
    "用右手拿绿砖,右手全程不许动",
    "夹住黄球的左右两侧,手指必须一前一后",
    "左臂右臂一起把砖抬起来",
    "把红方块放到右碗旁边",
    "旋钮顺时针逆时针各转一圈",
    "抓红方块或者蓝方块",
    "把紫砖叠到绿罐上,再把黄球叠到紫砖上",
    "把红方块翻个面",
    "把蓝砖推到桌子对面",
    "给我一个拥抱",
    "拿起桌上的锤子",
    "抓住白色的砖",
    "把绿罐子盖子拧开",
    "把球放进中间的碗",
    "从桌子底下伸手抓红球",
    "把红球放到碗边上",
    "把左碗推到右边",
    "我觉得红球挺好看",
    "什么都别做",
    "请把它放进碗里",
    "用力把旋钮拔下来",
    "把红方块放进左碗之前先放进右碗",
    "假装抓红球",
    "红球不要拿",
    "把红球拿到左碗上面然后再放回原处",
    "把绿砖同时放在红方块和蓝方块上",
    "从下方托起蓝球",
    "从机器人这一侧去夹红砖",
    "把旋钮按下去",
    "请拿起黑白相间的球",
)
REMARK = "全程动作平稳，速度适中，其余物体都保持原位，没有发生碰撞。"


@pytest.mark.parametrize(("say", "told"), [*SHORT, *PARAGRAPHS])
def test_a_wording_means_what_it_says(say: str, told: str) -> None:
    reading = read_chinese(say)
    assert not reading.refusal
    assert dict(reading.slots) == slots_in(told)


@pytest.mark.parametrize("say", REFUSED)
def test_what_cannot_be_done_is_refused(say: str) -> None:
    reading = read_chinese(say)
    assert reading.refusal
    assert reading.certainty == 0.0


@pytest.mark.parametrize(("say", "told"), PARAGRAPHS[:6])
def test_a_text_of_two_thousand_signs_is_read_whole(say: str, told: str) -> None:
    text = say + REMARK * ((2000 - len(say)) // len(REMARK) + 1)
    assert 2000 <= len(text) <= MAX_CHARACTERS
    reading = read_chinese(text)
    assert not reading.refusal
    assert dict(reading.slots) == slots_in(told)
