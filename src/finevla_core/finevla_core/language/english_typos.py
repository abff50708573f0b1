"""Mends words as they are typed in a hurry: apostrophes left out, letters swapped, lost, doubled or hit beside the key."""

import re
from collections.abc import Mapping
from functools import cache

from finevla_core.language import english_color_words as colors
from finevla_core.language import english_object_words as things
from finevla_core.language import english_verbs as verbs
from finevla_core.language.english_fillers import stems
from finevla_core.language.english_verb_forms import forms
from finevla_core.language.english_word_tables import word_set
from finevla_core.language.pattern_tables import reworded

# Words as they are typed or spoken, and what they are written out.
WRITTEN = {
    "wi": "with", "tae": "to", "dinnae": "do not", "doesnae": "does not", "cannae": "can not", "doon": "down", "fae": "from",
    "yin": "one", "aboot": "about", "nae": "no", "oot": "out", "ower": "over", "roon": "round", "yer": "your", "ye": "you",
    "dont": "do not", "wont": "will not", "won't": "will not", "thats": "that is", "can't": "can not", "cannot": "can not",
    "shan't": "shall not", "ain't": "is not", "doesnt": "does not", "didnt": "did not", "isnt": "is not", "arent": "are not",
    "shouldnt": "should not", "mustnt": "must not", "neednt": "need not", "wouldnt": "would not", "couldnt": "could not",
    "wasnt": "was not", "hasnt": "has not", "havent": "have not", "cause": "because", "u": "you", "ur": "your", "w": "with",
    "cyl": "cylinder", "sph": "sphere", "grn": "green", "blu": "blue", "ylw": "yellow", "yel": "yellow", "orng": "orange",
    "prpl": "purple", "purp": "purple", "rt": "right", "lft": "left", "rgt": "right", "grb": "grab", "teh": "the",
    "pik": "pick", "pck": "pick", "wth": "with", "frm": "from", "hte": "the", "adn": "and", "cuz": "because",
    "da": "the", "dat": "that", "dis": "this", "dem": "them", "wiv": "with", "wit": "with", "thx": "thanks", "plz": "please",
    "pls": "please", "yr": "your", "r.h.": "right hand", "l.h.": "left hand", "ya": "you", "outta": "out of", "offa": "off",
    "gotta": "have to", "gonna": "going to", "wanna": "want to", "kinda": "kind of", "sorta": "sort of", "brik": "brick",
    "let's": "let us", "y'all": "you", "y'know": "you know", "oughta": "ought to",
    "c'mon": "come on", "'em": "them", "em": "them", "ol'": "old", "wanta": "want to", "hafta": "have to", "idk": "maybe",
    "ya'll": "you", "d'you": "do you",
    "blok": "block", "gren": "green", "yelow": "yellow", "purpl": "purple", "smal": "small", "rite": "right",
    "thou": "you", "thee": "you", "thy": "your", "thine": "your", "shalt": "shall", "wilt": "will", "canst": "can",
    "hast": "have", "wouldst": "would", "couldst": "could", "whilst": "while",
    "g'day": "hello", "gday": "hello", "alrighty": "alright", "righty-ho": "alright", "ahhh": "ah", "gents": "gentlemen",
    "sml": "small", "lrg": "large", "lge": "large", "clr": "clear", "tbl": "table", "obj": "object", "amr": "arm",
    "plase": "please", "pleas": "please", "pleae": "please",
    "gimme": "give me", "lemme": "let me", "i'm": "i am",
    "rd": "red", "org": "orange", "prp": "purple", "brk": "brick", "cyln": "cylinder", "cylndr": "cylinder", "bwl": "bowl",
    "rbowl": "right bowl", "lbowl": "left bowl", "rarm": "right arm", "larm": "left arm", "rhand": "right hand",
    "lhand": "left hand", "rgripper": "right gripper", "lgripper": "left gripper", "grpr": "gripper", "ee": "end effector",
    "eef": "end effector", "robo": "robot", "p/u": "pick up", "tgt": "target", "appr": "approach", "abv": "above",
    "ting": "thing", "menat": "meant", "sm": "small", "rnd": "round", "dst": "destination", "plc": "place", "mv": "move",
    "stk": "stack", "rot": "rotate", "imma": "i will", "wouldja": "would you",
    "couldja": "could you", "didja": "did you", "whaddya": "what do you", "c.w.": "clockwise", "c.c.w.": "counterclockwise",
    "a.c.w.": "counterclockwise", "li'l": "little", "lil'": "little", "nevermind": "never mind", "lefthanded": "left handed",
    "righthanded": "right handed",
}  # fmt: skip
# Apostrophes left out, where the word is none by itself, or none before what follows.
_BARE = {
    "youre": "you are", "youve": "you have", "youll": "you will", "youd": "you would", "theyre": "they are",
    "theyve": "they have", "theyll": "they will", "theyd": "they would", "weve": "we have", "ive": "i have", "im": "i am",
    "itll": "it will", "itd": "it would", "thatll": "that will", "thatd": "that would", "therell": "there will",
    "whos": "who is", "whats": "what is", "wheres": "where is", "theres": "there is",
    "heres": "here is", "hows": "how is", "whens": "when is", "everythings": "everything is", "nothings": "nothing is",
    "somethings": "something is", "cant": "can not", "werent": "were not", "hadnt": "had not", "aint": "is not",
    "shant": "shall not", "mightnt": "might not", "oughtnt": "ought not", "dosent": "does not", "doesent": "does not",
    "dosnt": "does not", "dident": "did not", "didint": "did not", "wouldve": "would have", "couldve": "could have",
    "shouldve": "should have", "mustve": "must have", "oclock": "o'clock", "w/o": "without", "w/out": "without", "sry": "sorry",
    "b4": "before", "abt": "about", "nob": "knob",
    "knop": "knob", "stuf": "stuff", "evry": "every", "wat": "what", "wats": "what is", "thru": "through", "tho": "though",
    "wich": "which", "befor": "before", "ment": "meant", "wen": "when", "shud": "should", "cud": "could", "wud": "would",
    "ontop": "on top",
    "infront": "in front", "nextto": "next to", "aswell": "as well", "inbetween": "in between", "evrthing": "everything",
    "everyting": "everything", "seperate": "separate", "comming": "coming", "droping": "dropping", "puting": "putting",
    "griping": "gripping", "grabing": "grabbing", "liftin": "lifting", "usin": "using", "allright": "all right", "yall": "you",
}  # fmt: skip
WRITTEN |= _BARE
_AS_TYPED = re.compile(
    r"(?<![\w'])'?(" + "|".join(sorted(map(re.escape, WRITTEN), key=len, reverse=True)) + r")(?![\w])'?(?!\w)"
)
_TYPED = re.compile(r"\w+(?:['/.]\w+)*")
_SIGNED = tuple(word for word in WRITTEN if not _TYPED.fullmatch(word))  # "'em", "r.h."
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_IS = "(?=(?:a|an|the|not|too|so|in|on|at|just|still|already|always|never|been|getting|gonna|going|got|lying|standing|"
_IS += "your|my|our|really|quite|all|done|ready|time|safe|ok|okay)\\b)"
_BARE_BEFORE = [
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        (
            (" id ",),
            r"\bid (?=(?:do|like|love|rather|prefer|appreciate|want|be|say|need|really|just|also|suggest)\b)",
            "i would ",
        ),
        ((" hes ", " shes "), r"\b(he|she)s (?=(?:put|taken|got|gone|been|left|had|just|already|\w+ed)\b)", r"\1 has "),
        ((" hes ", " shes "), r"\b(he|she)s\b", r"\1 is"),
        (
            ("s fingers", "s jaws", "s tips"),
            r"\b(left|right) (hand|arm|gripper)s (?=fingers\b|jaws\b|tips\b)",
            r"\1 \2 ",
        ),
        (
            ("t ones ",),
            r"\b(left|right) ones (?=(?:busy|broken|free|idle|parked|locked|faulty|stuck|not|off|in use|under)\b)",
            r"\1 one is ",
        ),
        ((" its ",), rf"\bits {_IS}", "it is "),
        ((" let ",), r"\b(the|your|its) let (?=(?:bowl|arm|hand|gripper|side|one)\b)", r"\1 left "),
        (
            (" cue", " cub"),
            r"\b(red|green|blue|yellow|purple|orange|small|big) cu[eb]\b(?! (?:ball|stick))",
            r"\1 cube",
        ),
        (
            ("-hand ",),
            r"\b(left|right)-hand (?=(?:red|green|blue|yellow|purple|orange|small|big|cube|ball|brick|block|cylinder)\b)",
            r"\1 ",
        ),
        ((" bal", " bll"), r"\b(red|green|blue|yellow|purple|orange|small|big) b(?:al|ll|aal)\b", r"\1 ball"),
        (("hoover ",), r"\bhoover (?=(?:over|above)\b)", "hover "),
        (("pickup", "pick_up"), r"\bpick(?:up|_up) (?!of\b|on\b|is\b|point\b|and\b|pose\b)(?=[a-z])", "pick up "),
        (
            ("arms ", "hands ", "grippers ", "claws ", "ones "),
            r"\b(the|that|this) ((?:left |right )?(?:arm|hand|gripper|claw|one))s (?=(?:not|too|still|already|broken|busy|free|"
            r"idle|parked|locked|resting|blocked|faulty|stuck)\b)",
            r"\1 \2 is ",
        ),
    )
]
# Long words that are no colour, side or opposite of another: one wrong letter in them is read over.
_MENDABLE = word_set("""
    everything anything something cylinder cylinders canister object objects gripper grippers manipulator finger fingers
    fingertips container containers workspace tabletop surface sideways lengthways lengthwise vertically horizontally
    around between beside behind towards through together another because before afterwards already please kindly gently
    carefully slowly quickly smoothly directly straight exactly currently immediately definitely careful should
    remaining however distance experiment calibration yesterday tomorrow somewhere minute minutes second seconds
    centimetre centimetres centimeter centimeters degree degrees position direction rotation finished whatever quarter
    without neither
    instead corner middle vertical control
    """)
