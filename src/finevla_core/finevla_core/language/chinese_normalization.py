"""Makes every way of writing Chinese one way: simplified characters, half-width letters and digits, plain marks."""

import re
import unicodedata

# Traditional (and variant) characters and the simplified ones that the vocabulary is written in, in pairs.
_PAIRS = """
    機机 幾几 擡抬 檯台 臺台 颱台 颳刮 請请 將将 從从 離离 紅红 綠绿 藍蓝 黃黄 塊块 圓圆 體体 積积 長长 條条 隻只
    衹只 祇只 個个 箇个 這这 邊边 側侧 後后 進进 過过 遠远 對对 動动 轉转 鈕钮 擰拧 順顺 時时 針针 鐘钟 鍾钟 來来
    裡里 裏里 桿杆 榦干 乾干 幹干 繞绕 躍跃 飛飞 靜静 張张 開开 關关 閉闭 鬆松 緊紧 夾夹 撿捡 揀拣 舉举 擱搁 擺摆
    裝装 運运 疊叠 壘垒 碼码 樓楼 東东 頂顶 頭头 兩两 雙双 單单 選选 擇择 換换 應应 該该 錯错 說说 話话 講讲 聽听
    見见 視视 覺觉 給给 幫帮 煩烦 勞劳 駕驾 謝谢 託托 讓让 會会 為为 爲为 與与 並并 還还 當当 無无 沒没 須须 準准
    淨净 潔洁 掃扫 掛挂 據据 處处 邇迩 間间 圍围 鄰邻 鄉乡 壓压 擠挤 撐撑 攜携 擋挡 揮挥 擴扩 擾扰 擔担 護护 盤盘
    筆笔 紙纸 書书 電电 腦脑 鍵键 標标 燈灯 傘伞 門门 牆墙 車车 鐵铁 銅铜 鋼钢 銀银 鏡镜 鎖锁 鑰钥 錘锤 釘钉 鍋锅
    鏟铲 壺壶 盃杯 麵面 飯饭 雞鸡 魚鱼 麥麦 豬猪 馬马 鳥鸟 龍龙 龜龟 葉叶 蘋苹 薑姜 鹽盐 醬酱 菸烟 煙烟 熱热 涼凉
    凍冻 濕湿 溼湿 髒脏 壞坏 舊旧 輕轻 寬宽 緩缓 穩稳 勻匀 聲声 響响 溫温 數数 點点 線线 圖图 畫画 樣样 類类 種种
    歲岁 釐厘 級级 組组 經经 終终 結结 續续 維维 編编 約约 細细 紋纹 純纯 練练 網网 繩绳 繫系 係系 縱纵 橫横 豎竖
    竪竖 彎弯 歸归 復复 複复 備备 劃划 別别 剛刚 創创 劑剂 則则 務务 勢势 區区 協协 卻却 參参 吳吴 員员 問问 啟启
    啓启 喚唤 嗎吗 嗚呜 嘗尝 團团 園园 場场 報报 塗涂 墊垫 墜坠 壯壮 夠够 奪夺 妳你 媽妈 孫孙 學学 實实 寫写 審审
    導导 尋寻 屆届 層层 島岛 師师 帳帐 帶带 幣币 廚厨 廠厂 廣广 彈弹 徑径 徹彻 恆恒 惡恶 態态 慣惯 憑凭 懸悬 戲戏
    戶户 拋抛 捨舍 掙挣 搖摇 搶抢 撈捞 擊击 擲掷 擬拟 攔拦 攝摄 攤摊 敗败 敵敌 斷断 於于 昇升 暫暂 曬晒 業业 極极
    構构 樁桩 樂乐 橋桥 檢检 檔档 權权 歡欢 歷历 殘残 殼壳 氣气 決决 況况 洩泄 測测 湯汤 滅灭 滾滚 滿满 漲涨 漸渐
    潑泼 灑洒 灣湾 災灾 爐炉 爛烂 爭争 爺爷 牽牵 狀状 獨独 獲获 現现 環环 產产 畢毕 異异 發发 髮发 盡尽 盪荡 監监
    眾众 衆众 睏困 瞭了 矯矫 碩硕 確确 磚砖 礎础 禮礼 禦御 稱称 穀谷 竄窜 競竞 節节 範范 築筑 篩筛 簡简 籃篮 籠笼
    糧粮 糰团 紀纪 紛纷 納纳 紮扎 絕绝 絲丝 綁绑 綜综 緣缘 縫缝 縮缩 總总 織织 繼继 纏缠 罰罚 罵骂 罷罢 羅罗 習习
    聖圣 聞闻 聯联 聰聪 職职 肅肃 腳脚 脫脱 膠胶 臉脸 臟脏 臨临 舖铺 艙舱 艦舰 蓋盖 蔔卜 蘿萝 虛虚 號号 蝦虾 蠟蜡
    術术 衛卫 衝冲 補补 製制 褲裤 襪袜 襯衬 規规 親亲 觀观 觸触 計计 訂订 記记 許许 訴诉 設设 訪访 試试 詞词 認认
    誤误 語语 誰谁 調调 談谈 論论 諾诺 謂谓 證证 識识 譯译 議议 變变 貓猫 負负 財财 貨货 販贩 貫贯 責责 貼贴 買买
    費费 賀贺 資资 賓宾 賣卖 質质 趕赶 趙赵 跡迹 踐践 蹤踪 軌轨 軟软 軸轴 較较 載载 輔辅 輛辆 輪轮 輸输 轆辘 辦办
    農农 迴回 逕径 連连 週周 遊游 違违 遞递 遲迟 適适 邏逻 郵邮 釋释 鈴铃 鉗钳 錄录 錢钱 鏈链 鑷镊 鑽钻 閃闪 閒闲
    閑闲 閘闸 閱阅 闊阔 陣阵 陰阴 陳陈 陸陆 陽阳 階阶 際际 隊队 險险 隨随 隱隐 隸隶 雖虽 雜杂 難难 雲云 霧雾 靈灵
    韌韧 韓韩 頁页 項项 預预 頓顿 頻频 題题 額额 願愿 顏颜 顛颠 顧顾 顯显 風风 餅饼 養养 餘余 驅驱 驗验 驟骤 鬧闹
    鬥斗 鹼碱 麼么 麽么 黨党 齊齐 齒齿 嘍喽 囉啰 囑嘱 嚕噜 嚐尝 喫吃 噹当 嚮向 姍姗 嬰婴 寧宁 寶宝 屬属 嶺岭 幀帧
    彙汇 徵征 慾欲 憶忆 懷怀 揹背 搗捣 撫抚 撥拨 攪搅 敘叙 斂敛 晝昼 曉晓 棄弃 櫃柜 欄栏 歐欧 毀毁 濟济 濾滤 營营
    牠它 祂它 鉤钩 鈎钩 閤合 闔合 閣阁 踫碰 著着 佈布 佔占 併并 倖幸 們们 偽伪 傑杰 傢家 傷伤 傳传 傾倾 僅仅 價价
    儀仪 億亿 優优 儘尽 償偿 儲储 內内 冊册 凈净 凱凯 劇剧 劍剑 匯汇 厭厌 嚇吓 嚴严 囪囱 國国 塵尘 墻墙 壇坛 奮奋
    婦妇 寢寝 尷尴 巖岩 彥彦 戰战 拚拼 掄抡 搆够 搾榨 樹树 樸朴 欽钦 毆殴 淺浅 渾浑 湧涌 滯滞 漁渔 潛潜 澤泽 濃浓
    燒烧 燙烫 燭烛 猶犹 獎奖 瑩莹 甕瓮 疇畴 瘋疯 癢痒 皺皱 盞盏 瞇眯 砲炮 硯砚 秈籼 穫获 窩窝 竊窃 紐钮 絞绞 縛缚
    繡绣 罈坛 翹翘 膚肤 膽胆 莊庄 華华 萬万 葷荤 蓮莲 薦荐 藥药 蟲虫 蠶蚕 訊讯 訓训 詢询 詳详 誇夸 諒谅 謹谨 譜谱
    豐丰 貝贝 貴贵 賴赖 贈赠 趨趋 軀躯 輯辑 轟轰 辭辞 邁迈 鄭郑 醜丑 醫医 釀酿 銳锐 鋪铺 鋸锯 錶表 鍊链 鐲镯 鑲镶
    闖闯 雛雏 靂雳 鞦秋 頑顽 頰颊 飄飘 飲饮 飼饲 飽饱 饅馒 餃饺 駛驶 騎骑 騙骗 驚惊 鬍胡 鮮鲜 鴨鸭 鵝鹅 鹹咸 麗丽
    黏粘 鼕冬 倆俩 嘩哗 噴喷 塢坞 壟垄 屜屉 岡冈 攏拢 捲卷 攬揽 撓挠 撣掸 撻挞 擻擞 斬斩 暈晕 檸柠 矚瞩 稜棱 縷缕
    綵彩 綽绰 罎坛 艷艳 豔艳 蹺跷 鍘铡 鑿凿 顆颗 飪饪 鬚须 嘆叹 牀床 鑒鉴 煞刹 剎刹 佇伫 竚伫
    嘅的 喺在 咗了 嗰那 佢它 攞拿 畀给 啲些 嚟来
"""
_SIMPLIFIED = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split()})
# Words that are often typed with another character of the same sound, and words of other regions.
_SPELLING_PAIRS = """
    公分=厘米 左手指=左手手指 右手指=右手手指 又手=右手 又臂=右臂 佐手=左手 作手=左手 旋纽=旋钮 旋扭=旋钮
    紫罗兰=紫罗兰 兰色=蓝色 兰球=蓝球 兰砖=蓝砖 兰方块=蓝方块 兰的=蓝的 兰罐=蓝罐 兰圆柱=蓝圆柱 灌子=罐子 贯子=罐子 方快=方块
    方筷=方块 砖快=砖块 转块=砖块 园柱=圆柱 元柱=圆柱 原柱=圆柱 圆住=圆柱 立方休=立方体 只色=紫色 子色=紫色
    桔子色=橙色 橘子色=橙色 橙子色=橙色 橙瑟=橙色 红瑟=红色 逆时真=逆时针 顺时真=顺时针 顺时钟=顺时针 逆时钟=逆时针
    碗理=碗里 那起=拿起
    哪起=拿起 拿其=拿起 加住=夹住 家爪=夹爪 夹抓=夹爪 桌字=桌子 卓子=桌子 卓面=桌面 左遍=左边 右遍=右边 旋转纽=旋钮
    顺式针=顺时针 顺实针=顺时针 顺时珍=顺时针 瞬时针=顺时针 逆式针=逆时针 逆实针=逆时针 逆时珍=逆时针 溺时针=逆时针
    执干净=收拾干净 执好=收拾好 执下=收拾一下 左边个=左边那个 右边个=右边那个 左边只=左边那只 右边只=右边那只
    执晒=全部收 收晒=全部收 些嘢=所有东西 入面=里面 左便=左边
    右便=右边 上便=上面 停低=停下 企定=停住 啱啱=刚刚 同我拎=帮我拎 同我拿=帮我拿 同我执=帮我收拾 同我将=帮我将
    勒个=这个 搞归一=收拾好
    将张台=将桌子 把张台=把桌子 攞起=拿起 攞住=拿住 拎返=拿回
    绿瑟=绿色 黄瑟=黄色 蓝瑟=蓝色 绕国=绕过 越国=越过 抓曲=抓取 唔好=不要 唔要=不要
    唔使=不用 等阵=等等 唔系=不是 系蓝=是蓝 系红=是红 系绿=是绿 系黄=是黄 系紫=是紫 系橙=是橙 嚿=块 色波=色球 个波=个球
    红波=红球 绿波=绿球 蓝波=蓝球 黄波=黄球 紫波=紫球 橙波=橙球 波波=球 嘅波=的球 的波=的球

    只波=只球 放落=放到 碗度=碗里 边度=哪里     它的搭档=另一只手 它的同伴=另一只手 它的伙伴=另一只手
    它的兄弟=另一只手 它的另一半=另一只手 它的孪生兄弟=另一只手
"""
_RESPELLED = dict(pair.split("=") for pair in _SPELLING_PAIRS.split())

