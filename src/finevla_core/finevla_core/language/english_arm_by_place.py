"""Writes arms that an English text names by where they are as it would name them by side: "the one on the right"."""

from finevla_core.language.english_word_tables import word_set

_ARM = word_set("arm hand gripper manipulator claw limb")
_ARMS = _ARM | word_set("arms hands grippers manipulators claws limbs")
_NEITHER = word_set(
    "bowl bowls dish dishes basin container finger fingers jaw jaws face faces fingertip fingertips pad pads"
)
_BOWLS = word_set("bowl bowls dish dishes basin basins container containers")
_USES = word_set("use using let have employ with take make")
_AT = word_set("on at to")
_OWNERS = word_set("the its your robot machine his her that")
_BEFORE = word_set(". , ; : ! and while but then whereas only ? yet so when") | {"\n", "", "-"}
_BREAKS = word_set(". , ; : ! ?") | {"\n", "-"}
_POSTS = word_set("post pole pillar column rod mast")
_OTHER = word_set("other opposite")
_SIDES = word_set("left right")
_FLANKS = word_set("side edge end flank face half corner sides edges ends flanks faces")
_BODY = word_set("hand finger thumb palm arm")
_WIDTHS = word_set("width widths breadth breadths span spans")
_SAME_AGAIN = word_set("twin sibling partner mate fellow colleague companion brother sister peer")
# Dialect and slips, word by word.
_STANDARD = {
    "doon": "down", "tae": "to", "fae": "from", "frae": "from", "wi": "with", "yin": "one", "ane": "one", "oot": "out",
    "aboot": "about", "ower": "over", "owre": "over", "awa": "away", "roond": "round", "aroond": "around", "nae": "no",
    "haud": "hold", "gie": "give", "haund": "hand", "haun": "hand",
    "wan": "one", "thon": "that", "yon": "that", "aff": "off", "ontae": "onto",
    "intae": "into", "abune": "above", "richt": "right", "bairn": "child", "thingummy": "thing", "thingamajig": "thing",
    "doohickey": "thing", "ye": "you", "twa": "two", "mair": "more", "dae": "do", "bides": "stays", "bide": "stay",
    "whilst": "while", "thru": "through", "lefty": "left", "righty": "right",
    "southpaw": "left",
}  # fmt: skip
_NEGATED = {"dinnae": "do", "doesnae": "does", "isnae": "is", "cannae": "can", "willnae": "will", "didnae": "did",
            "dinna": "do", "wasnae": "was", "shouldnae": "should", "arenae": "are"}  # fmt: skip
_OBJECTS = word_set("cube block ball can cylinder brick tin bar slab sphere box drum dice die object thing item")


def name_arms(words: list[str]) -> list[str]:
    """Rewrite the words of a text.

    Args:
        words: lower-case words and signs.

    Returns:
        The words, with "the left arm" for "the arm on the left" and for "the one on the left" where arms are spoken of.
    """
    out: list[str] = []
    i = 0
    speaks_of = last = ""
    while i < len(words):
        word = words[i]
        if word in _NEGATED or (word in _BODY and words[i + 1 : i + 2] and words[i + 1] in _WIDTHS):
            out += [_NEGATED[word], "not"] if word in _NEGATED else []  # "a hand's breadth" is no hand
            i += 1
            continue
        word = _STANDARD.get(word, word)
        if word in _SAME_AGAIN and _is_of_arms(out, speaks_of):
            word = "counterpart"
        if word == "hand" and _is_of_flank(out, words[i + 1 : i + 5]):
            i += 1
            continue
        word = "over" if word == "across" and set(words[i + 1 : i + 4]) & _POSTS else word
        if word == "one" and ((out[-2:] == ["the", "other"] and last == "arm") or _is_that_arm(out)):
            word = "arm"
        if word == "one" and (length := _is_sided_bowl(out, words[i + 1 : i + 5])) >= 0:
            out.append("bowl")
            i += 1 + length
            continue
        if word in _ARM and (is_first := _is_headed(words, i, out)):
            side = words[i + is_first]
            out += [side, word]
            i += is_first + 1
            continue
        if word in _ARMS:
            speaks_of = last = "arm"
        elif word in _NEITHER or word in _OBJECTS:
            last = "other"
            speaks_of = speaks_of if word in _OBJECTS and len(words) > 45 else "other"
        hit = _named_by_side(word, words, i + 1, out, speaks_of, last)
        if hit is not None:
            out += hit[:2]
            i += 1 + hit[2]
            speaks_of = "arm" if hit[1] != "bowl" else speaks_of
            continue
        out.append(word)
        i += 1
    return out


def _is_that_arm(out: list[str]) -> bool:
    """Whether "one" after these words is an arm: "the left arm was serviced, so use that"."""
    is_used = out[-1:] in (["that"], ["this"]) and out[-2:-1] != [] and out[-2] in _USES
    return is_used and any(w in _ARMS for w in out) and not any(w in _OBJECTS or w in _BOWLS for w in out)