_MENDABLE_VERBS = word_set("""
    approach balance carry collect deposit deliver gather grasp hover lower place position raise release remove retrieve rotate
    stack transfer transport turn close open lift pick put grip grab drop move clear descend touch bring come twist empty
    control hold take
    """)
# Short words of which one letter is lost.
_SHORT_CORE = ("above", "front", "table", "small", "large", "brick", "block", "place", "stack", "grasp", "reach", "hover",
               "lower", "clear", "raise", "carry", "twist", "round")  # fmt: skip
# English words that are one letter from those above and mean something else.
_NO_SLIPS = word_set("""
    chunk chunks blues blush caret carte barre litter minuet mint punny tinny teens robs rams
    plank crease stale grape grapes star rout quartet quarto quarte spotted
    abound advisee aground algin algins anther balancers beats bedside bellow betide bitted bitting blats bloc bock
    boots bridged bridging briggs brigs bringer cardies carnies carr carriers carte cartes carve carved carves
    carving cary clearwing cloned clones cloning closets cloves cloyed cloying coaming coiner collectings collet
    collets collied combing conner contained cooped cooping corder corer corker cornea corned cornel cornet cornier
    coroner corries crated crating crepe crepes cultch curried curries currying darin decree decrees deliverer
    delver delvers descender desiree droned droning droop drooped drooping droops dropper eagre examinees field
    finders finnish flied font froward gabbed gabbing garbed garbing garbs gasp gasped gasping gasps gater gatherer
    gatherings gentry gilded gilding graben gramps grandam grasper grassed grassing grimed griming griper gripers
    gripes grith groped groping gules hatted havering hoer holden holdings homered homering honers hooped hooping
    hoover hoovered hoovering hoovers horded hording horus hove hovels hoverer hullaballoo hurst kindle laddies lare
    liens lifter lilted lilting listing loess lofted lofting loners losses lowbred lowe lowerings mattes meddle
    metes minuet minuets mooing moping mowing muddle nether nobble nobel objet opener opined opining pace palaces
    parma picker picket pilled pilling pinked pinking placid plaices playing plied plies pooped pooping posies
    positioner positron positrons posse posses prated prating prats prefect preform preformed preforming preforms
    pricked pricking pried pries procuress promisee putin puttee putter puttied puttying rais raisers raisin
    raisings raisins ramses ranis rase reest regaining remote remotes reprieve reprieved reprieves reprieving
    retaining retrievers reveres rewove rogation rouge sack sacred sangs scarred secund shinny signed signer signing
    signs sparring sparse stacker stalked stalking stalks steed steeps stere stoop stooped stooping stoops takins
    tale tanking thees thorough tires titled titling toady tooted tooting torched torches torching totted totting
    trail trails transferee transferrer transporter tuned tuning turfed turfing turing turner twister twit twits
    twitted twitting unite viola vortical warped warping warps writs wroth
    """)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST = 6  # letters of a word that is mended by guess
