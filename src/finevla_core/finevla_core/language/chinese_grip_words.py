"""Chinese wordings for how the fingers lie at a thing, as people say it of a brick: across it, along it, at its "
"ends."""

import re

from finevla_core.language.chinese_word_kinds import Kind

_GRIP = "(?:把[^,.]{1,8})?[夹抓捏握钳拿取掐拎]"
_OF_BRICK = "(?:那?[块条]?(?:砖块|砖头|砖|长条)的?|它的?|其)?"
# A kind, an expression, and the word's value if it has one.
GRIP_PATTERNS = (
    (
        Kind.SIDEWAYS,
        re.compile(f"(?:以|用|采用|采取)?横(?:着|向|过来)?(?:的)?(?:方式|姿势|姿态|方向)?(?:去|地|来)?(?={_GRIP})"),
    ),
    (
        Kind.LENGTHWAYS,
        re.compile(f"(?:以|用|采用|采取)?[竖纵](?:着|向)?(?:的)?(?:方式|姿势|姿态|方向)?(?:去|地|来)?(?={_GRIP})"),
    ),
    (Kind.SIDEWAYS, re.compile("(?:夹爪|爪子|手爪|手腕)(?:先)?(?:转|打|摆)?横(?:过来|着)?(?=[,.再去来把]|$)")),
    (
        Kind.LENGTHWAYS,
        re.compile(
            f"[顺沿]着?{_OF_BRICK}(?:长度?|长轴|长边|纵向|长向)的?(?:方向|向)?(?=[,.]|{_GRIP}|接近|靠近|合|收|对|张|"
            f"把|去|来|伸|下)"
        ),
    ),
    (
        Kind.SIDEWAYS,
        re.compile(
            f"[顺沿]着?{_OF_BRICK}(?:宽度?|短轴|短边|横向|宽向)的?(?:方向|向)?(?=[,.]|{_GRIP}|接近|靠近|合|收|对|张|"
            f"把|去|来|伸|下)"
        ),
    ),
    (Kind.SIDEWAYS, re.compile("[夹抓捏](?:住|持)?(?:它的?|其)?两[侧边](?=[,.把将去再拿提]|$)")),
    (
        Kind.LENGTHWAYS,
        re.compile(
            "一[个根只]?手?指头?(?:朝|对|冲|向|靠|挨)着?(?:你|您|机器人|自己|身体|这边|里)[^,.一]{0,4}[,/]?另?一[个根只]?手?指?头?"
            "(?:背|离|远离|背对|背朝|朝外|朝对面|朝那边|靠外)[^,.]{0,5}"
        ),
    ),
    (Kind.SIDEWAYS, re.compile("(?<![左右前后])从?两[侧边](?:夹|抓|捏)(?:住|持|起来?)?(?=[,.它]|$)")),
    (Kind.SIDEWAYS, re.compile("(?<=[为是:])横向?(?:夹持?|抓取?)?(?=[,.]|$)")),
    (Kind.LENGTHWAYS, re.compile("(?<=[为是:])[纵竖]向?(?:夹持?|抓取?)?(?=[,.]|$)")),
    (Kind.LENGTHWAYS, re.compile("(?<=[砖块条体头])的?(?:长度|长轴|纵向)的?(?:方向|向)")),
    (Kind.SIDEWAYS, re.compile("(?<=[砖块条体头])的?(?:宽度|短轴|横向)的?(?:方向|向)")),
    (Kind.SIDEWAYS, re.compile("(?:在|的)?两?[条个侧道]?(?:较?长|宽)(?:的)?(?:侧?边|侧?面|边缘)(?:的?两侧)?")),
    (Kind.LENGTHWAYS, re.compile("(?:在|的)?两?[条个侧头]?(?:较?短|窄)(?:的)?(?:侧?边|侧?面|边缘|端面?|头)")),
    (
        Kind.LENGTHWAYS,
        re.compile(
            "(?:(?<=[砖块条夹住着捏紧它的])|(?<=在))(?:那|这)?[两首](?:个)?[端头尾](?:部|处)?(?:的?端面)?(?![各一放])"
        ),
    ),
)
