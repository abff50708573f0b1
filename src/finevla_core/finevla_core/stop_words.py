"""Words that mean stop, by language, and whether an utterance says one: bridge, policy and command line ask here.

It errs on the safe side: a sentence that begins with a stop word stops, however it goes on; "don't stop" does not.
"""

import enum
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from finevla_core.instruction import Instruction

READ = 400  # characters of an utterance that are looked at: nobody is polite for longer before saying stop
KEPT = 200  # of these, once letters held down ("stooooop") are shortened


@dataclass(frozen=True)
class StopUtterance:
    """What was taken for a stop: the stop word, and what the sentence goes on with ("" = all of it means stop).

    `rest` is in compatibility form (NFKC), at most `KEPT` characters of it.
    """

    word: str
    rest: str


@dataclass(frozen=True)
class StopWords:
    """One language's phrases, separated by "|", in small letters without accents and apostrophes.

    `begins` stop whatever follows, `still` ("don't move") too, but not behind an arm's name, where it may only say which
    arm not to use. `clauses` stop before punctuation or the end; `alone` before the end, a "!" or another stop; `refusals`
    ("don't!") before the end. `negated` begin like a stop and are none. `parts` name an arm; `fillers` (politeness,
    address, urgency) change nothing, before or after.
    """

    begins: str
    still: str
    clauses: str
    alone: str
    refusals: str
    negated: str
    parts: str
    fillers: str