_NEVER = frozenset(("color", "side", "size", "turn", "cup"))  # kinds of words that are not guessed
_MAX_MENDED = 12  # words of one text


def written_out(text: str) -> str:
    """Write out what is typed short.

    Args:
        text: a text in lower case.

    Returns:
        The text with "you are" for "youre", "with" for "w", and their like.
    """
    if not WRITTEN.keys().isdisjoint(_TYPED.findall(text)) or any(sign in text for sign in _SIGNED):
        text = _AS_TYPED.sub(lambda match: WRITTEN[match[1]], text)
    return reworded(" " + text, _BARE_BEFORE)[1:]


def mend(
    raw: list[str], known: Mapping[str, tuple[str, str, str]], ordinary: frozenset[str]
) -> tuple[list[str], list[str]]:
    """Mend slips of the keys in a text that is English otherwise.

    Args:
        raw: lower-case words and signs.
        known: all words that are known by themselves, with what they are.
        ordinary: words that say nothing about the table; what is derived from them is no slip.

    Returns:
        The words, and what to tell the operator of those that were read as another.
    """
    strange = [w for w in raw if w not in known and w.isalpha()]
    is_rare = 3 * len(strange) <= len(raw) + 3
    if not strange or not (is_rare or len(strange) <= _MAX_MENDED):
        return raw, []
    read_as = {w: slip for w in strange if (slip := _slips().get(w)) is not None}
    read_as |= {w: _DRAWN_OUT.sub(r"\1", w) for w in strange if w not in read_as and _DRAWN_OUT.search(w)}  # "sooo"
    read_as |= {
        w: w + "g" for w in strange if w.endswith("in") and len(w) >= _SHORTEST and w + "g" in known
    }  # "nothin"
    guessed: dict[str, str] = {}
    for word in list(dict.fromkeys(w for w in strange if w not in read_as))[:_MAX_MENDED]:
        if len(word) < _SHORTEST - 1 or word in _NO_SLIPS or any(stem in ordinary for stem in stems(word)):
            continue
        if near := _nearest(word, known):
            guessed[word] = near
    read_as |= guessed
    if not is_rare and not read_as.keys() >= set(strange):
        return raw, []  # another language, perhaps
    return [read_as.get(word, word) for word in raw], [f"{word} (read as {near})" for word, near in guessed.items()]


