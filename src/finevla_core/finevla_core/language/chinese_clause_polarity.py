"""What of a text is denied, is only a remark, or was corrected later: phrases get their clause, polarity and weight here."""

from dataclasses import replace
from itertools import groupby, pairwise

from finevla_core.language.chinese_grammar import Phrase, compile_rule, letters
from finevla_core.language.chinese_phrases import MARKS, ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind

_ACTS = (
    Kind.GRASP,
    Kind.LIFT,
    Kind.PUT,
    Kind.STACK,
    Kind.MOVE,
    Kind.TURN,
    Kind.CLEAN,
    Kind.CLOSE,
    Kind.OPEN,
    Kind.DOWN,
    Kind.WAIT,
)
# After "not" these are denied alone, and the verb behind them is not: "not with the left arm", "not from above".
_MANNERS = (
    Kind.USE,
    Kind.FROM,
    Kind.FROM_TOP,
    Kind.SIDEWAYS,
    Kind.LENGTHWAYS,
    Kind.CLOCKWISE,
    Kind.COUNTERCLOCKWISE,
    Kind.ARM,
)
_US = ("我们", "咱们", "咱", "大家", "你们")
_REASONS = ("因为", "为了", "由于", "怕", "好让", "是因为", "毕竟", "反正", "省得我", "担心")
_PAST = ("上次", "以前", "之前", "刚才", "刚刚", "昨天", "原来", "本来")
_TELLS = ("说", "讲", "喊", "吩咐", "要求", "提醒", "交代", "嘱咐")
_FINAL_NOTS = frozenset(("不行", "可不行", "不可以", "不准", "不许", "使不得", "不成", "免谈", "不可"))
_PAST_NOTS = frozenset(("没", "没有", "未", "还没", "尚未", "并没有", "从未"))
_RELATIVE = frozenset((*_ACTS, Kind.TOUCH, Kind.SLIP))
_PERHAPS = ("要", "可能", "也许", "大概", "打算", "准备", "似乎", "好像")
_TOO = ("太", "得太", "过于", "那么", "这么", "过头", "得过", "过紧", "过猛", "过高", "过快")
_UNTIL = (
    "等我",
    "等你",
    "等他",
    "等她",
    "等咱",
    "等人",
    "等操",
    "等上位",
    "等系统",
    "等工",
    "等师",
    "等老",
    "等到我",
    "等着我",
    "待我",
    "听我",
    "听候",
    "等命令",
    "等指令",
    "等口令",
    "等吩咐",
    "等信号",
    "等通知",
)
_SPEECH = 14  # phrases; a longer clause has no marks where it should have some
# What may be told later: "wait until I say grasp, then grasp".
_AWAITED = (
    Kind.GRASP,
    Kind.LIFT,
    Kind.PUT,
    Kind.TURN,
    Kind.CLOSE,
    Kind.THEN,
    Kind.IT,
    Kind.REQUEST,
    Kind.QUESTION,
    Kind.REMARK,
    Kind.WAIT,
)
_NOTS = frozenset((Kind.NOT, Kind.NOT_YET, Kind.EXCEPT))
_ASIDES = frozenset((Kind.REMARK, Kind.IF, Kind.CASE, Kind.WAIT))  # what can make a remark of a clause
_AMBIGUOUS = frozenset((Kind.NOT, Kind.HESITATION, Kind.EXIST, Kind.PUT, Kind.STACK))
_ENDS = (Kind.BUT, Kind.BE, Kind.USE, Kind.TAKE, Kind.FROM, Kind.SELECT, Kind.THEN)


def scene_of(phrases: list[Phrase], size: int) -> ChinesePhrases:
    """Number the clauses and sentences of the phrases, which are changed, and mark what is denied or a remark."""
    _with_wishes(phrases)
    _with_degrees(phrases)
    numbered: list[Phrase] = []
    clause = sentence = 0
    for phrase in phrases:
        if numbered and numbered[-1].kind in MARKS:
            clause += 1
            sentence += numbered[-1].kind in (Kind.SENTENCE, Kind.ASK)
        phrase.clause, phrase.sentence = clause, sentence
        numbered.append(phrase)
    marked: list[Phrase] = []
    clauses = [list(members) for _, members in groupby(numbered, key=lambda phrase: phrase.clause)]
    for members, following in zip(clauses, [*clauses[1:], []], strict=False):
        is_only = any(phrase.kind in (Kind.NOT, Kind.NOT_YET) for phrase in (*members, *following[:3]))
        begins = following[0].kind if following else Kind.SENTENCE
        checked = _with_stops(_with_corrections(members), begins)
        marked.extend(_with_remarks(_with_negation(checked, is_only)))
    _with_contrasts(marked)
    return ChinesePhrases(tuple(_with_keys(marked)), size)


