"""Chinese verbs that are made of a verb and what its motion comes to: "carry" and "into", "grasp" and "firmly"."""

from itertools import product

from finevla_core.language.chinese_word_kinds import Kind

# Verbs of one motion, and what may follow each of them; a word that the lists name otherwise keeps its meaning.
_PARTS: tuple[tuple[Kind, str, str], ...] = (
    (
        Kind.PUT,
        """
        补 添 扫 换 归整 请回 撵回 赶 扫荡
        放 搁 摆 置 装 扔 丢 投 塞 撂 搬 运 送 移 挪 转移 挪移 搬移 收 归 带 捎 递 盛 存 安 落 倒腾 腾挪 搂 划拉 扒拉 归拢
        归置 收拾 收纳 收集 集中
        平放 轻放 稳放 竖放 立放 稳稳放 转运 转送 搬运 运送 输送 护送 放置 摆放 安放 存放 投放 放回 送回 怼 杵 撵 轰
        """,
        "到 进 在 入 至 往 于 进去 进到 入到 回到 到了 进了",
    ),
    (
        Kind.PUT,
        "拎 提 端 抱 捧 拿 夹 抓 捡 拾 取 弄 搞 整 叼 衔 捏 钳 举 抬 吊 托 请 抓取 夹取 拿起 夹起 抓起 提起 拎起 端起",
        "进 入 往 进去 进到 到了 进了",
    ),
    (
        Kind.GRASP,
        "抓 夹 拿 取 拾 捡 捏 握 拣 攥 逮 钳 捞 擒 抄 掐 抠 揪 拈 撮 薅 叼 衔 咬 卡 扣 箍 搂 捉 拽 掂 端 抱 捧 拎 提 夹持",
        "起 住 稳 牢 紧 好 实 定 死 起来 上来 出来 过来 走 着 一下 一把 了起来 得住 得起来 在手里 在手上 到手里 到手上",
    ),
    (
        Kind.LIFT,
        "提 举 抬 拎 托 吊 升 拔 捧 抱 端 抬升 提升 升举",
        "起 起来 高 离 上来 上去 到空中 到半空 离桌面 离台面 离桌子 至半空 至空中 高高 起身 了起来",
    ),
    (
        Kind.STACK,
        "叠 摞 码 堆 垒 垛 架 盖 罩 压 骑 坐 蹲 站 立 爬 怼 杵 叠放 堆放 码放 摞放 堆叠 叠加 累 撂 摞高 落座 安坐",
        "到 在 上 上去 上面 至 于 起来 高 成一摞 成一叠 成两层 在一起 一起",
    ),
    (
        Kind.TURN,
        "转 拧 旋 扭 拨 扳 调 旋转 转动 拧动 扭动 旋动",
        "一下 一点 一点点 一些 一圈 半圈 两圈 三圈 几圈 一格 两格 几格 过去 过来 回 回去 回来 动 上一圈 上半圈 上一点",
    ),
    (
        Kind.MOVE,
        "伸 移 挪 凑 靠 贴 探 够 走 飞 游 飘 悬 开 赶 奔 迎 摸 掏 兜 平移 移动 挪动 横移 滑移 直奔 逼近 靠近 接近 前伸 探身",
        "到 向 去 过去 近 至 往 进 进去 上去 上前 过来 到了 一点 一下 回到",
    ),
)
COMPOUNDS: tuple[tuple[Kind, tuple[str, ...]], ...] = tuple(
    (kind, tuple(verb + end for verb, end in product(verbs.split(), ends.split()))) for kind, verbs, ends in _PARTS
)
