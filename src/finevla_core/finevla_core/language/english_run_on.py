"""Parts the clauses of English that is dictated without a sign: "do not take the ball take the cube"."""

import re

from finevla_core.language.english_word_tables import word_set

_SIGNS = re.compile(r"[,.;:!?()]|\s-\s")
_DEED = (
    r"(?:lift|pick|raise|grab|grasp|take|put|place|stack|turn|rotate|twist|use|hover|bring|carry|drop|clear|clean|"
    r"tidy|reach|fetch|squeeze|hold|grip|come (?:in|from|at|down)|go (?:over|above|to|round|around|for|with)|move)"
)
_WISH = (
    r"(?:i (?:want|would like|need|would prefer)|it is the|the (?:left|right) one|everything goes|just|simply|only|"
    r"instead)"
)
# Before these words a verb goes on with its clause and begins none.
_HOLDING = word_set("""
    to and or you i we they it is not never then just simply only please the a an your that which who can could will
    would should must may let shall do does did by before after when while if but nor with for of in its no this
    one each any another without
    """)
_HOLDS = "".join(rf"(?<!\b{word} )" for word in sorted(_HOLDING))
_DENIED = re.compile(
    rf"(\b(?:do not|never|must not|should not|shall not|is not|are not|does not|no)\b(?: \w+){{2,12}}?) "
    rf"(?={_HOLDS}(?:{_DEED}|{_WISH})\b)"
)
_REASON = re.compile(
    rf"^((?:(?:so|and|ok|okay|well) )?(?:since|because|seeing (?:that|as)|now that|once|as|even if|as soon as|given "
    rf"that)(?: \w+){{3,16}}?) "
    rf"(?={_HOLDS}(?:{_DEED}|have one|it should|it must|you should|you must|i want|i would like)\b)"
)
_LETTERS = 300
# "A top grasp", "the next turn": behind an article and what is no thing these are nouns.
_NOUN_TOO = re.compile(r"(?:lift|pick|grab|grasp|take|turn|rotate|twist|hold|grip|squeeze|reach|drop|move)\b")
_SINCE_ARTICLE = re.compile(
    r"\b(?:a|an|the|any|another|that|this) ((?:(?!(?:a|an|the|any|another|that|this)\b)\w+ ?)+)$"
)
_THINGS = word_set("""
    cube cubes block blocks ball balls sphere can cans tin tins cylinder cylinders brick bricks bar bars slab one ones thing
    things object objects item items knob dial bowl bowls arm arms hand hands gripper grippers claw post table box
    red green blue yellow purple orange
    """)


def with_pauses(text: str) -> str:
    """Set a comma where the next clause begins.

    Args:
        text: a text in lower case, with contractions written out.

    Returns:
        The text; as it is where it has signs of its own.
    """
    if len(text) > _LETTERS or _SIGNS.search(text.rstrip(" .!?\n")):
        return text
    text = _REASON.sub(r"\1 , ", text, count=1)
    return _DENIED.sub(_paused, text, count=1)


def _paused(found: re.Match[str]) -> str:
    behind = _SINCE_ARTICLE.search(found[1])
    is_noun = behind and _NOUN_TOO.match(found.string, found.end()) and not _THINGS & set(behind[1].split())
    return found[0] if is_noun else f"{found[1]} , "
