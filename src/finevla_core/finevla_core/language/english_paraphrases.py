"""Writes roundabout English wordings as the plain ones that the rest of the reader knows: "get a hold of" as "grab"."""

import re

from finevla_core.language.english_courtesies import without_courtesies
from finevla_core.language.english_deed_idioms import DEEDS
from finevla_core.language.english_end_idioms import ENDS
from finevla_core.language.english_exclusions import EXCLUDED
from finevla_core.language.english_idioms import ANYWHERE
from finevla_core.language.english_indirect_requests import ANNOUNCED, SPOKEN
from finevla_core.language.english_short_idioms import ONE_DEED
from finevla_core.language.english_way_idioms import POST, RESTING_ARMS, WAYS
from finevla_core.language.pattern_tables import reworded

_SHORT = 300  # letters: longer texts describe motions in steps
_NAME = r"((?:the |a |an |that |my )?(?:\w+ ){0,3}\w+)"
_THE = r"((?:the|that) (?:(?!is\b|are\b|that\b|which\b|you\b|i\b|we\b)\w+ ){0,3}?(?!is\b|are\b)\w+)"
_HELP = (
    r"(?:involvement|participation|assistance|help|contribution|support|aid|interference|engagement|movement|motion|action|"
    r"role|input|backup|cooperation|collaboration|usage|use|part|intervention)"
)
_SIZE = r"((?:small|bigg?|larg|littl|tini|tiny|huge)(?:er|est|e)?)"
_HAND = r"(?:arm|hand|gripper|manipulator|claw)"
_BOWL = r"(?:bowl|dish|basin|container)"
_REVERSE = (
    r"(?:the )?(?:other way|other direction|opposite|reverse|contrary|inverse)(?: way| direction| sense)?"
    r"(?: round| around)? (?:from|to|of|than)"
)
_ORDER = r"(?:next|last|first|second|third|final)"
_ONE = r"(?:one|object|target|item|thing)"
_VALUE = r"(?:red|green|blue|yellow|purple|orange|left|right|small|big|little|large|bigger|smaller|clockwise|counterclockwise)"
_CARE_FOR = r"(?:wish|desire|request|hope|plan|idea|intention|goal|aim|dream|order|preference|suggestion)"
_WANT = r"((?:i|we) (?:would (?:really |rather )?(?:like|love|prefer)|want|need|wish))"

_COMMAND = (
    r"(?:(?:lift|pick|grab|grasp|take|put|place|set|stack|drop|turn|twist|rotate|reach|go|move|push|bring|fetch|get|raise|"
    r"hand|use|let|clear|clean|close)(?![^.!?]*(?:\?|\b(?:weighs|means|is|does|costs|takes) ?[.!]?$)))"
)
_DEED_NOUNS = {
    "lift": "lift", "lifting": "lift", "grab": "grab", "grasp": "grasp", "grasping": "grasp", "pick": "pick",
    "pickup": "pick up",
    "picking": "pick", "retrieval": "retrieve", "turn": "turn", "twist": "twist", "rotation": "rotate", "place": "put",
    "placement": "put", "placing": "put", "stack": "stack", "stacking": "stack",
}  # fmt: skip


def _holds(found: re.Match[str]) -> str:
    """ "Gets a hold of": "grabs"."""
    return "grabbing" if found[1].endswith("ing") else "grabs" if found[1] else "grab"


