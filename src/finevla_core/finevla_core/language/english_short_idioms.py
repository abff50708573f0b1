"""English idioms of a short order for one thing, with their plain wording: "mind giving the knob a turn?" is to turn it."""

from finevla_core.language.english_idioms import compiled
from finevla_core.language.pattern_tables import Wording

ONE_DEED: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            ("job", "work", "done"),
            r"^(?:very )?(?:good|nice|great|well|excellent|lovely) (?:job|work|done)(?: there| with "
            r"that)? ?[.!,;] ?(?=\w)",
            "",
        ),
        (("let us not",), r"^let us not \w+(?: about| around)? ?[:,;.] ?", ""),
        (
            ("it up", "pick it", "lift it", "grab it", "take it"),
            r"^(pick|lift|grab|take) it(?: up)? ?[.,:;-]+ ?(?:i mean )?NAMED(?: ,? ?(?:i mean|that is))?(?= ?[.!]?$)",
            r"\1 \2",
        ),
        (
            ("goal", "state", "result", "outcome", "target"),
            r"^(?:the )?(?:goal|goal state|end state|target state|final state|desired state|result|outcome|desired "
            r"outcome) ?(?::|=|is that|is) ?NAMED (?:sits|lies|is|stands|rests|ends up|is placed|is lying|is "
            r"standing|is sitting) (?=in|on|inside|atop)",
            r"put \1 ",
        ),
        (("yourself to",), r"\bhelp yourself to (?=the|that|a)", "take "),
        (
            ("peel", "lever", "pry", "unstick", "detach", "dislodge", "scrape", "ease", "coax"),
            r"\b(?:peel|lever|pry|unstick|detach|dislodge|scrape|ease|coax) THING (?:up |clear )?(?:off|from|of|up from|away "
            r"from) (?:the )?(?:table|tabletop|surface|desk)\b",
            r"lift \1",
        ),
        (
            ("fill", "feed", "load", "stock", "supply", "furnish"),
            r"\b(?:fill|feed|load|stock|supply|furnish)(?: up)? BOWL (?:with )?NAMED",
            r"put \2 into \1",
        ),
        (
            ("off with", "away with", "along with"),
            r"PLEASE(?:off|away|along|down|in|into) with NAMED (?=(?:to|into|in|and into|onto|on)\b)",
            r"\1put \2 ",
        ),
        (
            ("return", "install", "house", "ditch", "shelve", "bank", "land", "home"),
            r"\b(?:return|install|house|ditch|land|home|bank) NAMED (?:back )?(?=(?:in|into|to|inside) BOWL)",
            r"put \1 ",
        ),
        (("live",), r"NAMED lives (?=(?:in|inside|on) )", r"\1 belongs "),
        (
            ("home for ", "place for ", "spot for "),
            r"\b(?:the |a |my )?(?:\w+ )?(?:home|place|spot|destination) (?:for|of) NAMED (?:is|would be) (?:in |"
            r"inside )?(?=the)",
            r"put \1 into ",
        ),
        (("across",), r"\b(lay|put|place|set|rest|balance) NAMED across (?=NAMED)", r"\1 \2 onto "),
        (
            ("should", "must", "has to", "needs to", "ought to", "shall", "is to"),
            r"PLEASENAMED (?:should|must|has to|needs to|ought to|shall|is to|is supposed to) (?:be |end up |come to "
            r"be |finally be )(?:sitting|lying|standing|resting|placed|perched|found|balanced|seated) (?=(?:in|on|"
            r"onto|inside|atop|upon|on top of) )",
            r"\1put \2 ",
        ),
        (("bare", "strip"), r"\bstrip (?=(?:the|this|that) (?:table|desk|tabletop))", "clear "),
        (
            ("bare", "empty", "clear", "clean", "tidy"),
            r"PLEASE(?:a )?(?:bare|empty|clear|clean|tidy|spotless) (?:table|desk|tabletop)(?= ?[,.!]| ?$| for| in)",
            r"\1clear the table",
        ),
        (
            ("control",),
            r"\b(turn|twist|rotate|crank|spin) the control\b(?! (?:dial|knob|wheel|switch|button))",
            r"\1 the knob",
        ),
        (
            ("mind ", "care "),
            r"^(?:would you |do you |you would not |so )?(?:mind|care for) giving (?=(?:the|that) (?:\w+ )?(?:knob|"
            r"dial))",
            "could you give ",
        ),
        (
            ("except", "apart from", "save for", "other than", "but for"),
            r"PLEASE(?:leave|keep) (?:everything|all|all of it|the rest|anything)(?: else)?(?: (?:as it is|where it "
            r"is|alone|there|in place|untouched))? (?:except|apart from|save|save for|other than|but|but for|except "
            r"for) NAMED ?(?:,|;|\.|:| and|, and|and) ?(?:and )?(\w+) (?:that|that one|it|this|this one|this|the "
            r"latter)\b",
            r"\1\3 \2",
        ),
        (
            ("not ",),
            r"\bthe (small|big|large|little) ((?:\w+ )?\w+) ?, not (?:the )?\1(?: one)? ?, (?:but )?(?:the )?(small|"
            r"big|large|little) (?:\2|one)\b",
            r"the \3 \2",
        ),
        (
            ("shall we", "should we"),
            r"^(?:so |well |ok |okay |right |now |,|\s)*(?:shall|should) we (?:then )?(?=(?:put|lift|take|pick|grab|"
            r"stack|turn|clear|clean|tidy|move|place|drop|reach|get|go|bring|try)\b)(?!.*\bor\b)",
            "could you ",
        ),
        (("shall we", "will we"), r" ?,? (?:shall|will) we ?\?", "."),
        (
            ("not ",),
            r"\b(should|must|shall|may|can) not be (turned|rotated|twisted|cranked|moved|put|placed|taken|approached|"
            r"gripped|held) ((?:\w+ ){0,4}?\w+) but (?:rather )?",
            r"must be \2 not \3 but ",
        ),
        (
            ("assign", "dedicate", "allocate", "entrust"),
            r"\b(?:assign|dedicate|allocate|devote) (the (?:left|right)(?: hand)? (?:arm|hand|gripper|claw)) to "
            r"NAMED and (?:have|let|make) it (\w+) it(?: up)?",
            r"with \1 \3 \2",
        ),
        (
            ("switch to", "change to", "swap to", "change over", "switch over"),
            r"\b(?:switch|change|swap)(?: over)? to (?=(?:your|the) (?:left|right)(?: hand)? ?(?:arm|hand|gripper|"
            r"claw|one)?)",
            "use ",
        ),
        (
            ("dodge", "weave", "snake", "curve", "zigzag", "loop"),
            r"\b(?:dodge|weave|snake|curve|loop|zigzag) (?:sideways )?(?:around |round |past )?(?=the (?:post|pole|"
            r"pillar))",
            "go round ",
        ),
        (("post sideways", "pole sideways"), r"\b(post|pole) sideways\b", r"\1"),
        (("bird",), r"\bbirds?(?: 's)?[ -]eye (?:approach|view)\b", "approach from above"),
        (
            (" lift", " raise", " grab"),
            r"\b(?:give|do) NAMED (?:a|another|one) (?:\w+ )?(?:lift|raise|grab|hoist|heave)\b",
            r"lift \1",
        ),
        (("something about", "something with"), r"\b(?:please )?do something (?:about|with|for) (?=the|that)", ""),
        (
            ("time ", "moment "),
            r"^(?:so |now )?(?:the (?:time|moment) has come|it is (?:high |about |now |the )?time(?: now)?|(?:high |"
            r"now is the )?time)(?: for you| for us)? to ",
            "",
        ),
        (
            ("what about", "how about"),
            r"^(?:so |and |well )?(?:what|how) about (?:having |getting |seeing )?NAMED (?=(?:in|into|on|onto|inside|"
            r"on top of) the)",
            r"put \1 ",
        ),
        (("allow ", "permit ", "enable "), r"\b(?:allow|permit|enable) HAND to\b", r"let \1"),
        (
            ("continue with", "go on with", "proceed with", "carry on with", "start with", "begin with"),
            r"^(?:now |please |then )?(?:continue|go on|proceed|carry on|start|begin) with (?=NAMED)",
            "",
        ),
        (
            ("from the table", "from the desk"),
            r"\b(?:separate|part|free|detach|collect|clear) NAMED from the (?:table|desk|tabletop)",
            r"lift \1",
        ),
        (
            ("through the table", "over the table"),
            r"\b(?:work|go|make) (?:your way )?(?:through|over) the (?:whole |entire )?table(?= (?:until|till))",
            "clear the table",
        ),
        (
            ("table is what", "table is all", "desk is what"),
            r"\ban? (?:tidy|clean|clear|empty|bare|free) (?:table|desk) is (?:what|all|the thing) (?:i|we) (?:want|"
            r"need|would like|am after|ask for)\b",
            "clear the table",
        ),
        (
            ("turn of", "rotation of", "twist of", "spin of"),
            r"(?:^|(?<=[.,;:] )|(?<=please ))(?:a |one |the )?(?:(?:quarter|half|full|little|slight|small|single|"
            r"gentle) )?(clockwise|counterclockwise|anticlockwise|counter clockwise|anti clockwise)? ?(?:turn|"
            r"rotation|twist|spin) of the (?:knob|dial)",
            lambda found: f"turn the knob {found[1] or ''}",
        ),
        (
            ("will not do", "would not do", "is wrong", "is not right"),
            r"\b((?:counter ?|anti ?)?clockwise|over the post|round the post|from above|from the (?:left|right)) "
            r"(?:will not do|would not do|is wrong|is not right)\b",
            r"not \1",
        ),
        (
            ("it is not",),
            r"\bit is not (?:NAMED) (?:that |which )?you (?:should|must|are to|have to) (put|stack|place|set) NAMED on ?,? "
            r"(?:but|it is|it should be)(?: on)? ",
            r"not on \1 , \2 \3 on ",
        ),
        (
            (" one, ", " one , "),
            r"\bthe (COLORS|SIZES) one ?, (?:i mean|that is|namely|i am talking about) the (SHAPES)\b",
            r"the \1 \2",
        ),
        (("it all",), r"\bit all(?= (?:away|up|in|into|off|out of)\b)", "everything"),
        (
            ("to the front of", "to the far side of", "to the left side of", "to the right side of", "to the top of"),
            r"\b(?:move|go|come|get|proceed|travel|head)(?: round| around| over)? to the (front|far side|left|right|"
            r"top)(?: hand)?(?: side)? of NAMED(?= ?[.,;!]| ?$)",
            r"approach \2 from the \1",
        ),
        (
            ("left or right", "right or left"),
            r"\b(?:the )?(?:left or (?:the )?right|right or (?:the )?left)(?: (?:arm|hand|one|bowl))? ?\? ?(?:the |"
            r"use the |use )?(?:left|right)(?: (?:arm|hand|one|bowl))? ?[.,!;]",
            "",
        ),
        (
            ("other way round", "other way around", "vice versa", "the reverse"),
            r"\b(put|stack|place|set|pile) NAMED (on|onto|on top of|upon|atop) NAMED[^a-z]*(?:(?:no|sorry|wait|i "
            r"mean|er|rather|actually|oops|hang on)[ ,.;:!-]*)*(?:make that )?(?:the )?(?:other way round|other way "
            r"around|vice versa|reverse)",
            r"\1 \4 \3 \2",
        ),
        (
            ("not the",),
            r"\bthe ((?:COLORS )?(?:\w+)) ?, not the (?:SIZES)(?: one)? ?,? but the (SIZES)(?: one)?(?= ?[.,;!]| ?$)",
            r"the \2 \1",
        ),
        (
            ("not the",),
            r"\bthe (SHAPES)((?: up)?) ?, (?:but |and )?not the COLORS (?:\1|one) ?,? ?(?:but )?the (COLORS) (?:\1|"
            r"one)(?= ?[.,;!]| ?$)",
            r"the \3 \1\2",
        ),
        (
            (" if ", " to see ", " to have "),
            r"^[^.;:?!]{0,40}\b(?:happy|happier|glad|grateful|delighted|pleased|nice|great|lovely|good|best|perfect|"
            r"ideal|better|wonderful)(?: of you| for me)? (?:if|to have|to see) NAMED (?:(?:were|was|would be|could "
            r"be|is|ended up|went|could go|sat|stood|lay|got|landed) )?(?:(?:placed|put|sitting|standing|lying|"
            r"moved) )?(?=(?:in|on|into|onto|inside|atop|on top of) the)",
            r"put \1 ",
        ),
        (
            ("not to drop", "not drop"),
            r"\b(?:take care|be careful|try|mind|make sure|careful|and|but)? ?(?:you )?(?:do )?not (?:to )?drop "
            r"NAMED (?:as|when|while) you (?:are )?(lift|pick|carry|grab|take|raise)\w* it(?: up)?",
            r"\2 \1",
        ),
        (
            ("sit this", "rest", "relax", "break", "stay out", "idle", "nothing"),
            r"\b(?:have|let|make|give) (?:your|the|its) (left|right)(?: hand)? (?:arm|hand|gripper|claw|one) (?:sit "
            r"this(?: one)? out|rest|relax|take a (?:break|rest)|have a (?:break|rest)|a (?:break|rest)|stay out(?: "
            r"of (?:it|this))?|idle|stay idle|do nothing)(?= ?[.,;:!]| ?$| and\b)",
            r"do not use the \1 arm",
        ),
        (
            ("both ", "either "),
            r"^(?:both|either)(?: of)?(?: your| the)? (?:arms?|hands?|grippers?) (?:are|is|would be|will be) (?:free|"
            r"available|fine|ok|okay|possible|idle|ready|working|allowed) ?[,;.]? ?(?:but|so|and|yet)? ?",
            "",
        ),
        (
            (":",),
            r"^((?:please |now )?(?:pick up|pick|lift|grab|grasp|stack|put|place|move|turn|reach|go to|approach|"
            r"take)) ?: ?",
            r"\1 ",
        ),
        (
            ("hand", "arm", "gripper", "claw", "want", "like"),
            r"PLEASE(?:i|we) (?:want|need|would like|would love|would prefer|would rather have)(?: to (?:see|have))? "
            r"HAND (?:to be )?(?=AT the)",
            r"\1move \2 ",
        ),
        (
            ("hand", "arm", "gripper", "claw"),
            r"PLEASEHAND (?:should|must|has to|needs to|ought to|shall|is to) (?:be|wait|stay|hover) (?=AT the)",
            r"\1move \2 ",
        ),
        (("visit",), r"\bpay NAMED a (?:\w+ )?visit\b", r"visit \1"),
        (("be ",), r"PLEASEbe (?=AT the)", r"\1go "),
        (("indicate",), r"\bindicate (?=the|that)", "point at "),
        (
            ("rid of", "lose ", "rehouse ", "dispense with"),
            r"\b(?:get rid of|lose|rehouse|dispense with|be done with) NAMED(?: ?[:,])? (?:in|into|inside|"
            r"to)? ?(?=BOWL)",
            r"put \1 in ",
        ),
        (
            ("rather", "prefer"),
            r"\b(?:i|we) would (?:rather|prefer)(?: it if| that| to have| have| see| to see)? NAMED (?:were |was |be "
            r"|to be |is )?(?=(?:in|into|on|onto|inside|atop|on top of) the)",
            r"put \1 ",
        ),
        (
            ("to ", "in ", "into "),
            r"PLEASE((?:in|into|to|onto|on|on top of) (?:BOWL|NAMED)) (?:with|goes|you go with) NAMED(?= ?[.,!;]| ?$)",
            r"\1put \5 \2",
        ),
        (
            ("possible", "have ", "see ", "get "),
            r"\b(?:is it possible|would it be (?:\w+ )?possible|could (?:i|we)|can (?:i|we)|may (?:i|we)|might (?:i|"
            r"we))(?: please)?(?: to)? (?:have|see|get) NAMED (?=(?:in|into|on|onto|inside|on top of) the)",
            r"put \1 ",
        ),
        (
            (
                "bowl wants",
                "bowl needs",
                "bowl could do",
                "bowl is for",
                "bowl craves",
                "bowl is waiting for",
                "bowl awaits",
            ),
            r"BOWL (?:wants|needs|could do with|could use|is for|craves|is waiting for|awaits|deserves) NAMED",
            r"put \2 in \1",
        ),
        (("add ",), r"\badd NAMED (?:to|on|onto) (?:the )?top of (?=NAMED)", r"put \1 on "),
        (("cover ", "top off "), r"\b(?:cover|top off) NAMED with NAMED", r"put \2 on \1"),
        (
            ("top", "above", "upper"),
            r"\bUNDER ?: ?((?:the )?(?:\w+ ){0,2}\w+) ?[,.;]? ?(?:and )?TOP ?: ?((?:the )?(?:\w+ ){0,2}\w+)",
            r"put \2 on \1",
        ),
        (
            ("top", "above", "upper"),
            r"\bTOP ?: ?((?:the )?(?:\w+ ){0,2}\w+) ?[,.;]? ?(?:and )?UNDER ?: ?((?:the )?(?:\w+ ){0,2}\w+)",
            r"put \1 on \2",
        ),
        (
            ("below", "underneath", "bottom", "beneath"),
            r"NAMED (?:goes |is |comes |should be |)?TOP(?: of it)? ?(?:,|;|and|, and) ?NAMED (?:goes |is |comes |"
            r"should be |)?UNDER(?: it)?(?: ?[:,;.] ?(?:please )?stack them(?: like that| that way)?)?",
            r"put \1 on \2",
        ),
        (
            ("tower", "stack", "pile"),
            r"\b(?:build|make|form|create)(?: me)? a (?:\w+ )?(?:tower|stack|pile) (?:with|of|out of|from|by "
            r"putting) NAMED (?:UNDER) and NAMED (?:TOP)(?: of it)?",
            r"put \2 on \1",
        ),
        (
            ("tower", "stack", "pile"),
            r"\b(?:build|make|form|create)(?: me)? a (?:\w+ )?(?:tower|stack|pile) (?:with|of|out of|from|by "
            r"putting) NAMED (?=on|onto|atop)",
            r"put \1 ",
        ),
        (
            ("so that it", "so it", "such that it"),
            r"\b(put|place|set|stand|lay|position|leave) NAMED (?:so|such)(?: that)? it (?:\w+ly )?(?:stands|sits|"
            r"rests|lies|ends up|is|balances|lands)(?: lying| standing| sitting)? (?=(?:in|on|onto|inside|atop|upon|"
            r"on top of) the)",
            r"\1 \2 ",
        ),
        (
            ("make sure", "ensure", "see to it", "see that", "take care"),
            r"\b(?:make sure|ensure|see to it|take care|see)(?: that)? NAMED (?:\w+ly )?\w+s(?: up| its way| home)? "
            r"(?=(?:in|into|on|onto|inside|to|on top of) the)",
            r"put \1 ",
        ),
    )
]