# Marks, after compatibility normalisation.
_MARKS = str.maketrans(
    {
        **dict.fromkeys("。．!;\n\r｡‼⁉", "."),
        **dict.fromkeys(",，…—–~～()（）[]【】《》<>〈〉「」『』“”‘’\"'`*#_{}⋯･•·|｜/\\", ","),
        **dict.fromkeys(":：=＝→➜⇒»>▶►➤▸➔⟶⇨", ":"),
        "、": "/",
        "､": "/",
    }
)
_PLAIN = _SIMPLIFIED | _MARKS
_BRACKETED_KEY = re.compile(r"[【\[]([^】\]\n]{1,8})[】\]][ \t]*(?=[^\s:,])")  # a heading before its text on one line
_QUOTED_KEY = re.compile(r"[\"'“”‘’]\s*[:：]\s*[\"'“”‘’]?")
# A name in quotation marks within a sentence: no pause.
_QUOTES = frozenset('「『“"‘')
_QUOTED_NAME = re.compile('(?<=[\u4e00-\u9fff])[「『“"‘]([\u4e00-\u9fff]{1,8})[」』”"’](?=[\u4e00-\u9fff]|$)')
# A space between two longer runs is where the writer left a comma out.
_PAUSE = re.compile("(?<=[\u4e00-\u9fff]{4})[ \t]+(?=[\u4e00-\u9fff]{3})")
# A side alone between spaces is an arm where other words stand apart, too: "L grasp the ball" as a telegram.
_ARM_TAG = re.compile(
    r"(?:^\s*|(?<=\S\S)\s+|(?<=[拿抓夹取提转拧])\s+)([左右LRlr])(?=\s*[→>▶➜]|\s*$|\s+(?:(?![碗盆边邊侧側手臂面爪方])\S\S|[顶远]\s*$|[夹抓拿取提转拧放叠移停清]\s))"
)
_ARM_HEAD = re.compile(r"^\s*([左右LRlr])\s*(?=[/|:：]\s*[\u4e00-\u9fffa-z])")  # "R / yellow brick / left bowl"
_FAR_TAG = re.compile(r"(?<=\S)\s+([顶远])(?=\s*$)")
_SIDE_ALONE = r"(?<![碗盆杆桌])\s+((?:正?[上顶]|[远左右前后背对])[方侧面边端部]|对面)"
_SIDE_TAG = re.compile(_SIDE_ALONE + r"(?:进入|进|入|接近|切入|靠近|来|下)?,?(?=\s|$)")
_SIDE_WAY = re.compile(_SIDE_ALONE + r"(?:进入|进|入|接近|切入|下)(?=\s)")
_STOPS = re.compile("[停悬待移伸到去]|接近|靠近|夹爪|柱子")
_NEXT_KEY = re.compile("[ \t]+(?=[\u4e00-\u9fff]{1,5}[ \t]*[=:＝：])")  # a space before the next heading
# "The right one ... the left one, please": what stands behind the dots replaces what stands before them.
_SECOND_THOUGHT = re.compile(
    "(?<=[臂手爪碗塊块球罐柱磚砖體体邊边侧])(?:…+|\\.{3,})(?=[^,.，。…]{2,8}吧(?:[,.，。!！]|$))"
)
_DOTS = re.compile("…+|\\.{2,}|。{2,}")  # a pause, no end of a sentence
_TURN_TAG = re.compile(r"(?<=[\s:,/|])([顺逆])(?=$|[\s,./|;])")
_BRACKETED_SIDE = re.compile(
    r"(机械臂|机械手|手臂|执行器|夹爪|爪|臂|手|碗|盆|容器)[(\[]([左右])[边侧]?的?(?:那只|那条|那个|这只)?[)\]]"
)
_BRACKETED_SIZE = re.compile(r"(?<=[球块砖罐柱体筒])[(\[]([大小])[号个的]*(?:那个|那只|那块)?[)\]]")
_BRACKETED_QUALITY = re.compile(r"[(\[]([^()\[\]]{1,6}的)[)\]](?=[\u4e00-\u9fff])")
_OPPOSITE_ARM = re.compile(
    "[跟和与]?([左右])[边侧]?的?(?:手臂|手|臂|胳膊|爪)(?:相对|以外|之外|对面|对侧)的[那另]?一?[只条个]?(?:机械)?(?:手臂|手|臂|胳膊|爪子|夹爪)"
)
_ARM_AND_SIDE = re.compile(r"(^|[,.:])(机械臂|机械手|器械臂|手臂|夹爪|爪子|胳膊|臂|爪),?([左右])(?=[,.])")
# A space before words of correction is a pause, too.
_SPACED_CORRECTION = re.compile(
    "(?<=[\u4e00-\u9fff])[ \t]+(?=[啊哦呃哎噢诶]?(?:不对|不是[,，啊 ]|说错|错了|等等|算了|改成|抱歉|sorry|口误|更正|我是说|"
    "应该是|看错|呃不|哦不|啊不))"
)
_BOWL_AND_SIDE = re.compile(r"(^|[,.:])(?:料碗|目标碗|放料碗|碗)[,:]?([左右])(?=[,.])")
_ENGLISH_SIDE = re.compile(r"\b(left|right)[ _-]*(arm|hand|gripper|bowl)\b", re.IGNORECASE)
_SPELLINGS = re.compile("|".join(_RESPELLED))
_INVISIBLE = re.compile("[\u0300-\u036f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_OTHER_LETTERS = re.compile("[^\\W\\d_a-zA-Z\u3400-\u4dbf\u4e00-\u9fff]")
_JAPANESE_OR_KOREAN = re.compile("[\u3041-\u3096\u30a1-\u30fa\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
# Characters that only Japanese writes so; Chinese has others, simplified and traditional.
_JAPANESE_FORMS = frozenset(
    "込働峠畑辻栃凪匂枠気図囲売変対実歩焼黒検験駅毎沢渋渓済圧広拡単戦弾徳恵悪拝抜払択掲撃桜楽様滝犠猟県砕稲穏絵継続縁総縄聴脳荘薬覧読譲転軽辺逓遅鉄鉱銭関陥険隠雑霊頼顔騒黙齢両乗亜仏仮価児処剣剤労勧勲収呉塁塩壱壊姫戻円団覇椀"
)


def plain(text: str) -> str:
    """Return the text in compatibility form, small letters, simplified characters, and with plain marks ("," "." ":" "/").

    Its length may differ from the text's.
    """
    text = _DOTS.sub("，", _SECOND_THOUGHT.sub("，不对，", text))
    text = unicodedata.normalize("NFKC", text.replace("？", "？.").replace("?", "?."))
    text = _ENGLISH_SIDE.sub(r"\1 \2", text) if "_" in text or "-" in text else text
    text = _SPACED_CORRECTION.sub(",", text) if " " in text else text
    text = _TURN_TAG.sub(r"\1时针", text)
    text = _ARM_HEAD.sub(lambda match: "左手," if match.group(1) in "左Ll" else "右手,", text)
    text = _ARM_TAG.sub(lambda match: ",左手," if match.group(1) in "左Ll" else ",右手,", text)
    if " " in text or "\t" in text:
        text = _PAUSE.sub(",", _with_side_tags(_NEXT_KEY.sub(",", text) if len(_NEXT_KEY.findall(text)) > 1 else text))
    if "(" in text or "[" in text:
        text = _BRACKETED_QUALITY.sub(r"\1", _BRACKETED_SIZE.sub(r"\1的", _BRACKETED_SIDE.sub(r"\2\1", text)))
    text = _QUOTED_NAME.sub(r"\1", text) if not _QUOTES.isdisjoint(text) else text
    text = _QUOTED_KEY.sub(":", _BRACKETED_KEY.sub(r",\1:", text))
    text = _INVISIBLE.sub("", text).lower().translate(_PLAIN)
    text = _OPPOSITE_ARM.sub(lambda match: "右手" if match.group(1) == "左" else "左手", text)
    text = _ARM_AND_SIDE.sub(r"\1\3\2", text)
    text = _BOWL_AND_SIDE.sub(r"\1\2碗", text)
    return _SPELLINGS.sub(lambda match: _RESPELLED[match.group()], text)


def _with_side_tags(text: str) -> str:
    """Say "from" before sides that stand alone between spaces, where a hand goes that does not stop there."""
    text = _SIDE_WAY.sub(r",从\1,", text)
    if _STOPS.search(text):
        return _FAR_TAG.sub(r",从\1侧", text)
    return _SIDE_TAG.sub(r",从\1,", _FAR_TAG.sub(r",从\1侧", text))


def is_chinese(text: str) -> bool:
    """Tell whether the letters of a text are Chinese characters, simple Latin ones between them or not.

    Japanese and Korean text is not, even without kana, as far as its characters are written in their own way.
    """
    if not _HAN.search(text) or _JAPANESE_OR_KOREAN.search(text) or _JAPANESE_FORMS.intersection(text):
        return False
    others = _OTHER_LETTERS.findall(unicodedata.normalize("NFKC", text))
    return not any(letter.isalpha() for letter in others)