def _with_contrasts(phrases: list[Phrase]) -> None:
    """Take "is" for a correction where it follows the denial of what was said before ("..., not the left one, it is ...")."""
    rule = compile_rule(
        "MARK NOT (?: FROM | USE | BE | PUT | STACK | GOAL )* (?: ARM | BOWL | OBJECT | PLACE | CLOCKWISE | COUNTERCLOCKWISE )"
    )
    for match in rule.finditer(letters(phrases)):
        denial, denied = phrases[match.start() + 1], phrases[match.end() - 1]
        after = next((p for p in phrases[match.end() :] if p.clause > denied.clause), None)
        if denial.text != "不是" or after is None or after.kind is not Kind.BE:
            continue
        for phrase in phrases[: match.start()]:
            is_same = phrase.kind is denied.kind and phrase.side == denied.side
            if is_same and not phrase.is_negated and denied.qualities.items() <= phrase.qualities.items():
                after.kind = Kind.CORRECTION


def _with_wishes(phrases: list[Phrase]) -> None:
    """Take "I want the ball in the bowl" for putting it there."""
    goal = "(?: BOWL OF? INSIDE? | OBJECT OF? TOP ) (?: MARK | $ )"
    rule = compile_rule(
        "(?: SELECT | REQUEST | THEN | END_STATE COLON? ) (?: ALL | THEN | BUT )* OBJECT (?: ALL | THEN | BUT )*"
        f" (?: AT | EXIST ) (?= {goal})"
    )
    for match in rule.finditer(letters(phrases)):
        is_placed = phrases[match.end() - 1].text.endswith(("在", "于"))
        if is_placed and not phrases[match.start()].text.endswith("的"):
            is_bowl = phrases[match.end()].kind is Kind.BOWL
            phrases[match.end() - 1].kind = Kind.PUT if is_bowl else Kind.STACK


def _with_degrees(phrases: list[Phrase]) -> None:
    """Take "do not grasp it too hard" for grasping it."""
    for phrase, following in pairwise(phrases):
        if phrase.kind is Kind.NOT and following.kind in _ACTS and following.tail.startswith(_TOO):
            phrase.kind = Kind.BUT


def _with_keys(phrases: list[Phrase]) -> list[Phrase]:
    """Carry what a heading denies or makes a condition to what is listed behind it ("do not touch: the ball, the can")."""
    marked: list[Phrase] = []
    key: Kind | None = None
    for place, phrase in enumerate(phrases):
        if phrase.kind is Kind.SENTENCE:
            key = None
        elif phrase.kind is Kind.COLON:
            heading = [p.kind for p in phrases[:place] if p.clause == phrase.clause and p.kind is not Kind.TOUCH]
            key = heading[0] if len(heading) == 1 and heading[0] in (Kind.NOT, Kind.IF, Kind.IDLE) else None
        is_denied = phrase.is_negated or key is Kind.NOT or (key is Kind.IDLE and phrase.kind is Kind.ARM)
        is_remark = phrase.is_remark or key is Kind.IF
        phrase.is_negated, phrase.is_remark = is_denied, is_remark
        marked.append(phrase)
    return marked


def _has(clause: list[Phrase], kinds: frozenset[Kind]) -> bool:
    """Whether a clause has a word of some kinds; most have none that its rules are about."""
    for phrase in clause:  # noqa: SIM110 - a loop is twice as fast, and this is asked of every clause
        if phrase.kind in kinds:
            return True
    return False


def _with_corrections(clause: list[Phrase]) -> list[Phrase]:
    """Tell hesitations that correct what was said ("no, ...") from those that do not ("or")."""
    if not _has(clause, _AMBIGUOUS):
        return clause
    words = [phrase for phrase in clause if phrase.kind not in MARKS]
    is_alone = clause[0].clause > 0 and {phrase.kind for phrase in words} <= {
        Kind.NOT,
        Kind.HESITATION,
        Kind.CORRECTION,
    }
    checked: list[Phrase] = []
    for place, phrase in enumerate(clause):
        kind = phrase.kind
        if kind is Kind.NOT and is_alone and phrase.text in ("不", "不是", "没", "非", "no"):
            kind = Kind.CORRECTION
        elif kind is Kind.NOT and place > 0 and place + 1 < len(clause) and clause[place + 1].kind is Kind.ASK:
            kind = Kind.QUESTION  # "is it free?"
        elif kind is Kind.HESITATION:
            following = clause[place + 1].kind if place + 1 < len(clause) else None
            is_doubled = Kind.HESITATION in (checked[-1].kind if checked else None, following)
            is_first = not checked or checked[-1].kind is Kind.CORRECTION
            kind = Kind.CORRECTION if (is_first and phrase.clause > 0) or is_doubled else Kind.AND
        elif kind is Kind.EXIST and any(p.kind is Kind.END_STATE for p in clause[:place]):
            kind = Kind.STACK
        elif kind in (Kind.PUT, Kind.STACK) and phrase.text.endswith("在") and _is_state(clause, place, kind):
            kind = Kind.EXIST
        checked.append(phrase if kind is phrase.kind else replace(phrase, kind=kind))
    return checked