def _nearest(word: str, known: Mapping[str, tuple[str, str, str]]) -> str:
    """The only known word that is one letter from a strange one; "" where there is none, or it must not be guessed."""
    twisted = {w for w in _twisted(word) if w in known and known[w][0] not in _NEVER}
    if len(twisted) == 1:
        return twisted.pop()
    lost = _by_lost_letter()
    near = {w for key in (word, *_without_a_letter(word)) for w in lost.get(key, ()) if _is_one_apart(word, w)}
    if len(near) != 1:
        return ""
    return near.pop() if len({w for w in _one_apart(word) if w in known}) == 1 else ""


def _twisted(word: str) -> set[str]:
    """What a word is without one of two same letters, or with two neighbours changed: the plainest slips of the keys."""
    single = {
        word[:i] + word[i + 1 :] for i in range(1, len(word)) if word[i] == word[i - 1] and len(word) > _SHORTEST - 1
    }
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(1, len(word) - 1)}
    return (single | swapped) - {word}


@cache
def _by_lost_letter() -> dict[str, list[str]]:
    """Words that are mended, under themselves and under what is left of them without one letter."""
    doing = {form for verb in _MENDABLE_VERBS for form in forms(verb) if len(form) >= _SHORTEST}
    table: dict[str, list[str]] = {}
    for word in sorted(_MENDABLE | doing):
        for key in {word, *_without_a_letter(word)}:
            table.setdefault(key, []).append(word)
    return table