def _is_sided_bowl(out: list[str], after: list[str]) -> int:
    """How many words of "of the two bowls" follow where "into the right one" is a bowl; -1 where it is none."""
    if len(out) < 3 or out[-1] not in _SIDES or out[-2] != "the" or out[-3] not in ("in", "into", "inside"):
        return -1
    for length in (3, 4):
        if after[:2] == ["of", "the"] and after[length - 1 : length] and after[length - 1] in _BOWLS:
            return length
    return 0 if any(w in _BOWLS for w in out) and after[:1] != ["of"] else -1


def _named_by_side(
    word: str, words: list[str], start: int, out: list[str], speaks_of: str, last: str
) -> tuple[str, str, int] | None:
    """Side, noun and length of what "arm on the left" or "the one on the left" names; None for anything else."""
    is_arm = word in _ARM
    if not is_arm and word != "one":
        return None
    after = words[start : start + 12]
    hit = _side_after(after, 0)
    if not is_arm and hit is not None and out[-2:] in (["in", "the"], ["into", "the"]):
        return hit[0], "bowl", hit[1]
    before = (out[-2:-1] or [""])[0]
    is_one = not is_arm and out[-1:] == ["the"] and (before in _BEFORE or before.isdigit())
    is_hand = is_one and (speaks_of == "arm" or (not last and "robot" in after[:5]))
    noun = word if is_arm else "arm"
    if hit is not None and (is_arm or is_hand):
        return hit[0], noun, hit[1]
    if is_arm and (hit := _side_by_contrast(after, 0)) is not None:
        return hit[0], noun, hit[1]
    return None


def _is_of_flank(out: list[str], after: list[str]) -> bool:
    """ "Its left hand end", "its left hand and right hand ends": this "hand" is none."""
    is_pair = (
        len(after) == 4 and after[0] == "and" and after[1] in _SIDES and after[2] == "hand" and after[3] in _FLANKS
    )
    is_sided = out[-1:] != [] and out[-1] in _SIDES and after[:1] != [] and after[0] in _FLANKS
    return is_pair or is_sided


def _is_of_arms(out: list[str], speaks_of: str) -> bool:
    """Whether "its twin" and its like, after these words, is the other arm."""
    is_with = out[-2:] == ["with", "its"] and any(w in _ARM for w in out)
    return out[-1:] in (["its"], ["the"]) and (speaks_of == "arm" or is_with)


def _is_headed(words: list[str], at: int, out: list[str]) -> int:
    """How far the side is from "hand (: the) left ." where a heading names the arm; 0 for anything else."""
    if words[at] not in _ARM or (out and out[-1] not in _BREAKS):
        return 0
    i = at + 1
    while i < len(words) and words[i] in (":", "the", "used", "is", "-"):
        i += 1
    ends = i + 1 >= len(words) or words[i + 1] in _BREAKS
    return i - at if i < len(words) and words[i] in _SIDES and ends and i > at + 1 else 0


def _side_by_contrast(words: list[str], at: int) -> tuple[str, int] | None:
    """The side that "opposite (to) the left one", "that is not (on) the left", "being the left" says, and its length."""
    i, is_opposite = at, False
    if words[i : i + 1] in (["opposite"], ["facing"], ["across"]):
        is_opposite, i = True, i + 1
        i += words[i : i + 1] in (["to"], ["from"])
    elif words[i : i + 1] == ["being"]:
        i += 1
    elif words[i : i + 1] and words[i] in ("that", "which", "who"):
        i += 1 + (words[i + 1 : i + 2] == ["is"])
        if words[i : i + 1] != ["not"]:
            return None
        is_opposite, i = True, i + 1
        i += words[i : i + 1] in (["on"], ["at"])
    else:
        return None
    while words[i : i + 1] and words[i] in _OWNERS:
        i += 1
    if words[i : i + 1] and words[i] in _SIDES:
        side = words[i]
        i += 1
        while words[i : i + 1] and words[i] in ("one", "side", *_ARM):
            i += 1
        if words[i : i + 1] == ["of"]:
            return None
        return ({"left": "right", "right": "left"}[side] if is_opposite else side), i - at
    return None


def _side_after(words: list[str], at: int) -> tuple[str, int] | None:
    """The side that "(that is) on the robot's left (side)" says, and how many words it has; None for anything else."""
    i = at
    if words[i : i + 1] and words[i] in ("that", "which") and words[i + 1 : i + 2] in (["is"], ["sits"]):
        i += 2
    if words[i : i + 1] and words[i] in ("mounted", "attached", "fitted", "sitting"):
        i += 1
    if i >= len(words) or words[i] not in _AT:
        return None
    i += 1
    start = i
    while i < len(words) and words[i] in _OWNERS:
        i += 1
    if i == start or i >= len(words) or words[i] not in _SIDES | _OTHER:
        return None
    side = words[i]
    i += 1
    for end in ("hand", "side"):
        if words[i : i + 1] == [end]:
            i += 1
    if words[i : i + 1] and (words[i] == "of" or words[i] in _OBJECTS | _NEITHER):
        return None
    if side in _OTHER and words[i - 1] != "side":
        return None
    return ("other" if side in _OTHER else side), i - at
