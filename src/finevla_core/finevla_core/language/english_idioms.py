"""English idioms with their plain wording: "fill the left bowl with the ball" is to put the ball into it."""

import re
from collections.abc import Callable

Wording = tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]]

_THING = r"((?:the|that|this) (?:(?!is\b|are\b|that\b|which\b|you\b|i\b|we\b|bowl\b)\w+ ){0,3}?(?!is\b|are\b)\w+)"
_NAMED = (
    r"((?:the|that|this) (?:(?:big|small|large|little|tiny|huge|red|green|blue|yellow|purple|orange) )*"
    r"(?:cube|block|ball|sphere|can|tin|cylinder|brick|bar|slab|red|green|blue|yellow|purple|orange)(?: one| thing)?)"
)
_BOWL = r"((?:the |that |your )?(?:(?:left|right)(?: hand)? (?:bowl|dish|basin)|(?:bowl|dish|basin) on (?:the|your) (?:left|right)))"
_HAND = r"((?:your|the|its) (?:left|right)(?: hand)? ?(?:open |empty )?(?:arm|hand|gripper|claw|fingers)?)"
_AT = r"(?:right |just |directly |straight )?(?:above|over|at|next to|near|by|beside|close to)"
_UNDER = r"(?:underneath|below|beneath|(?:at |on )?the bottom|bottom|base|under|lower)"
_TOP = r"(?:on top|on the top|top|above|upper|at the top)"
_COLORS = "(?:red|green|blue|yellow|purple|orange)"
_SIZES = "(?:small|big|large|little|smaller|bigger|larger|tiny|huge)"
_SHAPES = "(?:cube|block|ball|sphere|can|tin|cylinder|brick|bar|slab|one)"
_PLEASE = r"^((?:please|kindly|now|ok|okay|so|then|robot|could you|can you|would you|will you|just|,| )*)"