def _without_a_letter(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


def _is_one_apart(one: str, other: str) -> bool:
    """Whether one letter is lost, added, another, or changed places with its neighbour; the first is hit in most slips."""
    if one == other or one[0] != other[0]:
        return False
    if len(one) != len(other):
        shorter, longer = sorted((one, other), key=len)
        return shorter in _without_a_letter(longer)
    differ = [i for i in range(len(one)) if one[i] != other[i]]
    if len(differ) == 2 and differ[1] == differ[0] + 1:
        return one[differ[0]] == other[differ[1]] and one[differ[1]] == other[differ[0]]
    return len(differ) == 1


def _one_apart(word: str) -> set[str]:
    """All that is one letter from a word, and begins like it."""
    head, found = word[0], _without_a_letter(word[1:])
    rest = word[1:]
    found |= {rest[:i] + rest[i + 1] + rest[i] + rest[i + 2 :] for i in range(len(rest) - 1)}
    found |= {rest[:i] + letter + rest[i + 1 :] for i in range(len(rest)) for letter in _LETTERS}
    found |= {rest[:i] + letter + rest[i:] for i in range(len(rest) + 1) for letter in _LETTERS}
    return {head + end for end in found if head + end != word}


@cache
def _slips() -> dict[str, str]:
    """Words that a slip of the keys shall not hide: as they come out with two letters swapped, one lost or one doubled."""
    names = {w for rows in (colors.COLORS, things.SHAPES, things.SIDES, things.SIZES) for w in rows if " " not in w}
    names |= {arm for arm in things.ARMS if " " not in arm and len(arm) > 2} | {
        "bowl",
        "table",
        "clockwise",
        "counterclockwise",
        "anticlockwise",
        "finger",
        "fingers",
        "above",
        "object",
    }
    doing = {v for kind in ("pick", "reach", "put", "stack", "turn", "clean") for v in verbs.VERBS[kind]}
    table: dict[str, str] = {}
    for word in sorted(names | doing):
        swapped = (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1))
        table |= {w: word for w in swapped if len(w) >= 4 and w != word}
        if word in doing and len(word) >= 4:
            table |= {word[:i] + word[i] + word[i:]: word for i in range(len(word))}
    for word in _SHORT_CORE:
        table |= {word[:i] + word[i + 1 :]: word for i in range(1, len(word))}
    for word in sorted(names):
        lost = {word[:i] + word[i + 1 :] for i in range(1, len(word)) if len(word) >= 6}
        table |= dict.fromkeys(lost, word)
        table |= {word[:i] + word[i] + word[i:]: word for i in range(len(word)) if len(word) >= 4}
    return {slip: word for slip, word in table.items() if slip not in _NO_SLIPS}
