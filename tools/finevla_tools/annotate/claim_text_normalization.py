"""A text as the check reads it: numbers as digits, parts of a turn as degrees, times as seconds, short forms written out."""

import re

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORTH = {word: k for k, word in enumerate(_ONES)} | {word: 10 * k for k, word in enumerate(_TENS, start=2)}
_WORD = "|".join(sorted([*_WORTH, "hundred"], key=len, reverse=True))
_DIGITS_ZH = {sign: k for k, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0, "俩": 2}
_UNIT = (
    r"(?:degrees?|deg|°|attempts?|tr(?:y|ies)|times|goes|shots?|efforts?|passes|seconds?|secs?|s|cm|mm|m"
    r"|(?:centi|milli)?met(?:er|re)s?|inch(?:es)?|turns?|rotations?|revolutions?|circles?|grasps?|failed"
    r"|failures?|misses)"
)
NUMBER_WORDS = re.compile(
    rf"\b(?P<n>(?:{_WORD})(?:(?:[ -]|-?and-?| and )(?:{_WORD}))*)(?= (?:more |whole |full |complete |single "
    rf"|separate |failed "
    rf"|unsuccessful |grasp(?:ing)? |different |whole-)*{_UNIT}\b|-{_UNIT}\b|°)"
)
NUMBERS_ZH = re.compile(
    r"(?<!之)(?P<n>[零〇一二两俩三四五六七八九十百]+)(?:点(?P<f>[零一二三四五六七八九]+))?"
    r"(?=个?(?:度|次|回|遍|趟|秒|厘米|公分|毫米|米|圈))"
)
_TURN_WORDS = ("turn", "rotation", "revolution", "circle")
_TURN = rf"(?:{'|'.join(_TURN_WORDS)})"
HAN = re.compile(r"[一-鿿]")
_WHOLE = {"half": 180, "third": 120, "quarter": 90, "fifth": 72, "sixth": 60, "eighth": 45, "twelfth": 30}
_PART = "|".join(_WHOLE)