def _with_stops(clause: list[Phrase], begins: Kind) -> list[Phrase]:
    """Tell a "stop" that corrects ("stop, it is the can") from one that is to be done."""
    words = [phrase for phrase in clause if phrase.kind not in MARKS]
    is_stop = len(words) == 1 and words[0].kind is Kind.WAIT and clause[0].clause > 0
    if not is_stop or begins not in (Kind.BE, Kind.NOT, Kind.SELECT, Kind.CORRECTION):
        return clause
    return [replace(phrase, kind=Kind.CORRECTION) if phrase is words[0] else phrase for phrase in clause]


def _is_said_to_lie(clause: list[Phrase], place: int) -> bool:
    """Whether a thing is only said to lie on something unknown ("the brick lies on my papers")."""
    kinds = [phrase.kind for phrase in clause]
    return kinds[place + 1 : place + 2] == [Kind.TOP] and not {Kind.TAKE, Kind.USE, Kind.REQUEST} & set(kinds[:place])


def _is_state(clause: list[Phrase], place: int, kind: Kind) -> bool:
    """Whether "put at" says only where something is: "the ball put at the edge"."""
    where = "(?: (?: OBJECT | IT )? PLACE | TABLE | POST | BOWL )*"
    if compile_rule(f"{where} OF COUNT* OBJECT (?! OF? TOP (?: MARK | $ ))").match(
        letters(clause[place + 1 : place + 6])
    ):
        return True
    if kind is Kind.STACK:
        return clause[place].text == "压在" and _is_said_to_lie(clause, place)
    is_told = any(phrase.kind in (Kind.TAKE, Kind.USE, Kind.GRASP, Kind.REQUEST) for phrase in clause[:place])
    following = [phrase.kind for phrase in clause[place + 1 :] if phrase.kind not in (Kind.OF, Kind.WHICH)]
    is_first = not any(phrase.kind in (Kind.OBJECT, Kind.IT, Kind.ARM) for phrase in clause[:place])
    return not (is_told or is_first or (following and following[0] in (Kind.BOWL, Kind.OBJECT, Kind.IT, Kind.INSIDE)))


def _with_negation(clause: list[Phrase], is_only: bool) -> list[Phrase]:
    """Mark what a "not" of the clause denies, up to a word that ends it ("but", "take", "use") or the verb behind a manner."""
    if not (_has(clause, _NOTS) or not _FINAL_NOTS.isdisjoint([phrase.text for phrase in clause])):
        return clause
    marked: list[Phrase] = []
    denied: list[Kind] | None = None  # what the "not" has denied so far; None without "not"
    is_excepted = False
    is_past = False  # "has not ..." begins a relative clause, "do not" does not
    is_soft = False  # "not yet" denies verbs, no objects; so does "don't take the ball to the bowl"
    for place, phrase in enumerate(clause):
        following = clause[place + 1].kind if place + 1 < len(clause) else None
        if phrase.kind is Kind.EXIST and denied is not None and is_excepted:
            denied = None  # "but for the right hand there is the left one"
        is_excepted = phrase.kind is Kind.EXCEPT or (is_excepted and denied is not None)
        if phrase.kind is Kind.EXCEPT and is_only:
            denied = None  # "touch nothing but the ball"
        elif phrase.kind in (Kind.NOT, Kind.NOT_YET, Kind.EXCEPT):
            denied, is_soft, is_past = [], phrase.kind is Kind.NOT_YET, phrase.text in _PAST_NOTS
        elif denied is not None:
            is_done = phrase.kind is Kind.OF and is_past and set(denied) <= _RELATIVE  # "the ball that was not grasped"
            is_end = (
                (phrase.kind in _ENDS or is_done)
                and denied
                and not (phrase.kind is Kind.USE and denied == [Kind.SELECT])
            )
            if (
                is_end
                or (is_excepted and phrase.kind is Kind.ALL)
                or (phrase.kind in _ACTS and denied and denied[0] in _MANNERS and phrase.kind is not Kind.TOUCH)
            ):
                denied = None
            elif phrase.kind is Kind.TAKE:
                is_soft = True
            elif phrase.kind in _ACTS and Kind.TAKE in denied:
                is_soft = False
        is_negated = denied is not None and not (is_soft and phrase.kind in (Kind.OBJECT, Kind.IT))
        is_negated = is_negated and phrase.kind is not Kind.NOT
        phrase.is_negated = phrase.is_negated or is_negated
        marked.append(phrase)
        if denied is not None and phrase.kind not in (Kind.NOT, Kind.NOT_YET, Kind.EXCEPT, *MARKS):
            is_let = phrase.kind is Kind.USE and following in (Kind.IT, Kind.OBJECT)  # "do not let it ..."
            denied.append(Kind.IT if is_let else phrase.kind)
    words = [phrase for phrase in marked if phrase.kind not in MARKS]
    if 1 < len(words) < _SPEECH and (
        words[-1].text in _FINAL_NOTS or (words[-1].kind is Kind.NOT and words[0].kind in (Kind.FROM, Kind.USE))
    ):  # "with the left hand won't do"
        marked = [replace(phrase, is_negated=phrase.is_negated or phrase.kind is not Kind.OBJECT) for phrase in marked]
    return marked