TABLE = {
    "english": StopWords(
        begins="stop|stop it|stop that|stop this|halt|emergency stop|e stop|estop|full stop|s t o p|come to a stop"
        "|come to a halt|cease|desist|stand still|hold still|keep still|stay still|stay put|stay where you are"
        "|dont move a muscle|would you mind stopping|\U0001f6d1|\u23f9|hold it right there|hold right there|stop moving",
        still="freeze|enough|thats enough|that is enough|dont move|do not move|dont you move|nobody move|abort"
        "|freeze right there|hold everything",
        clauses="no stop|thats it|no more|cancel|cancel that|cancel it|quit|quit it|cut it out|knock it off"
        "|give it a rest|whoa|woah|hold on|hold up|hang on|stand down|stand by|brake",
        alone="hold|hold it|hold that|wait|wait a moment|wait a second|wait a minute|pause|stay|break it off"
        "|break off|nope|no wait",
        refusals="no|dont|do not",
        negated="",
        parts="arm|arms|the arm|the arms|an arm|your arm|your arms|left arm|right arm|the left arm|the right arm"
        "|both arms|both|the hand|the hands|both hands|left hand|right hand|the left hand|the right hand|your hands"
        "|gripper|grippers|the gripper|the grippers|left one|right one|the left one|the right one|the left gripper"
        "|the right gripper|the other arm|other arm",
        fillers="please|no no|no no no|pls|plz|kindly|now|right now|at once|immediately|instantly|right away"
        "|straight away|this instant|quick|quickly|fast|already|just|simply|really|right there|right here|there|here"
        "|at all|any more|anymore|any further|for now|for a moment|for a second|a moment|a second|hey|hi|ok|okay"
        "|alright|all right|well|so|oh|ah|oi|you|yourself|thanks|thank you|robot|the robot|this robot|your robot"
        "|mr robot|robots|the robots|cobot|finevla|machine|the machine|everything|everybody|everyone|all|all of you"
        "|it|moving|all motion|all movement|all motions|all movements|any motion|any movement|motion|movement"
        "|the motion|the movement|what you are doing|what youre doing|whatever you are doing|could you|can you"
        "|would you|will you|wont you|could you please|i said|i say|i told you to|i want you to|i need you to"
        "|id like you to|i would like you to|you have to|you need to|you must|must|you should|should|lets|let us"
        "|make it|make the robot|make the arm|make the arms|tell the robot to|tell it to|i beg you|for gods sake"
        "|for heavens sake|dammit|damn it|slowly|smoothly|gently|buddy|dude|man|guys|sir|do|all the way|oh my god"
        "|my god|omg|oh god|oh no|jesus|christ",
    ),
    "chinese": StopWords(
        begins="停|停下|停下来|停下來|停止|停住|停手|停一停|停一下|急停|紧急停止|緊急停止|紧急停车|紧急制动|叫停|喊停"
        "|暂停|暫停|住手|站住|打住|刹车|剎車|煞车|刹住|制动|中止|终止|終止|定住|别再动|別再動|不要再动|不要再動|歇手"
        "|收手|消停",
        still="别动|別動|不要动|不要動|不许动|不許動|不准动|不準動|勿动|别乱动|不要乱动|够了|夠了|足够了",
        clauses="别走|别弄|别搞|别做|别干|不要做|不要继续|别继续|取消|别闹|算了|得了|到此为止|就此打住|结束|等一下"
        "|等一等|等下|稍等|等等|慢着|慢著|且慢",
        alone="等|定|保持不动|原地不动|静止|不行|不可以|不对|不是|不要这样|别这样|不动|不動",
        refusals="不|不要|别|別",
        negated="",
        parts="机械臂|機械臂|机械手|机械手臂|手臂|胳膊|双臂|雙臂|两臂|左臂|右臂|左手|右手|双手|两只手|两只手臂"
        "|两个手臂|左机械臂|右机械臂|夹爪|夾爪|左边的手臂|右边的手臂|左边的手|右边的手|左边手臂|右边手臂|左侧手臂"
        "|右侧手臂|另一只手|另一条手臂|另一只手臂|左机械手|右机械手|它|它们",
        fillers="请|請|请你|麻烦|麻煩|麻烦你|麻烦您|劳驾|拜托|拜託|求你|求求你|求您|你|您|你们|大家|喂|嘿|哎|哎呀"
        "|啊呀|好|好的|好了|嗯|快|快点|快點|赶快|趕快|赶紧|趕緊|马上|馬上|立刻|立即|现在|現在|这就|当场|给我|給我"
        "|帮我|我说|我說|我让你|我叫你|我要你|我命令你|听我的|听我说|都|全|全部|全都|全体|所有|一切|先|就|得|必须"
        "|应该|让|讓|叫|把|将|使|能|能不能|能否|可以|可不可以|可否|机器人|機器人|机器|機器|所有动作|动作|動作|运动"
        "|運動|移动|移動|运行|工作|操作|任务|一切动作|吧|啊|呀|哦|喔|噢|嘛|吗|嗎|么|呢|了|啦|咯|喽|哈|一下|下|下来"
        "|下來|来|住|手|一会|一会儿|的|谢谢|謝謝|多谢|好吗|好嗎|行吗|可以吗|好不好|行不行|在原地|原地|在那|在那里"
        "|在这里|在这儿|那里|这里|慢慢|同学|师傅|朋友|老兄",
    ),
    "german": StopWords(
        begins="stopp|stoppe|stoppt|stoppen|stoppen sie|halt|haltet|halt an|halte an|halten sie an|anhalten|halt ein"
        "|halte ein|innehalten|bleib stehen|bleibt stehen|bleiben sie stehen|stehen bleiben|stehenbleiben|hor auf"
        "|hore auf|hort auf|hoer auf|horen sie auf|aufhoren|aufhoeren|not aus|notaus|nothalt|notstopp|halt still"
        "|stillhalten|stillgestanden|hor sofort auf|hor bitte auf|hor jetzt auf|hor endlich auf|hor mal auf"
        "|hor doch auf|hore sofort auf|hore bitte auf|hore jetzt auf|hore endlich auf|hore mal auf|hore doch auf"
        "|hort sofort auf|hort bitte auf|hort jetzt auf|hort endlich auf|hort mal auf|hort doch auf|hoer sofort auf"
        "|hoer bitte auf|hoer jetzt auf|hoer endlich auf|hoer mal auf|hoer doch auf|horen sie sofort auf"
        "|horen sie bitte auf|horen sie jetzt auf|horen sie endlich auf|horen sie mal auf|horen sie doch auf"
        "|hoeren sie sofort auf|hoeren sie bitte auf|hoeren sie jetzt auf|hoeren sie endlich auf|hoeren sie mal auf"
        "|hoeren sie doch auf|hoeren sie auf|hoert auf|halt sofort an|halt bitte an|halte sofort an|halte bitte an"
        "|bleib sofort stehen|bleib bitte stehen",
        still="nicht weiter|keine bewegung|genug|nicht bewegen|beweg dich nicht|bewegen sie sich nicht"
        "|keinen schritt weiter|abbruch|abbrechen|es reicht|das reicht",
        clauses="schluss|schluss jetzt|jetzt reicht es|reicht|ruhrt euch nicht|brich ab|brechen sie ab|lass das"
        "|lass es|moment|moment mal|einen moment|warte mal|bremsen|bremse|brems|ende",
        alone="warte|warten|warten sie|pause|bleib|bleib so|still|nein",
        refusals="nicht",
        negated="stopp nicht|stoppe nicht|stoppen sie nicht|halt nicht an|halte nicht an|halten sie nicht an",
        parts="der arm|den arm|die arme|arme|beide arme|linker arm|rechter arm|den linken arm|den rechten arm"
        "|die hand|die hande|der linke arm|der rechte arm|arm",
        fillers="bitte|jetzt|sofort|augenblicklich|gleich|schnell|endlich|mal|doch|doch mal|bitte mal|hey|he|ok|also"
        "|du|sie|ihr|danke|roboter|der roboter|den roboter|maschine|die maschine|alles|alle|damit|kannst du"
        "|konntest du|wurdest du|konnen sie|konnten sie|wurden sie|ich sagte|ich habe gesagt|ich sage|du musst"
        "|du sollst|auf der stelle|hier|dort|da|an|ein|langsam|um gottes willen|verdammt|mit der bewegung"
        "|jede bewegung|alle bewegungen|die bewegung",
    ),
    "french": StopWords(
        begins="arrete|arretes|arretez|arretons|arreter|arrete toi|arretez vous|tarreter|tarrete|sarreter"
        "|vous arreter|arret|arret durgence|arret immediat|stoppe|stoppes|stoppez|stopper|halte|halte la"
        "|immobilise toi|immobilisez vous|plus un geste|cesse|cessez|on arrete|arrete la|arretez la|stop la"
        "|stoppe la",
        still="ca suffit|assez|cest assez|ne bouge pas|ne bouge plus|ne bougez pas|ne bougez plus|ne bouge surtout pas",
        clauses="cela suffit|suffit|bouge plus|bouge pas|bougez plus|bougez pas|plus un mouvement|annule|annulez"
        "|interromps|freine|freinez|du calme|immobile|minute|tout doux",
        alone="attends|attendez|attend|pause|reste la|restez la|un instant|un moment|fini|non|pas ca",
        refusals="surtout pas",
        negated="arrete pas|arretez pas|arretes pas|arrete jamais|tarrete pas|stoppe pas|stoppez pas|stop pas",
        parts="les bras|le bras|bras|bras gauche|bras droit|le bras gauche|le bras droit|les deux bras|la main"
        "|les mains",
        fillers="sil te plait|sil vous plait|svp|stp|merci|maintenant|tout de suite|immediatement|vite|sur le champ"
        "|de suite|donc|deja|ici|hep|he|eh|he ho|bon|ok|allez|toi|tu|vous|moi|ca|cela|tout|tous|le robot|robot"
        "|la machine|machine|de bouger|le mouvement|tout mouvement|peux tu|pouvez vous|pourrais tu|pourriez vous"
        "|tu peux|vous pouvez|veux tu|veuillez|je dis|jai dit|je tai dit de|je veux que tu|il faut|tu dois|faut"
        "|doucement|bon sang",
    ),
    "spanish": StopWords(
        begins="detente|detengase|detenganse|deten|detenga|detengan|detener|detenerse|detenerte|detened|deteneos"
        "|detencion|parate|parese|parense|pare|paren|parad|parar|pararte|parada de emergencia|paro de emergencia"
        "|deja de moverte|deje de moverse|deja de mover|dejad de moveros|alto ahi|alto ya|parame|parada ya"
        "|parada inmediata|parada total",
        still="alto|basta|basta ya|ya basta|suficiente|no te muevas|no se mueva|no se muevan|no os movais"
        "|que no te muevas|quieto",
        clauses="ya esta bien|es suficiente|ya es suficiente|quieta|quietos|estate quieto|quedate quieto"
        "|quedese quieto|frena|frene|cancela|cancele|cancelar|aborta|abortar|ni un paso mas|ni un movimiento mas"
        "|para ya|se acabo|parada",
        alone="para|espera|espere|esperen|esperate|un momento|pausa|quedate ahi|interrumpe",
        refusals="no|que no",
        negated="",
        parts="brazo|brazos|el brazo|los brazos|brazo izquierdo|brazo derecho|el brazo izquierdo|el brazo derecho"
        "|ambos brazos|la mano|las manos",
        fillers="por favor|porfavor|porfa|ya|ahora|ahora mismo|de inmediato|inmediatamente|enseguida|rapido|aqui|ahi"
        "|alli|oye|eh|hey|vale|bueno|venga|tu|usted|te|se|gracias|robot|el robot|al robot|no no|no no no|la maquina"
        "|maquina|todo|todos|todo el movimiento|el movimiento|de moverte|de moverse|de mover|eso|esto|puedes|podrias"
        "|puede|podria|pueden|quieres|he dicho|dije|digo|te he dicho que|quiero que|tienes que|debes|hay que"
        "|despacio|por dios|hombre",
    ),
    "japanese": StopWords(
        begins="止まれ|止まって|止まりなさい|止まってください|止めて|止めろ|止めなさい|とまれ|とまって|とめて|とめろ"
        "|止れ|停まれ|停まって|やめて|やめろ|やめなさい|やめてください|ストップ|停止|停止して|停止せよ|停止しろ"
        "|緊急停止|非常停止|一時停止|中止|中止して|静止しろ|静止して|動くのをやめて|動きを止めて|動くのをやめろ"
        "|動きを止めろ|動作を止めて|動作停止|お止まりください|制止|トマレ|トマッテ|トメテ|トメロ|ヤメテ|ヤメロ"
        "|止めよ|止まるんだ",
        still="動くな|うごくな|動かないで|うごかないで|動かないでください",
        clauses="やめ|止め|じっとして|じっとしていて|そこまで|もういい|もう十分|十分|たくさんだ|キャンセル|取り消し",
        alone="待って|待て|まって|まて|ちょっと待って|ちょっと待て|待ってください|待った|お待ちください|ポーズ|だめ"
        "|ダメ|駄目|いや|いいえ|違う|ノー",
        refusals="",
        negated="停止するな|ストップするな|中止するな|停止しないで|停止しないでください|停止しないでね"
        "|ストップしないで|ストップしないでください|中止しないで|中止しないでください",
        parts="アーム|アームを|腕|腕を|両腕|両腕を|左腕|左腕を|右腕|右腕を|手|手を",
        fillers="ください|下さい|くれ|くださいませ|お願い|お願いします|おねがい|おねがいします|どうか|頼む|頼みます"
        "|今|今すぐ|いますぐ|すぐ|すぐに|直ちに|ただちに|早く|はやく|さっさと|おい|ねえ|ねぇ|あの|はい|もう|ロボット"
        "|ロボットを|ロボットは|ロボットさん|機械|機械を|全部|すべて|全て|みんな|そこ|そこで|ここ|ここで|ちょっと"
        "|一旦|いったん|とりあえず|よ|ね|っ|ってば|ッ|しろ|して|してください|せよ|です|だ|てください|を|は|で"
        "|もらえますか|もらえる|くれますか|くれる|いただけますか|その場で",
    ),
    "korean": StopWords(
        begins="멈춰|멈춰요|멈춰라|멈춰줘|멈춰줘요|멈춰주세요|멈추세요|멈추십시오|멈추시오|멈추라|멈추라고|멈추라니까"
        "|멈춰주십시오|멈춰주시겠어요|멈춰봐|멈춰줄래|멈춤|멈춰야|멈추자|정지|정지해|정지해요|정지하라|정지하세요"
        "|정지하십시오|정지해주세요|정지시켜|정지시켜줘|비상정지|긴급정지|비상 정지|긴급 정지|일시정지|중지|중지해"
        "|중지하세요|중지하십시오|중지해주세요|스톱|스탑|스톱해|스탑해|그만|그만해|그만해요|그만하세요|그만하십시오"
        "|그만해라|그만해줘|그만두어|그만둬|그만둬요|그만두세요|그만 둬|그만 움직여|동작 그만|동작 정지|세워|세워줘"
        "|세워주세요|멈칫",
        still="움직이지 마|움직이지마|움직이지 마세요|움직이지마세요|움직이지 마라|움직이지 말아|움직이지 마십시오"
        "|꼼짝 마|꼼짝마|꼼짝하지 마",
        clauses="됐어|됐어요|이제 됐어|충분해|충분해요|취소|취소해|취소해줘|서라|거기 서|거기서|가만히 있어|가만있어"
        "|가만히 있어요|하지 마|하지마|하지 마세요|하지마세요",
        alone="서|잠깐|잠깐만|잠깐만요|기다려|기다려요|기다려줘|기다려 줘|기다려주세요|기다리세요|잠시만|잠시만요"
        "|대기|잠시|스테이|안돼|안 돼|안돼요|안 돼요|아니|아니요|아니야|싫어|노",
        refusals="",
        negated="",
        parts="팔|팔을|양팔|양팔을|두 팔|두 팔을|왼팔|왼팔을|오른팔|오른팔을|왼쪽 팔|오른쪽 팔|왼쪽 팔을|오른쪽 팔을"
        "|손|손을",
        fillers="제발|좀|지금|지금 당장|당장|즉시|바로|빨리|어서|얼른|이제|야|저기|저기요|여기|여기서|거기|로봇"
        "|로봇아|로봇을|로봇은|로봇님|기계|기계를|모두|전부|다|모든|동작|동작을|움직임|움직임을|움직이는|것을|걸|줘"
        "|줘요|주세요|주십시오|주시겠어요|줄래|줄래요|해|해요|해줘|해주세요|하세요|봐|라고|했잖아|고마워|감사합니다"
        "|부탁해|부탁해요|부탁합니다|부탁드립니다|네|자|일단|그냥|천천히|아|요",
    ),
}