def _rules(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns and what each rewrites its matches to, in this order."""
    return tuple((re.compile(pattern), new) for pattern, new in pairs)


_SIGNS = str.maketrans({**dict.fromkeys("’‘`´", "'"), **dict.fromkeys("‐‑–", "-")})
_DENIALS = _rules((r"\bcan't\b|\bcannot\b", "can not"), (r"\bwon't\b", "will not"), (r"n't\b", " not"))
_SENSES = _rules(
    (r"\bccw\b|\bcounter[- ]?clock[- ]?wise\b|\banti[- ]?clock[- ]?wise\b", "counterclockwise"),
    (r"\bcw\b|\bclock-wise\b", "clockwise"),
)
_MOVEMENT = r"\b(?:translation|carry|transport|movement|motion|move|displacement|direction)(?: direction)? ?[:=] ?"
_CONTACT = r"\b(?:approach|contact|grasp)(?:ed|es)?(?: direction| side)? ?[:=] ?"
# Notes: `arm: left`, `grasp: from above`.
_LABELS = _rules(
    (r"\b(arm|hand|gripper|manipulator|actor)(?: used)? ?[:=] ?(?:the )?(left|right|both)\b(?! arm)", r"\2 arm"),
    (rf"{_CONTACT}(?:the |from )?(?:the )?(left|right|front|back|rear|far side|near side)"
     r"(?=\s*(?:$|[,.;\n)]|\bside\b(?! \w)))", r"approaches from the \1"),
    (rf"{_CONTACT}(?:from )?(?:the )?(?:top|above|overhead)\b", "approaches from above"),
    (rf"{_MOVEMENT}(?:to )?(?:the )?(left|right)\b", r"carries it to the \1"),
    (rf"{_MOVEMENT}(forwards?|backwards?)\b", r"carries it \1"),
    (r"\b(?:distance|extent|translation|displacement|travel)(?: covered)? ?[:=] ?(?=\d)", "carries it "),
    (r"\b(arms\b[^:.;]{0,40}: )(?:the )?(left|right),? (?:and )?then (?:the )?(left|right)\b(?! \w)",
     r"\1\2 arm, then \3 arm"),
    (r"(?:接近|接触|抓取)(?:方向|侧)?[：:](?:从)?(上方|左侧|右侧|前方|后方|远侧|近侧|顶部)", r"从\1接近"),
    (r"(?:移动|平移|搬运|运动|位移)(?:方向)?[：:](?:向)?([左右前后])", r"向\1移动"),
    (r"(?:移动|平移|搬运|位移)?距离[：:](?=\d)", "移动"),
    (r"(?:执行|使用|动作)?(?:手)?臂[：:]([左右])(?!臂|手|机|侧|边)", r"\1臂"),
)  # fmt: skip
_ORDERS = _rules(
    (r"\b(left|right)(?: one)? first,? (?:and )?(?:then )?(?:the )?(left|right)(?: one)?"
     r" (?:second|next|afterwards|later|last)\b", r"\1 arm first, then \2 arm"),
)  # fmt: skip
# Notes of people who are short of time: `L: grasp @3.7 s`, `opens t=9.5`, `R first, then L`, `to -y (right)`.
_NOTES = _rules(
    (r"(?:^|(?<=[.;,\n] )|(?<=\n))l ?: ?", "left arm: "),
    (r"(?:^|(?<=[.;,\n] )|(?<=\n))r ?: ?", "right arm: "),
    (r"\bl first,? (?:and )?then r\b(?! \w)", "left arm first, then right arm"),
    (r"\br first,? (?:and )?then l\b(?! \w)", "right arm first, then left arm"),
    (r"(?<![\w.])(?:at )?t ?[=≈~] ?(?=\d)(\d+(?:\.\d+)?)(?: ?s(?:ec(?:onds)?)?\b)?", r"at \1 s"),
    (r"@ ?(?=\d)", "at "),
    (r"\b(?:to |along |in )?[+-] ?[xy] ?\((?:to the )?(left|right)\)", r"to the \1"),
)  # fmt: skip
_DID_ALL = r"(?: one| arm| hand)? (?:did|does|handled|handles) (?:everything|all the work|it all)(?=\s*(?:$|[.;,!\n]))"
_DID_ONLY = r"(?: one| arm| hand) (?:did|does) anything(?=\s*(?:$|[.;,!\n]))"
_ALONE = tuple(
    (re.compile(pattern), f"the {side} arm acts and the {other} arm stays idle throughout")
    for side, other in (("left", "right"), ("right", "left"))
    for pattern in (rf"\b(?:the )?{side}{_DID_ALL}", rf"\bonly the {side}{_DID_ONLY}")
)
_SPANS = _rules((r"\bbetween (\d[\d.]*(?: ?s\b| seconds?)?) and (?=\d)", r"from \1 to "))
_CHINESE = _rules(
    (r"反时针|逆时钟", "逆时针"), ("顺时钟", "顺时针"), ("直角", "90度"),
    (r"(?<![动转触近取])方向(?:应)?(?:该)?(?:为|是)?[：:]?(?=[向往朝])", "搬运"),
)  # fmt: skip
_RARE_WORDS = ("angle", "couple", "pair of", "half", "approx.", "ca.", "vs.", "e.g.", "i.e.", "resp.", "incl.")
_RARE = _rules(
    (r"\b(approx|ca|vs|e\.g|i\.e|resp|incl)\.(?= ?[\w,])", r"\1"),
    (r"\bright[- ]angled?( turn)?\b(?! arm)", "90 degrees"),
    (r"\ba (?:couple|pair) of (?=attempts|tries|times|goes)", "two "),
    (r"\ba half(?= turn| rotation| circle)", "half"),
)
_PARTS_OF_TURN = re.compile(
    rf"\b(?P<n>two|three|four|five|seven)[- ](?P<p>{_PART})s? (?:of )?(?:an? |one )?(?:full )?{_TURN}\b"
)
_PART_OF_TURN = re.compile(
    rf"\b(?:an? |one[- ])?(?P<p>{_PART})(?:[- ]|s? of )(?:an? |one )?(?:full |complete "
    rf"|whole )?{_TURN}s?\b"
)
_TURNS = re.compile(rf"\b(?P<n>\d+) (?:full |complete |whole )?{_TURN}s?\b")
_AND_HALF = re.compile(rf"\b(?P<n>one|two|three|\d) and a half {_TURN}s?\b")
_FULL_TURN = re.compile(rf"\b(?:an? |one )?(?:full|complete|whole|entire) {_TURN}\b")
_TURN_ZH = re.compile(
    r"(?:(?P<p>[二三四六八])分之(?P<q>[一二三])(?:整?圈|周)|半(?:圈|周)|(?P<n>\d+)(?P<h>圈半)"
    r"|(?P<m>\d+|整|一)整?[圈周])"
)
_RADIANS = re.compile(r"(?P<n>\d+(?:\.\d+)?) ?(?:rad(?:ian)?s?\b|弧度)")
_CLOCK = re.compile(r"(?<![\d:.])(?P<m>0?\d):(?P<s>[0-5]\d(?:\.\d+)?)(?![\d:])")
_MILLISECONDS = re.compile(r"(?P<n>\d+) ?(?:ms\b|milliseconds?|毫秒)")
_PART_OF_METRE = re.compile(
    r"\b(?:an? |one )?(?P<p>half|quarter|third)(?: of)?(?: a)? met(?:er|re)\b"
    r"|(?P<z>半)米"
)
_METRES = {"half": "0.5", "quarter": "0.25", "third": "0.33"}


def plain_text(text: str) -> str:
    """Return a text in small letters, numbers as digits, angles in degrees, moments in seconds, short forms written out."""
    text = text.lower().translate(_SIGNS)
    if "—" in text:
        text = re.sub(r"\s*—\s*", ", ", text)
    # What rules cannot change is asked for first, for a substring is found far faster than a pattern fails.
    for is_near, rules in (
        ("n't" in text or "cannot" in text, _DENIALS),
        ("cw" in text or "clock" in text, _SENSES),
        (any(sign in text for sign in ":=："), _LABELS),
        (any(sign in text for sign in ":=≈~@(") or " first" in text, _NOTES),
        ("everything" in text or "anything" in text or " all" in text, _ALONE),
        ("first" in text, _ORDERS),
        ("between" in text, _SPANS),
        (any(map(text.__contains__, _RARE_WORDS)), _RARE),
    ):
        if is_near:
            for pattern, new in rules:
                text = pattern.sub(new, text)
    return _in_chinese(_in_units(text))


def _in_units(text: str) -> str:
    """Write English numbers as digits, and what is measured in one unit each."""
    has_turns = any(word in text for word in _TURN_WORDS)
    if has_turns:
        text = _PARTS_OF_TURN.sub(lambda m: f"{_WORTH[m['n']] * _WHOLE[m['p']]} degrees", text)
        text = _AND_HALF.sub(lambda m: f"{360 * int(_WORTH.get(m['n'], m['n'])) + 180} degrees", text)
        text = _PART_OF_TURN.sub(lambda m: f"{_WHOLE[m['p']]} degrees", text)
        text = _FULL_TURN.sub("360 degrees", text)
    if "met" in text or "米" in text:
        text = _PART_OF_METRE.sub(lambda m: "0.5米" if m["z"] else f"{_METRES[m['p']]} m", text)
    text = NUMBER_WORDS.sub(lambda m: str(_english_number(m["n"])), text)
    if has_turns:
        text = _TURNS.sub(lambda m: f"{360 * int(m['n'])} degrees", text)
    if "rad" in text or "弧度" in text:
        text = _RADIANS.sub(lambda m: f"{float(m['n']) * 57.29578:.0f} degrees", text)
    if ":" in text:
        text = _CLOCK.sub(lambda m: f"{60 * int(m['m']) + float(m['s']):g} s", text)
    if "ms" in text or "milli" in text or "毫秒" in text:
        text = _MILLISECONDS.sub(lambda m: f"{int(m['n']) / 1000:g} s", text)
    return text


def _in_chinese(text: str) -> str:
    """Write Chinese numbers as digits, and turns in degrees."""
    if not HAN.search(text):
        return text
    for pattern, new in _CHINESE:
        text = pattern.sub(new, text)
    return _TURN_ZH.sub(_turn_zh, NUMBERS_ZH.sub(_chinese, text))


def _english_number(words: str) -> int:
    total = 0
    for word in re.findall(r"[a-z]+", words):
        if word == "hundred":
            total = 100 * max(total, 1)
        else:
            total += _WORTH.get(word, 0)
    return total


def chinese_number(signs: str) -> int:
    """Return a number below a thousand that is written in Chinese signs."""
    total, digit = 0, 0
    for sign in signs:
        if sign in "十百":
            total += max(digit, 1) * (10 if sign == "十" else 100)
            digit = 0
        else:
            digit = 10 * digit + _DIGITS_ZH[sign]
    return total + digit


def _chinese(match: re.Match[str]) -> str:
    part = "" if match["f"] is None else "." + "".join(str(_DIGITS_ZH[sign]) for sign in match["f"])
    return f"{chinese_number(match['n'])}{part}"


def _turn_zh(match: re.Match[str]) -> str:
    if match["p"]:
        return f"{360 * chinese_number(match['q']) // chinese_number(match['p'])}度"
    if match["h"]:
        return f"{360 * int(match['n']) + 180}度"
    if match["m"]:
        return f"{360 * (int(match['m']) if match['m'].isdigit() else 1)}度"
    return "180度"