def _with_remarks(clause: list[Phrase]) -> list[Phrase]:
    """Mark what follows a word that makes a remark or a condition, up to a word with which a command begins."""
    if not _has(clause, _ASIDES):
        return clause
    marked: list[Phrase] = []
    is_remark = False
    is_past = any(phrase.text in _PAST for phrase in clause)
    is_late = is_condition = is_awaited = False
    case = _case_end(clause)
    for place, phrase in enumerate(clause):
        is_helped = bool(marked) and marked[-1].kind in (Kind.REQUEST, Kind.USE)  # "help him to ..."
        is_doer = place + 1 < len(clause) and clause[place + 1].kind in _ACTS  # "it came, I go and fetch it"
        is_person = (
            ((is_late and not is_doer) or is_helped) and phrase.kind is Kind.REMARK and phrase.text not in _REASONS
        )
        is_awaited = (is_awaited and (phrase.kind in _AWAITED or len(clause) < _SPEECH)) or (
            phrase.kind is Kind.WAIT and phrase.text.startswith(_UNTIL)
        )
        if phrase.kind in (Kind.REMARK, Kind.IF) and not is_person:
            is_remark = True
        elif phrase.kind is Kind.SELECT and _is_wished(marked):
            is_remark = False  # "I want ..."
        elif not is_past and _is_command(phrase, _last_but_then(marked), is_condition):
            is_remark = False
        is_late = is_late or (phrase.kind in (*_ACTS, Kind.TAKE) and phrase.kind is not Kind.WAIT)
        is_condition = is_condition or phrase.kind is Kind.IF
        is_aside = is_remark or place < case or (is_awaited and phrase.kind is not Kind.WAIT)
        phrase.is_remark = phrase.is_remark or is_aside
        marked.append(phrase)
    return marked


def _last_but_then(marked: list[Phrase]) -> Phrase | None:
    return next((phrase for phrase in reversed(marked) if phrase.kind is not Kind.THEN), None)


def _case_end(clause: list[Phrase]) -> int:
    """Where a condition ends that has its word behind it ("in that case it would ..."), 0 without one."""
    ends = [place for place, phrase in enumerate(clause) if phrase.kind is Kind.CASE]
    is_bad = any(phrase.kind in (Kind.SLIP, Kind.TOUCH) for phrase in clause)
    return ends[-1] if ends and is_bad else 0


def _is_wished(marked: list[Phrase]) -> bool:
    """Whether "want" follows "I", or "I still"."""
    words = [phrase.text for phrase in marked if phrase.kind is not Kind.AND]
    return bool(words) and words[-1] in ("我", "咱", "咱们", "我们", "俺")


def _is_command(phrase: Phrase, previous: Phrase | None, is_condition: bool) -> bool:
    """Whether a command begins with a phrase; "I have taken ..." and "I may want to use ..." are none."""
    kind = previous.kind if previous is not None else None
    if previous is not None and previous.text in _TELLS and phrase.kind in (Kind.TAKE, Kind.USE, Kind.FROM):
        return True  # "the teacher said to ..."
    if phrase.kind is Kind.TAKE:
        is_other = kind is Kind.REMARK and previous is not None and previous.text not in (*_REASONS, *_PAST, *_US)
        return not is_other
    if is_condition:
        is_then = phrase.kind is Kind.BUT and phrase.text == "就"
        return is_then or (phrase.kind is Kind.REQUEST and not phrase.text.startswith("我"))
    if phrase.text == "要不要" and kind is Kind.REMARK:
        return False
    is_wish = previous is not None and (kind is Kind.SELECT or previous.text.endswith(_PERHAPS))
    return phrase.kind is Kind.REQUEST or (phrase.kind is Kind.USE and not phrase.is_negated and not is_wish)