# What is said of a text as it stands, whatever its length.
# Each with words of which one must stand in the text: most texts have none, and are not searched.
POSTS = ("post", "pole", "pillar", "column", "rod", "mast", "obstacle", "stick")
_ANYWHERE = [
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        (("hold ", "grip ", "grasp ", "purchase ", "ahold "),
         r"\b(?:get|take|grab|catch|seize|lay|keep|obtain|secure|have)(s|es|ing|ting|bing|) (?:yourself )?"
         r"(?:a |an |your |its )?(?:\w+ )?(?:hold|grip|grasp|purchase|ahold) (?:of|on|onto|around|round)\b", _holds),
        (("head",), r"\bhead(s|ing)?(?= (?:\w+ )?(?:over|out|across|down|to|towards?|above|right|straight|on|for)\b)", r"go\1"),
        ((" colour", " color"), r"\b(?:with|of|in) (?:the |a |an )?(red|green|blue|yellow|purple|orange)"
         r" colou?r\b(?! \w+ (?:cube|ball|"
         r"brick|can))", r"that is \1"),
        ((" colour", " color"), r"\b(?:with|of|in) (?:the )?colou?r (red|green|blue|yellow|purple|orange)\b", r"that is \1"),
        (("offen", "disrespect", "nothing against", "respect to"),
         rf"\b(?:no (?:offen[cs]e|disrespect)(?: meant| intended)?|nothing|with all due respect) (?:to|against) (?:the |your )"
         rf"(?:left|right)(?: {_HAND})?\b", ""),
        (("up ",), r"\bup (?:went|goes|comes|came|go) (?=(?:the(?! lot)|that|it)\b)", "lift "),
        (("gos ",), r"\bgos\b", "goes"),
        ((" over ",), r"\b(go|goes|going|come|comes|coming|get|swing|swings|move|moves) (?:on|right|straight|along|out|back|"
         r"up) over (?=to|the|a|your|that)", r"\1 over "),
        (("hold",), r"\b(?:hold|holding|holds) (?:off|back)(?: (?:on|from|with))?(?= (?:\w+ing|the|it|any)\b)", "avoid"),
        (("short of",), r"\b(?:stop|stopping|stops) (?:just )?short of (?=\w+ing\b)", "without "),
        (("no ", "without ", "not any "),
         rf"\b(?:no|without|without any|without the|without making|with no|not any) (?:\w+ )?{_HELP} (?:of|from|by|on the "
         rf"part of|with) (?:the |your |its )?(left|right)(?: hand)?(?: {_HAND})?\b(?! (?:side|bowl|of))",
         r"not with the \1 arm"),
        (("top of ",), r"\b(?:up |up and |clear |right |straight |safely )*(?:over|overtop|across) (?:the )?top of (?:the )?"
         + POST, r"over the \1"),
        ((" and its ",), r"\bits (left|right|front|rear|back|far|near)(?: hand)?(?: side| end| face| edge)? and its (left|"
         r"right|front|rear|back|far|near)(?: hand)?(?: sides?| ends?| faces?| edges?)?\b(?! (?:of|arm|hand|bowl|gripper)\b)",
         r"\1 and \2"),
        (POSTS, r"\b(?:past|round|around|via|by way of|passing) (?:the |its )?(?:far|near|left|right|other|outer|outside|"
         r"inner)(?: hand)?(?: side)? of (?:the )?" + POST, r"round the \1"),
        (("which is ",), rf"\bwhich is (?:the )?{_SIZE}(?: one)?(?: (?:of|among) (?:the )?(?:two|pair|them|both)(?: of them)?)?"
         r"(?: ,|,)?", r"that is \1"),
        ((", that is ",), rf" ?, (that is (?:the )?{_SIZE}(?: |$))", r" \1"),
        (("i mean", "rather", "sorry", "that is", "i should say"),
         rf"\b{_VALUE} ?, (?:no |er |uh |um )?({_VALUE}) (?:i mean|i meant|rather|sorry|that is|i should say) ?,", r"\1"),
        ((" you ",), r"\b(?:would|could|might|will) you (?:please |kindly |possibly |happen to )?be (?:able|willing|prepared|"
         r"inclined|happy|up for|kind enough|good enough|so kind as|so good as|a \w+ and|free|available) to\b", "could you"),
        (("left ", "right "), r"\b(your|its|robot|the) (left|right) (?:hand )?(?:fingers|fingertips|jaws)\b", r"\1 \2 hand"),
        (("clockwise ",), r"(?<=clockwise) (?:sense|direction|fashion|manner|way|motion|rotation|turn|movement)(?="
         r" ?[,.;:!?]| ?$| with)",
         ""),
        (("would be ", "will be ", "should be "), r"\b(i|we) (?:would|will|should) (?:really |truly |honestly )?be"
         r" (?:(?:ever|so|very|most|really|"
         r"quite|rather|absolutely|over|on|in|the) )*\w+ (?=(?:if|could|should|were) you\b)", r"\1 would be happy "),
        ((" you can not ", " you could not ", " you will not "), r"\b(?:i|we) (?:\w+ )?(?:bet|wager|doubt|reckon"
         r"|guess|think)(?: that)? you "
         r"(?:can|could|will) not (?:even )?", ""),
        # With a pause and a command behind it nothing is asked; "do you know what, roughly, it weighs" is a question.
        (("you know what",), r"(?:^|(?<=[.,;!?] ))(?:do|d) you know what ?[,?!;.]+ ?(?=(?:(?:just|please|simply|actually|now|"
         r"ok|okay|right|then) ?,? ?){0,3}(?:(?:can|could|will|would) you|" + _COMMAND + r")\b)", ""),
        (("clockwise",), rf"\b{_REVERSE} (?:counter|anti) ?clockwise\b", "clockwise"),
        (("clockwise",), rf"\b{_REVERSE} clockwise\b", "counterclockwise"),
        (tuple(f"{place} the {side}" for place in ("to", "of", "as", "with", "where", "by", "near", "est", "beside", "er")
               for side in ("left", "right")),
         rf"\b(?:that )?{_HAND} (?:(?:that|which) is )?(?:(?:nearest|closest|nearer|closer|next|near|by|beside)(?: to)?|"
         rf"on the (?:same )?side (?:as|of|with|where)) the (left|right)(?: hand)? {_BOWL}(?: is| stands| sits)?\b",
         r"\1 arm"),
        (("berth", "clearance", "margin"),
         rf"\b(?:giv\w+|gave) (?:the |that )?{POST} an? (?:\w+ )?(?:berth|clearance|margin)\b", r"going round the \1"),
        (("bowl on ", "bowl to ", "bowl at ", "bowl that ", "bowl which ", "bowl stand", "bowl sit", "dish ", "basin ",
          "container "),
         rf"\b({_BOWL}) (?:(?:that|which) (?:is|stands|sits) |standing |sitting )?(?:on|to|at) (?:the |your )(?:robot )?"
         r"(left|right)(?: hand)?(?: side)?\b(?! (?:of|arm|hand|gripper|claw|bowl|dish|side)\b)", r"\2 \1"),
        ((" and at ", " and on ", " and by "), r"\b(at|on|by) (the|its) (left|right|front|rear|back|far|near)(?:"
         r" hand)?(?: side| end| face| edge)? and "
         r"(?:at|on|by) (?:the|its) (left|right|front|rear|back|far|near)(?: hand)?(?: side| end| face| edge)?\b"
         r"(?! (?:of|arm|hand|bowl|gripper|side)\b)", r"\1 \2 \3 and \4"),
        ((" side of ",), r"\b(?:keep|keeps|keeping|stay|stays|staying) (?:well )?(?:to|on|at) (?:one|the|its|either) "
         r"(?:\w+ )?side of (?:the )?" + POST, r"going round the \1"),
        (("middle of", "centre of", "center of"),
         r"\b(down|it|set|laid|placed|lowered) (?:exactly |right |squarely )?(?:in|at|on|onto|over|above) (?:the )?(?:exact )?"
         r"(?:middle|centre|center) of (?=the (?:\w+ ){0,2}(?:cube|block|brick|can|cylinder|ball|tin|bar|slab)\b)",
         r"\1 onto "),
        (("thing ", "object ", "item ", "one ", "target "),
         r"\bthe (?:thing|object|item|one|target)(?: that)? (?:to|you (?:should|must|are to|have to|need to)) "
         r"(grab|take|pick up|lift|grasp|pick|reach for) is (?=the)", r"\1 "),
        (("approach",), r"\bapproach(?: (?:direction|side|vector|angle))? ?(?::|=|is) ?(?:from )?(?:the )?"
         r"(left|right|top|above|front|far side)\b(?! (?:arm|hand|gripper|bowl))", r"approach from the \1"),
        (("vector", "direction", "approach"), r"\bapproach(?: (?:direction|side|vector|angle))? ?(?::|=)"
         r" ?(?:vertical|vertically|"
         r"top down|overhead|downward|downwards)\b", "approach from the top"),
        (("/",), r"\b(front|left|near|fore|far|right|back) ?/ ?(back|right|far|aft|near|left|front)\b", r"\1 and \2"),
        (("?",), r", ?(?:is|are|can|could|does|do|will|would|has|was) (?:not )?(?:it|you|they|we|that)(?: not)? ?\?(?=\s+\w)",
         "."),
        ((", the ", ", i mean", ", that is", ", namely", ", meaning", ",the"),
         rf"\b{_BOWL} ?, (?:i mean |that is |namely |and i mean |meaning )?the (left|right)(?: hand)?(?: side)?(?: one)?"
         rf"(?= ?[,.;!]| ?$)", r"bowl on the \1"),
    )
]  # fmt: skip
_ONE_DEED = [
    (re.compile(pattern), by)
    for pattern, by in (
        (rf"^(?:(?:so|ok|okay|now|and|then|well) ?,? )?(?:(?:the|our|my|your) )?(?:{_ORDER} ){{0,2}}(?:{_ONE} )?"
         r"(?:(?:up|in line|now|today) )?(?:is|would be|will be|shall be) (?=the \w+ [^.!?]*\b(?:arm|hand|gripper|claw|from|"
         r"lengthways|sideways|lengthwise)\b)(?![^.!?]* (?:is|are|was|has)\b)", ""),
        (r"^(?:so |and |ok |okay )?(?:now it is|it is now|this time it is|now comes|next comes|next up is|now) (?=the (?:\w+ ?)"
         r"{2,4}?, (?:with|by|from|using)\b)", ""),
        (r",? ?\b(?:can or not|can anot|or can not) ?\??$", ""),
        (r"^can (?=(?:help|put|lift|take|pick|place|turn|clear|bring|move|go|stack)\b)(.+?) or not ?\??$", r"could you \1"),
        (r"\b(go|goes|going|come|comes|coming) (?:very |just |quite )?(?:near|close) (?:to )?(?=(?:the|that)\b)", r"\1 to "),
        (rf"\b{_BOWL} ?,? (left|right)(?: hand)? side\b(?! of)", r"\1 bowl"),
        (r"\b(must|should|shall|has to|needs to|is to|ought to) come on (?=the\b)", r"\1 go onto "),
        (r"\bso that (?=(?:arm|hand|gripper) (?:only |alone )?(?:must|should|shall|can|has|is|will|may)\b)", "so ; that "),
        (r"^(?:so |and |ok )?what(?:ever)? is (?:(?:left|still|there|remaining|lying|here) )*(?:on the table )?(?=(?:goes|"
         r"belongs|should|must|has to|needs to|shall|comes)\b)", "everything "),
        (r"^((?:please|kindly|now|robot|could you|can you|would you|you should|you must|,| )*)(?:make|ensure|see to it|take "
         rf"care) (?:sure )?(?:it )?(?:so )?that {_THE} (?:finally |then |really )?(?:lies|stands|sits|rests|is|ends up|comes|"
         r"goes|gets|lands)(?: lying| sitting| standing| placed| put)? (?=(?:in|on|onto|into|on top of|inside|"
         r"atop) (?:the|that)\b)", r"\1put \2 "),
        (rf"{_THE} (?:should|must|may|can) not (?:stay|remain|be|lie|stand|sit|be left) (?:here|there|on the table|lying"
         r"(?: around| there)?) ?[,.;:] ?(?:but |put it |it (?:goes|belongs|should go|must go) )?(?:in |into |to )?"
         r"(?=(?:the )?(?:left|right) (?:hand )?bowl)", r"put \1 in "),
        (rf"\bi (?:said|told|wrote|typed) (?:the )?({_VALUE}) ?,? (?:but )?(?:it is|i meant|i mean|make it|it should be|should"
         rf" be|meant)(?: actually| rather)? (?=(?:the )?{_VALUE}\b)", r"not \1 but "),
        (r"\barrange (?:to|for) ", ""),
        (rf"\bgive {_THE} (?=(?:in|into) the (?:left|right|bowl)\b)", r"put \1 "),
        (rf"\b({_BOWL}) (?:that|which) (?:is |stands |sits )?(?:standing |lying |placed )?(left|right)\b(?= ?[,.;!]| ?$)",
         r"\2 \1"),
        (rf"^((?:please |kindly |now )?)((?:on|in|into|onto|on top of|inside) the (?:\w+ ){{1,3}}?)(?:should|shall|must|has to|"
         rf"needs to|is to|can) (?:stand|sit|lie|go|come|be placed|be put|be) {_THE}(?= ?[.,;!]| ?$)", r"\1put \3 \2"),
        (r"\bit (?:is|would be) (?:enough|sufficient|okay|ok|fine) (?:when|if) (?:you|the((?: \w+)? (?:gripper|arm|hand))) (?:"
         r"only |just )?(?:stands?|is|are|hovers?|stays?|waits?|goes) (?=above|over)",
         lambda found: f"with the{found[1]} hover " if found[1] else "hover "),
        (rf"(^|[:,.] ?|\band )({'|'.join(_DEED_NOUNS)}) of (?=the\b)", lambda found: f"{found[1]}{_DEED_NOUNS[found[2]]} "),
        (r"\bform (?=(?:above|the (?:left|right|top|front|far|other)|left|right|top)\b)", "from "),
        (r"(?<!coming )(?<!come )(?<!comes )(?<!approach )(?<!approaching )(?<!approaches )(?<!down )(?<!in )\bfrom (?:the|"
         r"its) (?:(?:far|near|left|right|back|front|rear|other|hand) ){0,3}corner(?: of (?:the|your) (?:table|desk|bench))?"
         r"\b", ""),
        (
            rf"\buse {_NAME} as (?:a|an|the|its) (?:seat|base|pedestal|stand|support|platform|plinth|foundation|perch|podium)"
            rf" (?:for|under) {_NAME}",
            r"put \2 on \1",
        ),
        (
            r"\b(?:(?:build|make) (?:me )?(?:a|the) (?:\w+ )?(?:tower|pile|stack)\s*[:,]\s*)?"
            rf"{_NAME} (?:goes |is |comes )?(?:at the bottom|on the bottom|below|underneath|at the base)"
            r"\s*(?:,|;| and|, and)\s*"
            rf"{_NAME} (?:goes |is |comes )?(?:(?:on|at) (?:the )?top(?: of it)?|above)(?: it)?(?=\s*(?:$|[.,!;]))",
            r"put \2 on \1",
        ),
        (
            rf"{_NAME} (?:is|forms|makes|serves as|acts as|will be|shall be) (?:the|your|our|its) "
            rf"(?:base|foundation|bottom|pedestal|support|seat|platform|stand|ground floor)\s*[;:,.]\s*"
            rf"(?:and |then |so |now )?{_NAME} (?:goes|sits|belongs|comes|gets put|is to go|should go|must go|shall go) "
            r"(?:on|on the) top(?: of it)?\b",
            r"put \2 on \1",
        ),
        (
            rf"{_NAME} (?:should|must|shall|needs to|is to|ought to|has to) (?:have|get|receive|carry|bear|wear) "
            rf"{_NAME} (?:sitting |placed |stacked |put )?on (?:it|top|its top|top of it)\b",
            r"put \2 on \1",
        ),
        (rf"\b(?:it|that) is {_THE},? (?:that |which )?(?:i|we) (?:am|are|was|were) (?:really )?(?:after|looking for|"
         r"interested in|thinking of|talking about|keen on)\b", r"i want \1"),
        (rf"\blet us (?:have|get|see) {_THE} (?:up|out)(?: of there| of here| of that|)(?= (?:with|using|by|please)\b)",
         r"lift \1"),
        (rf"^any (?:chance|hope|possibility|prospect|way) (?:of |for |to )(?:getting |having |seeing |get |have |see )?{_THE} "
         r"(?=(?:in|into|on|onto|inside) the)", r"put \1 "),
        (rf"\b(?:my|our|the) {_CARE_FOR} (?:is|was|would be) (?:for|that|to have|to see|to get)\b", "i want"),
        (rf"\b((?:in|into|on|onto|on top of|atop|inside) (?:the|that) (?:\w+ ){{0,3}}?\w+) is where (?:i|we) "
         rf"(?:would (?:really )?(?:like|love|prefer)|want|need)(?: to (?:see|have|put|get))? {_THE}(?= ?[.,;:!?]| ?$)",
         r"put \2 \1"),
        (r"\b(?:in|into) (?:whichever|whatever|any|either) (?:of the (?:two )?)?bowls?(?: (?:that |which )?(?:you (?:like|"
         r"prefer|want|fancy|choose|wish|please|find)(?: best)?|is \w+er|suits you(?: best)?|is (?:nearest|closest|free)))?\b",
         "into the bowl"),
        (r"(?<!not )(?<!never )\b(?:give|do|make|perform|execute|carry out|let us have|show|try|initiate|start|begin|"
         r"complete|conduct) (?:me |us )?"
         r"(?:(?:a|an|your|one|another) )?(?:(?!not\b|never\b|no\b|clockwise|counter|anti|left|right|side|length|"
         r"top|down|over|vertical|front|"
         rf"knob|dial|the|it)\w+ ){{0,3}}?({'|'.join(_DEED_NOUNS)})(?: up)? (?:of|on) (?=the|that)",
         lambda found: _DEED_NOUNS[found[1]] + " "),
        (r"\b(?:do|make|perform|execute|initiate|start|begin|complete|conduct) (?:a |the )?(?:table )?(?:cleanup|clean up|"
         r"clearance|clearing|cleaning|tidying|tidy up)(?: of the (?:whole |entire )?table)?(?=[ ,.;:]|$)", "clean the table"),
        (rf"\b(?:rather|sooner|preferably) ((?:with |from |in |into )?the (?:left|right)) than (?:with |from |in |into )?the "
         rf"(?:left|right)(?: hand)?( {_HAND}| bowl| side)?\b", r"\1\2"),
        (r",? if you (?:would|could|might) (?:please |kindly |just )?(?=(?:go|pick|put|stack|turn|lift|take|grab|place|hover|"
         r"reach|move|clear|set|get|drop|twist|rotate|hoist|raise|bring|carry)\b[^.!]*\?)", " could you "),
        (r"\bwhat if you (?:could |would |just )?", "could you "),
        (rf"{_THE} (?:is|are) (?:meant |destined |intended |bound |due )?for the (?=left|right)", r"put \1 in the "),
        (rf"{_THE} (?:home|place|destination|spot) is (?:in )?the (?=left|right)", r"put \1 in the "),
        (rf"{_THE} (?:does|do) not (?:belong|go|live) (?:on|in|at|there|here)\b[^,;.]*[,;.] ?(?:it|they) (?:belongs?|goes|go) ",
         r"\1 belongs "),
        (r"\b(turn|rotate|twist|spin|crank) (it|the knob|the dial|that) back (?=(?:to the )?(?:left|right))", r"\1 \2 "),
        (r"\b(?:in |into )?the (left|right)(?: hand)? bowl is where ((?:\w+ ){0,4}?\w+) (?:belongs?|goes|go|should go|must go|"
         r"needs? to go|has to go|have to go|ends? up)\b", r"put \2 in the \1 bowl"),
        (r"(^|[,.;:!?] ?|\b(?:so|um|uh|just|and|is|maybe|yeah|ok|okay|then|well|kind of) )like ,? ?(?=the|that|your|a|from|"
         r"on|in|with|not|grab|pick|put|go|take|turn|move|over|straight|one|maybe|[a-z]+ly)", r"\1"),
        (r"\b(?:sit|stand|chill|hang|camp|park|vibe|wait)(?: (?:right|just|tight|there|out|yourself|it))* (?=(?:over|above)\b)",
         "wait "),
        (r"\bget (?:your|those|both) (?:(left|right) )?(?:mitts?|hands?|paws?|fingers|claws?|grippers?) (?:on|onto|around) ",
         lambda found: f"with your {found[1]} hand grab " if found[1] else "grab "),
        (r"\ban? ((?:\w+ ){0,3}?)(?:grasp|grip|pick|lift|pickup|pick up|grab) (?:of|on) (the (?:\w+ ){0,3}?\w+) (?:is|be|gets) "
         r"(?:to be )?(?:performed|executed|made|carried out|done|accomplished|effected|achieved|completed)\b",
         r"\1 , \2 is grasped"),
        (r"\b(?:quit|stop|enough|no more) (?:of )?(?:staring|dawdling|daydreaming|slacking|lazing|whining|sulking"
         r"|moping|gawking|idling|"
         r"(?:mess|fool|faff|muck|play|lounge|hang|sit|stand)ing(?: about| around)?|loitering|stalling|chatting"
         r"|talking|yapping)"
         r" ?(?:and|,|\.|!)", ""),
        (rf"\b(?:may|can|could|might) (?:i|we) (?:please )?(?:have|get|see) {_THE}(?= (?:up|in the air|off the"
         rf"|lifted|raised)\b)",
         r"lift \1"),
        (rf"\b(?:may|can|could|might) (?:i|we) (?:please )?(?:have|get|see) {_THE}(?= (?:in|into|on|onto)\b)", r"put \1"),
        (rf"\b(?:any|either|whichever|whatever) {_BOWL} (?:will do|would do|is (?:fine|ok|okay|good|alright|all"
         rf" right)|does|works) "
         rf"for {_THE}", r"put \1 in a bowl"),
        (rf"\b(?:the )?(left|right)(?: hand)? ({_BOWL}) is where (?:i|we|they) (?:would (?:really )?(?:like|love"
         rf"|prefer)|want|need)"
         rf"(?: to (?:see|have|put|get))? {_THE}(?= ?[.,;:!?]| ?$)", r"put \3 in the \1 \2"),
        (rf"\b(?:the )?(left|right)(?: hand)? ({_BOWL}) is (?:the |its )?(?:\w+ )?(?:place|home|spot|destination"
         rf"|target|goal|one)"
         rf"(?: for it)?(?= ?[.,;:!?]| ?$)", r"put it in the \1 \2"),
        (rf"\b(?:it|that) (?:would|will|might|could) (?:really |also )?(?:help|be \w+)(?: \w+){{0,3}} (?:if|to have"
         rf"|to see) {_THE} "
         r"(?:(?:were|was|is|be|got|gets|ended|ends) )?(?:up )?(?:to (?:be|sit|lie) )?(?:sitting |lying |standing "
         r"|placed |put |set |moved )?"
         r"(?=(?:in|into|on|onto|on top of|atop|inside) (?:the|that|a)\b)", r"put \1 "),
        (rf"\bfill(?: up)? (the (?:left|right)(?: hand)? (?:{_BOWL}|one)) with ((?:everything|all|whatever"
         rf"|anything)\b[^.,;!?]*)",
         r"put \2 into \1"),
        (r"\b(i|we|they) (?:\w+ )?(?:decided|settled|agreed) (?:up)?on (?=the|that)", r"\1 want "),
        (rf"\b(?:off|up from|up off) (?:the |that )?table with {_THE}", r"lift \1"),
        (r"(?<=\w) ?, ?right ?\?", " . "),
        (r"\b(?:the )?(?:final )?placement of (?=the)", "put "),
        (r"^(?:ok |okay |all |well |so )?right ?,? (?=(?:so|then|now|well|let us|listen|here|i|you|we|this|that)\b)"
         r"|^(?:all |ok |okay )?right ?, (?=(?:team|lads?|folks?|everyone|everybody|mate|guys|people|robot|boys?"
         r"|girls?|class|all|off|"
         r"it is|the (?!arm|hand|gripper|one)\w+|next|first|last|one more)\b)", ""),
        (r"(?<=\w) (?:is|would be|will be|should be) (?:quite |good |more than )?(?:enough|sufficient|plenty|"
         r"all i need|all i want)(?= ?[.,!;]| ?$)", ""),
        (rf"\bwhere {_THE} (?:belongs|goes|should go|needs to go|has to go|ought to go|must go|should end up|ends up|"
         r"should be|shall go|is to go) is (?=(?:in|into|on|onto|atop|inside|upon)\b)", r"put \1 "),
        (rf"\b(?:it|that) (?:(?:must|should|is|shall|may|can) )?not (?:be )?{_THE} (?:that |which )?(?:you|i want you to|we "
         rf"want you to) (?:should |must |are to |have to |shall )?(\w+(?: up)?) ?,? but {_THE}"
         r"(?= ?[.,;:!?]| ?$)", r"not \1 , \2 \3"),
        (r"\b(post|pole|pillar|column|rod|mast|obstacle|stick)\b(.{1,80}) over the top of it\b", r"\1\2 over it"),
        (r"\b(?:do not|never) (?=(?:lift|pick|grab|take|grasp|move|turn|put|place|rotate)\b[^.;!?]*\b(?:before|until|till) "
         r"(?:you|your|the (?:left |right )?(?:hand|gripper|fingers|arm)|its) (?:\w+ )?"
         r"(?!are told|are asked|get|hear)\w+)", ""),
        (
            r"\b(?:what|all|the (?:only |one |first |next )?thing)(?: that)? "
            rf"(?:i|we) (?:am|are|would|want|need|like)(?: (?:really|now|like|love|after|want|need|to "
            rf"see|to have|here|just|is|asking|for|looking|hoping)){{0,4}} ?,?(?: (?:really|now|today|here) ?,)?"
            rf" (?:is|are) (?:for |to (?:have |see |get ))?(?={_THE})",
            "i want ",
        ),
        (rf"\blet us (?:have|get|see) {_THE} up(?: (?:in|into|off) (?:the )?\w+)?(?= ?[,.!;]| ?$)", r"lift \1"),
        (
            rf"\bit is {_THE} (?:that |which )?{_WANT}(?: to (?:have|see|get))?(?= (?:\w+ed|put|taken|moved|up)\b)",
            r"\2 \1",
        ),
        (rf"\bit is {_THE} (?:that |which )?(?:{_WANT} )?(?:you to|you should|you must|you have to|you need to) "
         r"(pick up|take|\w+)", r"\3 \1"),
        (
            r"^(?:so |well |ok |okay |hey )?(?:i|we|they|people|somebody|someone|everybody|everyone|my \w+|the \w+|our \w+|"
            r"his \w+|her \w+|word)(?: \w+){0,3} "
            r"(?:hear|hears|heard|tell|tells|told|say|says|said|know|knows|claim|claims|"
            r"think|thinks|believe|believes|read|reads|reckon|reckons|want|wants|like|has it|have it|bets?|doubts?|doubted)\b"
            r"[^.;:,]*\b(?:you|it|robots?|machine|thing)(?: \w+)? (?:can|could|know|knows|are|is|to|do|does|will|would|\w+s?)\b"
            r"[^.;:]*?,? (?:so|and so|hence|then|therefore) (?:please |just |now )?(?=(?:go|pick|put|stack|turn|lift|take|grab|"
            r"place|hover|reach|move|clear|clean|tidy|set|show|get|drop|twist|rotate|have|let|use)\b)",
            "",
        ),
    )
]  # fmt: skip


def plain(text: str) -> str:
    """Write a text in plainer words.

    Args:
        text: a text in lower case, with contractions written out.

    Returns:
        The text with what is roundabout in it written plainly.
    """
    text = reworded(without_courtesies(text), (*SPOKEN, *_ANYWHERE, *ANYWHERE, *WAYS))
    if len(text) < _SHORT:
        text = reworded(text, (*EXCLUDED, *DEEDS, *ANNOUNCED, *ENDS, *RESTING_ARMS, *ONE_DEED))
        for pattern, by in _ONE_DEED:
            text = pattern.sub(by, text)
    return text