# What is said of a text of any length, and what is said of one short order only.
# Each with words of which one must stand in the text: most texts have none, and are not searched.
ANYWHERE: list[Wording] = [
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        (("righty", "lefty"), r"\b(righty|lefty)[ -](?:tighty|loosey|loosy|loosie)\b",
         lambda found: "clockwise" if found[1] == "righty" else "counterclockwise"),
        (("clock",), r"\b(?:in )?(?:the )?(?:opposite|reverse|contrary|other|inverse) (?:direction|way|sense)?(?: round)? ?(?:to|of|from|"
         r"than) (?:that of )?(?:the |a )?(?:hands? of (?:the |a )clock|clock(?: 's)?(?: hands?)?)\b", "counterclockwise"),
        (("ways ", "wise "), r"\b(?:with |in )(?:a |an )?(crosswise|lengthwise|lengthways|sideways|widthways|widthwise) "
         r"(?:grip|grasp|hold)\b", r"\1"),
        ((" rb", " lb"), r"(?<!\d )\b(r|l)b\b", lambda found: f"{'right' if found[1] == 'r' else 'left'} bowl"),
        (("come to rest", "comes to rest"), r"\b(come|comes) to rest\b", "rest"),
        (("close in on", "closes in on", "closing in on"), r"\bclos(e|es|ing) in on (?=the|that|it)", "approach "),
        (("short of",), r"\bstop(?:s|ping)? (?:just |right |a little |a bit )?short of (?=the (?:\w+ )?(?:cube|ball|can|brick|cylinder|block|bar|sphere|tin))",
         "go to "),
        (("almost touch", "nearly touch"), r"\b(?:almost|nearly|all but) touch(?:es|ing)? (?=the|that|it)", "approach "),
        (("of the post", "of the pole", "of the pillar"), r"\b(?:by way of|via|by) (?:the )?(?:top|tip) of (?:the )?(?=post|pole|pillar)",
         "over the "),
        (("hook",), r"\bhook(s|ing)? (?=(?:your|its|the|both) (?:\w+ )?(?:fingers?|hand|gripper|claw|jaws)\b)", r"wrap\1 "),
        (("used to ",), r"\b(?:i|we) used to (?:want|like|ask for|say|prefer|put|have|keep) ((?:the|that) (?:\w+ ){0,2}?\w+) "
         r"(?:in|into|on|onto|to) [^.;:!?,]*[,;.] ?(?:but |and )?(?=(?:now|today|that|this|it|things|from now)\b)", r"there is \1 . "),
        (("detour",), r"\b(?:by way of|via|with|on|in|making|taking|takes|makes) (?:a|an|the) (?:\w+ )?detour ?[:,;]", ","),
        (("post", "pole", "pillar"), r"\b(?:rather than|instead of|without|not) (?:rising|climbing|going|flying|lifting|passing) "
         r"(?:up )?(above|over|across) (?:the )?(post|pole|pillar) ?,? ?(?:it |the \w+ )?(?:bends?|curves?|swings?|arcs?|goes|sweeps?|winds?) "
         r"(?:around|round) (?:it|the post)", r"goes round the \2"),
        (("off we go", "off you go"), r"\boff (?:we|you) go\b(?= ?[,.;!]| ?$)", ""),
        ((" square",), r"\b(red|green|blue|yellow|purple|orange) squares?\b(?! (?:block|box|brick|one|thing|object))", r"\1 cube"),
        (("shaped like",), r"\b(?:thing|object|item|one|piece|thingy) (?:that is |which is )?shaped like an? (?=(?:cube|brick|ball|can|cylinder|block|sphere)\b)", ""),
        (("that is", "which is"), r"\b(?:thing|object|item|one|piece) (?:that|which) is (red|green|blue|yellow|purple|orange) and (round|spherical|cubic|cubical|square|"
         r"cylindrical|rectangular|oblong)\b",
         lambda found: f"{found[1]} " + {"round": "ball", "spherical": "ball", "cylindrical": "can", "rectangular": "brick", "oblong": "brick"}.get(found[2], "cube")),
    )
]  # fmt: skip
ONE_DEED: list[Wording] = [
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        (("job", "work", "done"), r"^(?:very )?(?:good|nice|great|well|excellent|lovely) (?:job|work|done)(?: there| with that)? ?[.!,;] ?(?=\w)", ""),
        (("let us not",), r"^let us not \w+(?: about| around)? ?[:,;.] ?", ""),
        (("it up", "pick it", "lift it", "grab it", "take it"), rf"^(pick|lift|grab|take) it(?: up)? ?[.,:;-]+ ?(?:i mean )?{_NAMED}(?: ,? ?(?:i mean|that is))?(?= ?[.!]?$)", r"\1 \2"),
        (("goal", "state", "result", "outcome", "target"),
         rf"^(?:the )?(?:goal|goal state|end state|target state|final state|desired state|result|outcome|desired outcome) ?(?::|=|is that|is) ?{_NAMED} (?:sits|lies|is|stands|"
         r"rests|ends up|is placed|is lying|is standing|is sitting) (?=in|on|inside|atop)", r"put \1 "),
        (("yourself to",), r"\bhelp yourself to (?=the|that|a)", "take "),
        (("peel", "lever", "pry", "unstick", "detach", "dislodge", "scrape"),
         rf"\b(?:peel|lever|pry|unstick|detach|dislodge|scrape) {_THING} (?:up |clear )?(?:off|from|of|up from|away from) (?:the )?"
         r"(?:table|tabletop|surface|desk)\b", r"lift \1"),
        (("fill", "feed", "load", "stock", "supply", "furnish"),
         rf"\b(?:fill|feed|load|stock|supply|furnish)(?: up)? {_BOWL} (?:with )?{_NAMED}", r"put \2 into \1"),
        (("off with", "away with", "along with"), rf"{_PLEASE}(?:off|away|along|down|in|into) with {_NAMED} (?=(?:to|into|in|and into|onto|on)\b)",
         r"\1put \2 "),
        (("return", "install", "house", "ditch", "shelve", "bank", "land", "home"),
         rf"\b(?:return|install|house|ditch|land|home|bank) {_NAMED} (?:back )?(?=(?:in|into|to|inside) {_BOWL})", r"put \1 "),
        (("live",), rf"{_NAMED} lives (?=(?:in|inside|on) )", r"\1 belongs "),
        (("home for ", "place for ", "spot for "), rf"\b(?:the |a |my )?(?:\w+ )?(?:home|place|spot|destination) (?:for|of) {_NAMED} (?:is|would be) "
         r"(?:in |inside )?(?=the)", r"put \1 into "),
        (("across",), rf"\b(lay|put|place|set|rest|balance) {_NAMED} across (?={_NAMED})", r"\1 \2 onto "),
        (("should", "must", "has to", "needs to", "ought to", "shall", "is to"),
         rf"{_PLEASE}{_NAMED} (?:should|must|has to|needs to|ought to|shall|is to|is supposed to) (?:be |end up |come to be |finally be )"
         r"(?:sitting|lying|standing|resting|placed|perched|found|balanced|seated) (?=(?:in|on|onto|inside|atop|upon|on top of) )", r"\1put \2 "),
        (("bare", "strip"), r"\bstrip (?=(?:the|this|that) (?:table|desk|tabletop))", "clear "),
        (("bare", "empty", "clear", "clean", "tidy"), rf"{_PLEASE}(?:a )?(?:bare|empty|clear|clean|tidy|spotless) (?:table|desk|tabletop)(?= ?[,.!]| ?$| for| in)",
         r"\1clear the table"),
        (("control",), r"\b(turn|twist|rotate|crank|spin) the control\b", r"\1 the knob"),
        (("mind ", "care "), r"^(?:would you |do you |you would not |so )?(?:mind|care for) giving (?=(?:the|that) (?:\w+ )?(?:knob|dial))",
         "could you give "),
        (("except", "apart from", "save for", "other than", "but for"),
         rf"{_PLEASE}(?:leave|keep) (?:everything|all|all of it|the rest|anything)(?: else)?(?: (?:as it is|where it is|alone|there|in place|untouched))? "
         rf"(?:except|apart from|save|save for|other than|but|but for|except for) {_NAMED} ?(?:,|;|\.|:| and|, and|and) ?(?:and )?"
         rf"(\w+) (?:that|that one|it|this|this one|this|the latter)\b", r"\1\3 \2"),
        (("not ",), r"\bthe (small|big|large|little) ((?:\w+ )?\w+) ?, not (?:the )?\1(?: one)? ?, (?:but )?(?:the )?(small|big|large|little) (?:\2|one)\b",
         r"the \3 \2"),
        (("shall we", "should we"), r"^(?:so |well |ok |okay |right |now |,|\s)*(?:shall|should) we (?:then )?(?=(?:put|lift|take|pick|grab|stack|turn|clear|"
         r"clean|tidy|move|place|drop|reach|get|go|bring|try)\b)(?!.*\bor\b)", "could you "),
        (("shall we", "will we"), r" ?,? (?:shall|will) we ?\?", "."),
        (("not ",), r"\b(should|must|shall|may|can) not be (turned|rotated|twisted|cranked|moved|put|placed|taken|approached|gripped|held) "
         r"((?:\w+ ){0,4}?\w+) but (?:rather )?", r"must be \2 not \3 but "),
        (("assign", "dedicate", "allocate", "entrust"), rf"\b(?:assign|dedicate|allocate|devote) (the (?:left|right)(?: hand)? (?:arm|hand|gripper|claw)) to {_NAMED} and "
         r"(?:have|let|make) it (\w+) it(?: up)?", r"with \1 \3 \2"),
        (("switch to", "change to", "swap to", "change over", "switch over"),
         r"\b(?:switch|change|swap)(?: over)? to (?=(?:your|the) (?:left|right)(?: hand)? ?(?:arm|hand|gripper|claw|one)?)", "use "),
        (("dodge", "weave", "snake", "curve", "zigzag", "loop"),
         r"\b(?:dodge|weave|snake|curve|loop|zigzag) (?:sideways )?(?:around |round |past )?(?=the (?:post|pole|pillar))", "go round "),
        (("post sideways", "pole sideways"), r"\b(post|pole) sideways\b", r"\1"),
        (("bird",), r"\bbirds?(?: 's)?[ -]eye (?:approach|view)\b", "approach from above"),
        ((" lift", " raise", " grab"), rf"\b(?:give|do) {_NAMED} (?:a|another|one) (?:\w+ )?(?:lift|raise|grab|hoist|heave)\b", r"lift \1"),
        (("something about", "something with"), r"\b(?:please )?do something (?:about|with|for) (?=the|that)", ""),
        (("time ", "moment "), r"^(?:so |now )?(?:the (?:time|moment) has come|it is (?:high |about |now |the )?time(?: now)?|(?:high |now is the )?time)(?: for you| for us)? to ", ""),
        (("what about", "how about"), rf"^(?:so |and |well )?(?:what|how) about (?:having |getting |seeing )?{_NAMED} (?=(?:in|into|on|onto|inside|on top of) the)", r"put \1 "),
        (("are you able", "in a position", "up to"), r"\b(?:are|would) you (?:be )?(?:able|in a position|willing|free|happy|prepared|ready) to\b", "could you"),
        (("allow ", "permit ", "enable "), rf"\b(?:allow|permit|enable) {_HAND} to\b", r"let \1"),
        (("continue with", "go on with", "proceed with", "carry on with", "start with", "begin with"),
         rf"^(?:now |please |then )?(?:continue|go on|proceed|carry on|start|begin) with (?={_NAMED})", ""),
        (("from the table", "from the desk"), rf"\b(?:separate|part|free|detach|collect|clear) {_NAMED} from the (?:table|desk|tabletop)", r"lift \1"),
        (("through the table", "over the table"), r"\b(?:work|go|make) (?:your way )?(?:through|over) the (?:whole |entire )?table(?= (?:until|till))", "clear the table"),
        (("table is what", "table is all", "desk is what"), r"\ban? (?:tidy|clean|clear|empty|bare|free) (?:table|desk) is (?:what|all|the thing) (?:i|we) (?:want|need|would like|am after|ask for)\b",
         "clear the table"),
        (("turn of", "rotation of", "twist of", "spin of"), r"(?:^|(?<=[.,;:] )|(?<=please ))(?:a |one |the )?(?:(?:quarter|half|full|little|slight|small|single|gentle) )?"
         r"(clockwise|counterclockwise|anticlockwise|counter clockwise|anti clockwise)? ?(?:turn|rotation|twist|spin) of the (?:knob|dial)", lambda found: f"turn the knob {found[1] or ''}"),
        (("it all",), r"\bit all(?= (?:away|up|in|into|off|out of)\b)", "everything"),
        (("to the front of", "to the far side of", "to the left side of", "to the right side of", "to the top of"),
         rf"\b(?:move|go|come|get|proceed|travel|head)(?: round| around| over)? to the (front|far side|left|right|top)(?: hand)?(?: side)? of {_NAMED}(?= ?[.,;!]| ?$)",
         r"approach \2 from the \1"),
        (("left or right", "right or left"), r"\b(?:the )?(?:left or (?:the )?right|right or (?:the )?left)(?: (?:arm|hand|one|bowl))? ?\? ?(?:the |use the |use )?(?:left|right)"
         r"(?: (?:arm|hand|one|bowl))? ?[.,!;]", ""),
        (("other way round", "other way around", "vice versa", "the reverse"),
         rf"\b(put|stack|place|set|pile) {_NAMED} (on|onto|on top of|upon|atop) {_NAMED}[^a-z]*(?:(?:no|sorry|wait|i mean|er|rather|actually|oops|hang on)[ ,.;:!-]*)*"
         r"(?:make that )?(?:the )?(?:other way round|other way around|vice versa|reverse)", r"\1 \4 \3 \2"),
        (("not the",), rf"\bthe ((?:{_COLORS} )?(?:\w+)) ?, not the (?:{_SIZES})(?: one)? ?,? but the ({_SIZES})(?: one)?(?= ?[.,;!]| ?$)", r"the \2 \1"),
        (("not the",), rf"\bthe ({_SHAPES})((?: up)?) ?, (?:but |and )?not the {_COLORS} (?:\1|one) ?,? ?(?:but )?the ({_COLORS}) (?:\1|one)(?= ?[.,;!]| ?$)", r"the \3 \1\2"),
        ((" if ", " to see ", " to have "),
         rf"^[^.;:?!]{{0,40}}\b(?:happy|happier|glad|grateful|delighted|pleased|nice|great|lovely|good|best|perfect|ideal|better|wonderful)(?: of you| for me)? (?:if|to have|to see) "
         rf"{_NAMED} (?:(?:were|was|would be|could be|is|ended up|went|could go|sat|stood|lay|got|landed) )?(?:(?:placed|put|sitting|standing|lying|moved) )?"
         r"(?=(?:in|on|into|onto|inside|atop|on top of) the)", r"put \1 "),
        (("not to drop", "not drop"), rf"\b(?:take care|be careful|try|mind|make sure|careful|and|but)? ?(?:you )?(?:do )?not (?:to )?drop {_NAMED} (?:as|when|while) you (?:are )?(lift|pick|carry|grab|take|raise)\w* "
         r"it(?: up)?", r"\2 \1"),
        (("sit this", "rest", "relax", "break", "stay out", "idle", "nothing"),
         r"\b(?:have|let|make|give) (?:your|the|its) (left|right)(?: hand)? (?:arm|hand|gripper|claw|one) (?:sit this(?: one)? out|rest|relax|take a (?:break|rest)|have a (?:break|rest)"
         r"|a (?:break|rest)|stay out(?: of (?:it|this))?|idle|stay idle|do nothing)(?= ?[.,;:!]| ?$| and\b)", r"do not use the \1 arm"),
        (("both ", "either "), r"^(?:both|either)(?: of)?(?: your| the)? (?:arms?|hands?|grippers?) (?:are|is|would be|will be) (?:free|available|fine|ok|okay|possible|idle|ready|working|allowed)"
         r" ?[,;.]? ?(?:but|so|and|yet)? ?", ""),
        ((":",), r"^((?:please |now )?(?:pick up|pick|lift|grab|grasp|stack|put|place|move|turn|reach|go to|approach|take)) ?: ?", r"\1 "),
        (("hand", "arm", "gripper", "claw", "want", "like"),
         rf"{_PLEASE}(?:i|we) (?:want|need|would like|would love|would prefer|would rather have)(?: to (?:see|have))? {_HAND} (?:to be )?(?={_AT} the)",
         r"\1move \2 "),
        (("hand", "arm", "gripper", "claw"), rf"{_PLEASE}{_HAND} (?:should|must|has to|needs to|ought to|shall|is to) (?:be|wait|stay|hover) (?={_AT} the)",
         r"\1move \2 "),
        (("visit",), rf"\bpay {_NAMED} a (?:\w+ )?visit\b", r"visit \1"),
        (("be ",), rf"{_PLEASE}be (?={_AT} the)", r"\1go "),
        (("indicate",), r"\bindicate (?=the|that)", "point at "),
        (("rid of", "lose ", "rehouse ", "dispense with"), rf"\b(?:get rid of|lose|rehouse|dispense with|be done with) {_NAMED}(?: ?[:,])? "
         rf"(?:in|into|inside|to)? ?(?={_BOWL})", r"put \1 in "),
        (("rather", "prefer"), rf"\b(?:i|we) would (?:rather|prefer)(?: it if| that| to have| have| see| to see)? {_NAMED} (?:were |was |be |to be |is )?"
         r"(?=(?:in|into|on|onto|inside|atop|on top of) the)", r"put \1 "),
        (("to ", "in ", "into "), rf"{_PLEASE}((?:in|into|to|onto|on|on top of) (?:{_BOWL}|{_NAMED})) (?:with|goes|you go with) {_NAMED}(?= ?[.,!;]| ?$)",
         r"\1put \5 \2"),
        (("possible", "have ", "see ", "get "),
         rf"\b(?:is it possible|would it be (?:\w+ )?possible|could (?:i|we)|can (?:i|we)|may (?:i|we)|might (?:i|we))(?: please)?(?: to)? (?:have|see|get) {_NAMED} "
         r"(?=(?:in|into|on|onto|inside|on top of) the)", r"put \1 "),
        (("bowl wants", "bowl needs", "bowl could do", "bowl is for", "bowl craves", "bowl is waiting for", "bowl awaits"),
         rf"{_BOWL} (?:wants|needs|could do with|could use|is for|craves|is waiting for|awaits|deserves) {_NAMED}", r"put \2 in \1"),
        (("add ",), rf"\badd {_NAMED} (?:to|on|onto) (?:the )?top of (?={_NAMED})", r"put \1 on "),
        (("cover ", "top off "), rf"\b(?:cover|top off) {_NAMED} with {_NAMED}", r"put \2 on \1"),
        (("top", "above", "upper"), rf"\b{_UNDER} ?: ?((?:the )?(?:\w+ ){{0,2}}\w+) ?[,.;]? ?(?:and )?{_TOP} ?: ?((?:the )?(?:\w+ ){{0,2}}\w+)", r"put \2 on \1"),
        (("top", "above", "upper"), rf"\b{_TOP} ?: ?((?:the )?(?:\w+ ){{0,2}}\w+) ?[,.;]? ?(?:and )?{_UNDER} ?: ?((?:the )?(?:\w+ ){{0,2}}\w+)", r"put \1 on \2"),
        (("below", "underneath", "bottom", "beneath"),
         rf"{_NAMED} (?:goes |is |comes |should be |)?{_TOP}(?: of it)? ?(?:,|;|and|, and) ?{_NAMED} (?:goes |is |comes |should be |)?{_UNDER}"
         r"(?: it)?(?: ?[:,;.] ?(?:please )?stack them(?: like that| that way)?)?", r"put \1 on \2"),
        (("tower", "stack", "pile"), rf"\b(?:build|make|form|create)(?: me)? a (?:\w+ )?(?:tower|stack|pile) (?:with|of|out of|from|by putting) {_NAMED} "
         rf"(?:{_UNDER}) and {_NAMED} (?:{_TOP})(?: of it)?", r"put \2 on \1"),
        (("tower", "stack", "pile"), rf"\b(?:build|make|form|create)(?: me)? a (?:\w+ )?(?:tower|stack|pile) (?:with|of|out of|from|by putting) {_NAMED} (?=on|onto|atop)",
         r"put \1 "),
        (("so that it", "so it", "such that it"), rf"\b(put|place|set|stand|lay|position|leave) {_NAMED} (?:so|such)(?: that)? it (?:\w+ly )?(?:stands|sits|rests|lies|ends up|is|balances"
         r"|lands)(?: lying| standing| sitting)? (?=(?:in|on|onto|inside|atop|upon|on top of) the)", r"\1 \2 "),
        (("make sure", "ensure", "see to it", "see that", "take care"),
         rf"\b(?:make sure|ensure|see to it|take care|see)(?: that)? {_NAMED} (?:\w+ly )?\w+s(?: up| its way| home)? (?=(?:in|into|on|onto|inside|to|on top of) the)", r"put \1 "),
    )
]  # fmt: skip