_LETTER = r"[^\W\d_]"
_HAN = "\u3005-\u3007\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"  # and Hiragana: one sign, one word
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff"
_HANGUL = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
_SIGNS = "\U0001f6d1\u23f9"  # the stop sign and the stop button
_MARKS = r"!?.,;:\n\u3001\u3002\u2013\u2014\u2026\u00a1\u00bf"
_OTHER = rf"(?:(?![{_HAN}{_KATAKANA}{_HANGUL}]){_LETTER})+"
_TOKEN = re.compile(
    rf"(?P<mark>[{_MARKS}][{_MARKS}\s]*)|[{_HAN}{_SIGNS}]|[{_KATAKANA}]+|[{_HANGUL}]+|\d+|{_OTHER}(?:'{_OTHER})*"
)
_EAST_ASIAN = re.compile(rf"[{_HAN}{_KATAKANA}{_HANGUL}]")
_FIRST = re.compile(rf"[^\W_]|[{_SIGNS}]")
_HELD_DOWN = re.compile(rf"({_LETTER})\1{{3,}}")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\uff07`\u00b4\u2032", "'"))
_INVISIBLE = re.compile(  # accents, and what has no width
    "[\u0300-\u036f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e01ef]+"
)
_OTHER_WORDS = frozenset(("stoop", "hallt"))  # would be a stop word with a letter held down


class _Role(enum.Enum):
    """Names of the fields of `StopWords`, for lookups."""

    BEGINS = "begins"
    STILL = "still"
    CLAUSES = "clauses"
    ALONE = "alone"
    REFUSALS = "refusals"
    NEGATED = "negated"
    PARTS = "parts"
    FILLERS = "fillers"


CHANGE_NOTHING = (_Role.FILLERS, _Role.PARTS)


@dataclass(frozen=True)
class _Match:
    """A phrase of the table and the place of the word behind it among the utterance's words."""

    role: _Role
    text: str
    end: int


def stop_word(text: str) -> StopUtterance | None:
    """Return the stop that an utterance says, None if it says none.

    Case, accents, width, punctuation, emoji, letters held down, repetition, politeness and address change nothing. It takes
    less than a millisecond whatever the text is: only the first `READ` characters from the first letter on are read.
    """
    first = _FIRST.search(text)
    return None if first is None else _Utterance(text[first.start() : first.start() + READ]).stop()


def stop_of(instruction: Instruction) -> StopUtterance | None:
    """Return the stop that an instruction's raw or fine text says, whatever its factors are; None if neither does."""
    return stop_word(instruction.raw) or stop_word(instruction.fine)


class _Utterance:
    """The words of a text, the marks of punctuation before each, and which phrases of the table stand where."""

    def __init__(self, text: str) -> None:
        text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
        self.text = _HELD_DOWN.sub(r"\1\1\1", _INVISIBLE.sub("", text))[:KEPT]
        self.words: list[str] = []
        self.starts: list[int] = []
        self.marks = [""]  # before each word, and behind the last one
        for token in _TOKEN.finditer(self.text):
            if token["mark"]:
                self.marks[-1] += token.group()
            elif word := _key(token.group()):
                self.words.append(word)
                self.starts.append(token.start())
                self.marks.append("")
        self._found: dict[int, list[_Match]] = {}
        self._closed: dict[int, bool] = {}
        self._refused: dict[int, bool] = {}

    def stop(self) -> StopUtterance | None:
        """The stop that it begins with, behind politeness and address; None if it begins with something else."""
        at, names_part = 0, False
        while at < len(self.words):
            if (match := self._stop_at(at, names_part)) is not None:
                return StopUtterance(match.text, self._rest(match.end))
            if (skipped := self._skipped(at)) is None:
                return None
            at, names_part = skipped.end, names_part or skipped.role is _Role.PARTS
        return None

    def _matches(self, at: int) -> list[_Match]:
        """All phrases that stand there, the longest first."""
        if at in self._found or at == len(self.words):
            return self._found.get(at, [])
        matches = self._found[at] = []
        for words, role, text in _phrases().get(self.words[at], ()):
            end = at + len(words)
            if self.words[at:end] == words and (text == "s t o p" or not any(self.marks[at + 1 : end])):
                matches.append(_Match(role, text, end))
        return matches

    def _stop_at(self, at: int, names_part: bool = True) -> _Match | None:
        """The stop phrase that stands there; `names_part`: whether an arm is named before it."""
        for match in self._matches(at):
            is_clause = bool(self.marks[match.end])
            match match.role:
                case _Role.BEGINS:
                    return match
                case _Role.STILL if not names_part or self._is_closed(match.end):
                    return match
                case _Role.CLAUSES if is_clause or self._is_closed(match.end):
                    return match
                case _Role.ALONE if self._is_closed(match.end):
                    return match
                case _Role.REFUSALS if self._is_refused(match.end):
                    return match
                case _Role.NEGATED if is_clause or self._is_closed(match.end):
                    return None
        return None

    def _skipped(self, at: int) -> _Match | None:
        """What may stand before a stop: politeness, an arm's name, and "no, "."""
        for match in self._matches(at):
            if match.role in CHANGE_NOTHING or (match.role is _Role.REFUSALS and self.marks[match.end]):
                return match
        return None

    def _is_closed(self, at: int) -> bool:
        """Whether nothing of importance follows: fillers and weak stops up to the end, a "!" or a stop."""
        way, answer = [], True
        while at < len(self.words) and "!" not in self.marks[at]:
            if at in self._closed:
                answer = self._closed[at]
                break
            way.append(at)
            matches = self._matches(at)
            if not matches or matches[0].role in (_Role.BEGINS, _Role.NEGATED):
                answer = bool(matches) and matches[0].role is _Role.BEGINS
                break
            at = matches[0].end
        self._closed.update(dict.fromkeys(way, answer))
        return answer

    def _is_refused(self, at: int) -> bool:
        """Whether only fillers and more refusals follow a "no"."""
        way = []
        while at not in self._refused and at < len(self.words):
            way.append(at)
            match = next((m for m in self._matches(at) if m.role in (*CHANGE_NOTHING, _Role.REFUSALS)), None)
            if match is None:
                break
            at = match.end
        answer = self._refused.get(at, at == len(self.words))
        self._refused.update(dict.fromkeys(way, answer))
        return answer

    def _rest(self, at: int) -> str:
        """What follows the stop words, the fillers and their repetitions."""
        while at < len(self.words):
            if (match := self._stop_at(at) or self._skipped(at)) is None:
                return self.text[self.starts[at] :].strip()
            at = match.end
        return ""


@cache
def _phrases() -> dict[str, list[tuple[list[str], _Role, str]]]:
    """All languages' phrases by their first word, the longest first; people mix languages when they shout."""
    table: dict[str, list[tuple[list[str], _Role, str]]] = {}
    for language in TABLE.values():
        for role in _Role:
            for text in filter(None, getattr(language, role.value).split("|")):
                words = [_key(token.group()) for token in _TOKEN.finditer(text)]
                table.setdefault(words[0], []).append((words, role, text))
    for entries in table.values():
        entries.sort(key=lambda entry: -len(entry[0]))  # stable: of two as long ones the stronger role is first
    return table


@lru_cache(maxsize=4096)
def _key(token: str) -> str:
    """What counts of a word: no case, accents, apostrophes, long vowels of Katakana, and no letter twice in a row."""
    word = token.casefold()
    if word in _OTHER_WORDS or not word[0].isalpha():
        return word
    if not _EAST_ASIAN.match(word):
        word = _INVISIBLE.sub("", unicodedata.normalize("NFKD", word).casefold()).replace("'", "")
    return re.sub(r"(.)\1+", r"\1", word).replace("\u30fc", "")
