"""English verbs, prepositions and small words, and the great many words that may stand in a sentence without harm."""

VERBS: dict[str, str] = {
    "pick": "pick grab grasp grip take get seize snatch fetch clutch clasp catch pinch clamp clench nab pluck capture "
    "retrieve scoop lift raise hoist elevate heave hold grapple snag collect gather obtain secure hook acquire claim nip "
    "enclose encircle embrace uplift grapple",
    "reach": "reach go move approach hover travel point visit come near position advance proceed steer guide "
    "glide swing fly extend stretch arrive send navigate line align aim direct slide float sail draw creep ease "
    "drift locate sneak dock stop halt unfold park hop leap vault jump station",
    "put": "put place drop set lay deposit carry transfer shift transport deliver dump pop stick release stow slip load "
    "insert store relocate reposition convey bear whisk rehome bring lower plop plonk plunk ferry haul lug cart shove tuck park file bung stash toss-in "
    "discharge dispose unload",
    "throw": "throw toss chuck fling lob sling hurl pitch cast",
    "stack": "stack pile balance rest mount perch superimpose seat heap plant settle shelve",
    "turn": "turn rotate twist twiddle tweak spin swivel crank revolve wind roll twirl whirl screw dial pivot",
    "clean": "clean clear tidy sweep declutter empty vacate neaten straighten",
    "rise": "rise ascend climb",
    "squeeze": "squeeze press touch contact push compress",
    "close": "close shut tighten meet bite",
    "open": "open unclench spread part",
    "descend": "sink descend plunge dive swoop dip",
    "be": "be have",
    "wait": "wait linger loiter pause stay remain poise dwell tarry",
    "state": "stand sit lie belong end live finish keep let make start begin become seem appear need",
    "happen": "fall happen occur look fail count prove cost matter belong-to wobble",
    "use": "use employ utilise utilize operate rely work involve apply deploy engage choose select",
    "want": "want wish prefer need require",
    "see": "see find watch check note notice spot consider",
    "withdraw": "withdraw retreat retract leave return back",
}
IRREGULAR = {
    "take": "took taken", "get": "got gotten", "catch": "caught", "hold": "held", "go": "went gone goes", "come": "came",
    "fly": "flew flown flies", "swing": "swung", "put": "put putting", "set": "set setting", "lay": "laid",
    "drop": "dropped dropping", "pop": "popped popping", "stick": "stuck", "bring": "brought", "bear": "bore borne", "leave": "left",
    "throw": "threw thrown", "fling": "flung flinging", "sling": "slung", "rest": "rested", "spin": "spun spinning", "wind": "wound",
    "sweep": "swept", "tidy": "tidies tidied", "shut": "shut shutting", "keep": "kept", "let": "let letting", "lie": "lay lain lying",
    "stand": "stood", "sit": "sat sitting", "make": "made", "have": "has had having", "begin": "began begun beginning",
    "rise": "rose risen", "be": "is are was were been being am 's 're", "find": "found", "fall": "fell fallen", "slip": "slipped slipping", "hop": "hopped hopping", "see": "saw seen", "meet": "met", "slide": "slid",
    "send": "sent", "grip": "gripped gripping", "grab": "grabbed grabbing", "snag": "snagged snagging", "stop": "stopped stopping",
    "carry": "carries carried", "lob": "lobbed lobbing", "become": "became", "bite": "bit bitten", "spread": "spread",
    "steer": "steered", "nab": "nabbed nabbing", "draw": "drew drawn", "hit": "hit hitting", "sink": "sank sunk", "dive": "dove",
    "nip": "nipped nipping", "lug": "lugged lugging", "clap": "clapped clapping", "empty": "empties emptied", "ferry": "ferries ferried",
    "convey": "conveyed", "rely": "relies relied", "apply": "applies applied", "plop": "plopped plopping", "dip": "dipped dipping",
    "wrap": "wrapped wrapping", "swivel": "swivelled swivelling", "transfer": "transferred transferring", "cast": "cast",
    "snap": "snapped snapping", "whip": "whipped whipping", "bag": "bagged bagging", "build": "built", "choose": "chose chosen",
}  # fmt: skip
# Actions that are known by name, so that the refusal can say what it is that the robot does not do.
CANNOT = (
    "push pull kick shake paint weigh juggle bounce measure break wrap crush smash stab punch ram hit cut chop wash wipe "
    "pour fill draw write knock tip flip roll squash flatten bend tear rip burn cook boil fry peel stir mix melt bake grill "
    "sew iron vacuum polish sort unpack hang feed drive walk run follow cross patrol dance sing drill hammer saw "
    "slice grate drain brew knead heat toast season hand unlock disable override sudo ignore pretend imagine "
    "punch slap lick eat drink blow swap exchange hide bury "
    "dismantle disassemble assemble build glue tape tie untie fold unfold-out unscrew open-up kill attack destroy hurt stroke "
    "pat tap poke prod nudge tilt topple overturn upend strike bump catapult launch shoot drag rub scrub dust rinse soak dip-in "
    "varnish decorate smell taste"
)
PREPS: dict[str, str] = {
    "in": "in into inside within down into down in back into back in over into",
    "on": "on onto upon atop",
    "over": "over above across",
    "round": "round around past alongside",
    "under": "under underneath beneath below",
    "near": "near beside by between among behind beyond against alongside amid opposite",
    "from": "from off",
    "to": "to toward towards for at until after before",
    "with": "with using via employing",
    "of": "of about as like than",
    "through": "through along during per",
}
PREP_PHRASES: dict[str, str] = {
    "in": "down into, over into, back into, down in, down inside, inside of, back in",
    "on": "on to, on top of, on the top of, on top, down on, down on top of, down onto, down upon, onto the top of, over onto, on the upper face of, "
    "on the upper side of, to the top of, onto top of, up onto, up on",
    "over": "up and over, right over, high over, passing over, across the top of, over the top of, high above, well above, "
    "higher than, up over, just above, just over, right above, directly over, directly above, exactly over, exactly above, "
    "above the top of, over the tip of, above the tip of, straight over, clear over, over and above, straight above, centred over, centered over",
    "round": "all around, passing around, in a curve around, in an arc round, in an arc around, past the far side of, by the side of, "
    "wide of, in a curve round, all round, on the outside of, to the side of, in a wide curve around, in a bow around, "
    "round the side of, around the side of, in a detour around, at the side of, clear around, by way of",
    "near": "next to, close to, close by, near to, in front of, to the left of, to the right of, left of, right of, in between, closest to, nearest to, nearest, closest, farthest from, furthest from, right by, right beside, near by, next door to, hard by, "
    "on the left of, on the right of, at the left of, at the right of, adjacent to, not far from, in the vicinity of, "
    "in the neighbourhood of, at the foot of, side by side with, to the side of, a little behind, a bit behind, in back of, "
    "on the far side of, on the near side of, away from, out of, ahead of, in line with, far from, as far as, on the left side of, "
    "on the right side of, in the middle of, on the other side of",
    "with": "with the help of, by means of, by using, making use of, with the aid of, by way of using",
    "instead": "instead of, rather than, in place of, as opposed to, in lieu of, and not, but not, other than, apart from, except for, "
    "except, besides, excluding, save for, as well as not",
    "to": "up to, over to, out to, as far as, close up to, towards, over towards, along to, back to, out towards, down to, across to, down towards",
    "cause": "because of, owing to, due to, for the sake of, on account of, thanks to",
}
NEGATIONS = "not never no without nor neither none nobody cannot nowhere nothing hardly"
NEG_VERBS = (
    "avoid, avoids, avoiding, refrain from, leave alone, steer clear of, keep clear of, keep off, stay off, stay away from, "
    "keeping clear of, stay clear of, ignore, disregard, skip, spare, forget about, never mind, forget, careful with, watch out for, "
    "beware of, steering clear of, careful not to, by no means, in no case, under no circumstances, "
    "on no account, at no time, at no point, no need to, ignoring, leaving out, careful of, wary of, no longer"
)
CORRECTIONS = (
    "sorry, scratch that, strike that, correction, i mean, i meant, make that, no wait, wait no, hold on, hang on, oops, "
    "my mistake, my bad, no sorry, sorry no, or rather, no no, i mean to say, that is wrong, pardon, let me correct that, "
    "let me correct myself, excuse me no, on second thought, on second thoughts, change of plan, forget that, cancel that, "
    "apologies, well no, ah no, oh no, er no, um no, uh no, hmm no, no actually, actually no, no i mean, "
    "no make that, no rather, i should say, wrong, whoops, no better, better still, no hang on, no hold on, belay that, delete that, "
    "i take that back, i misspoke, ignore that, disregard that, not that, beg your pardon, no make it, make it, sorry i meant, no not that, never mind that, "
    "that was wrong, hm no, nope, nah, no scratch that, no i meant, i said that wrong, er, i correct myself, wait, i changed my mind, came out wrong, "
    "let me rephrase, rather make it, ehm no, err, erm no, that should be, should be, mistake, no that is, no thats wrong, misspoke, i tell a lie, did i say, silly me, what am i saying, come to think of it, wait a tick, wait a moment, wait a second, wait a minute, wait a sec, "
    "hang on a sec, hang on a second, hang on a tick, hold on a second, hold on a sec, hold it, oh blast, blast, damn, dammit, bother, oh dear, no not, my apologies, my error, no sorry i mean, "
    "sorry i mean, i beg your pardon, let us say, no let us say, er no make that, on reflection, better make that, better make it, no better, cancel, strike, scrap that, drat, oh wait, wait up, "
    "uh no sorry, er sorry, or no, oh sorry, or better, no the other, did i say that, i mean no, ach, argh, d'oh, ugh, nay"
)
SIDE_STARTS = (
    "because, since, so that, in order to, in order that, so as to, if, when, whenever, until, till, unless, although, though, "
    "even though, even if, in case, provided, as long as, as soon as, once, whereas, otherwise, which, who, whose, whom, where, "
    "such that, as if, as though, for which, in which, why, how, whether, wherever, otherwise it, lest, given that, seeing that, now that, "
    "considering, supposing, hence, therefore, thus, especially as, as otherwise, or else, else, only because, just because, whatever, whichever, whoever, "
    "while it, while i, while we, just in case, by the time, as soon, the moment, in that case, assuming, just so"
)
ORDINARY = """
top what when where who why how which whose whether stationary motionless motion travelled travel automatically repair repaired stationary enter
freeze freezes freezing frozen better best worse excuse pardon grateful delighted pleased thankful obliged favour kindness cmd command instr param params arg args src tgt
flank flanks wall walls loud quiet asleep sleeping tired busy late early hungry cold warm hot bright dark noisy noise music baby daughter son wife husband mother father kid kids child children boss
dinner lunch breakfast supper tea coffee tomorrow guests visitors party cleaner room space kitchen office lab laboratory class lesson test tests demo demonstration experiment trial training data recording video
example examples instance case sake fun pleasure chance luck problem problems trouble issue issues question questions answer answers idea ideas plan plans rule rules
wrong right true false different difference similar matter matters interest interests belong important urgent urgently
heavy fragile slippery delicate valuable precious expensive cheap old brittle sticky wobbly shaky unstable stable tall
collision collisions contact contacts obstacle obstacles neighbour neighbours neighbor neighbors neighbouring neighbourhood vicinity background foreground
hurt hurts harm danger dangerous risk risky sure afraid worried careless clumsy
full empty spare enough extra whole
tells remark remarks note notes hint hints tip info information detail details description
unfold unfolds decelerate decelerates accelerate accelerates climb climbs climbing ascend ascends ascending hang hangs hanging scene

a an the this that these those some any each every either both all half whole entire same own such another other others more most less least much
many few several enough only just even also too very quite rather almost nearly about approximately roughly around some so as than then thus
i me we us you he she him her they them my our your his their its it itself yourself himself mine yours someone somebody anybody everybody everyone
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty
seventy eighty ninety hundred thousand half third quarter quarters thirds dozen couple first second seconds secondly next last lastly final finally fourth
once twice pair zero single double
please kindly thanks thank ok okay yes yeah yep hey hi hello yo oh ah um uh hmm er well now here there today tonight tomorrow yesterday again later soon
robot buddy mate friend pal dear sir man boy guys folks machine favour favor gonna wanna
will would shall should can could may might must ought do does did done doing to and or but for if when while with without not no nor
has have had having is are was were be been being am
slowly gently carefully quickly softly firmly lightly smoothly steadily quietly precisely exactly directly straight gradually calmly cautiously
slow gentle careful quick soft firm light smooth steady quiet precise exact direct gradual calm cautious fast faster slower fastest speed speeds speedily rapid rapidly
brisk briskly hasty hastily hurry rush haste swift swiftly nicely nice good great fine perfect perfectly properly proper correct correctly right rightly accurate accurately
tight tightly loosely loose strongly strong weak weakly hard harder hardly easily easy simply simple evenly even uniform uniformly constant constantly
moderate moderately medium modest maximum minimum max min full fully completely complete completely totally entirely partly partially
delicate delicately tender tenderly neat neatly clean cleanly safe safely safety securely secure stable stably straightforward thoroughly
immediately instantly promptly eventually afterwards afterward meanwhile simultaneously before after during until till since already yet still ever always often sometimes
forever while time times moment moments minute minutes hour hours pause pauses pausing delay second day night morning afternoon evening week later
possible possibly perhaps maybe probably certainly surely definitely necessary necessarily needed required
up down upwards downwards upward downward upright vertical vertically horizontal horizontally forward forwards backward backwards back away apart together
inwards outwards inward outward high higher highest low lower lowest deep deeper near nearer nearest nearby far farther further furthest farthest close closer closest
along across through off out aside ahead beside between beyond nearby inside outside above below
middle centre center central centred centered edge edges corner corners rim side sides face faces surface surfaces end ends half halves part area region
upper underside bottom base equator mid height heights width breadth depth length distance gap margin clearance size sizes weight load
position positions pose poses place places spot spots location orientation angle angles axis level point points line lines row direction directions way ways route course path
centimetre centimetres centimeter centimeters cm mm millimetre millimetres millimeter millimeters decimetre metre metres meter meters inch inches degree degrees newton newtons percent
motion motions movement movements step steps stage stages phase job jobs task tasks action actions move goal aim purpose exercise work operation mission procedure manoeuvre maneuver sequence
wrist elbow shoulder joint joints motor motors forearm sensor sensors palm
grip grasp hold contact force pressure torque power energy
left right leftwards rightwards sideways handed hand side
thin slim slender tall long short flat round narrow wide wider widely broad thick heavy heavier heaviest light lighter empty full open closed opened
coloured colored colour color shape shaped
everything anything something nothing whatever thing things object objects item items
because reason reasons case need needs want wants like likes wish hope mean means meaning kind sort type way
know knows think thinks believe guess suppose say says said tell tells told ask asks asked call called talk see sees seen look looks looking watch
wonder wondering mind possible able ready prepared prepare sure glad happy appreciate
that's let's lets let go goes going gone get gets getting got come comes coming came make makes making made give gives giving gave given
try tries trying tried start starts starting started begin begins beginning stop stops stopping stopped finish finishes finished continue keep keeps keeping kept
wait waits waiting stay stays staying remain remains remaining stand stands standing sit sits sitting lie lies lying rest rests resting put
show shows showing help helps helping happen happens happening turns take takes taking using used use uses
attempt attempts repeat repeats repeated repeatedly attention care watch touch touches touching touched hit hits hitting bump bumps bumping brush brushing collide colliding
disturb disturbing knock knocking topple toppling tip tipping push pushing pushed pull pulling drag dragging drop dropping slip slips slipping slide sliding roll rolls rolling rolled tilt tilting tilts
shake shaking wobble wobbling crush crushing squeeze squeezing squash damage damaging break breaking scratch spill spilling dent
fall falls falling fell fallen stand topples
ta cheers pretty pls plz please thx thanx tks ya yer ye real u ur n w bc cuz smth sth lol haha ha heh bestie love darling dear dearest sweetie honey poppet squire lad lass governor
guv chum comrade mister madam machine device unit companion helper assistant butler sport angel legend champ champion boss chief captain
terribly awfully thoroughly heaps tons loads lots bunch whisker hair fraction smidgen hairs fuss ado needful contents pray prithee beseech forgive appreciated appreciate
reckon suppose assume imagine expect remember recall forgot forget thought thinking believe wondered hoped hoping trust
lo behold alas indeed verily merely solely purely properly respectfully humbly cordially
good great okey dokey yup yeah yea nah aye roger affirmative righto
mess messy dirty tidy clutter cluttered busy free available clear obvious important interesting ok alright
namely actually basically really literally honestly frankly obviously naturally instead otherwise anyway anyhow however therefore hence accordingly besides moreover furthermore
additionally respectively especially particularly mainly mostly largely usually normally typically initially originally previously currently presently lately recently
tower wall bottle
table tabletop world scene workspace view picture image sight front rear behind
human operator colleague boss user people person guest guests visitor visitors
order orders command commands instruction instructions word words sentence signal
end result outcome state status condition
short brief briefly little bit touch tad slight slightly somewhat
twenty-five ninety-degree home
former latter opposite reverse another different
thats its whats heres theres gotta kinda sorta lemme cos cuz coz til
belongs belong goes lives ends end
wherever whenever anywhere somewhere everywhere
fancy bother manage feel free feels soon asap pronto
resting rests parked idle
ma'am sir mister lad chap bro dude
onwards hither thither thence whence hereby thereby therein thereon thereafter thereupon
attached mounted screwed bolted fixed located situated placed positioned
alone untouched undisturbed unmoved peace
involved involve involves
travel travels travelling traveling traveled pass passes passing passed lead leads leading led
reversed twirl rotation rotations spin lift lifts release releases descent ascent rise rises rising rose risen
arc curve detour bow loop swing circle
approach approaches approaching approached
arrive arrives arriving arrived
pickup lifted lifting dest destination target obj src
hover hovers hovering hovered
alongside via per plus minus versus etc eg ie aka
no-one nobody none
belonging available lonely lone remaining
pointing points pointed facing faces
attend beg request requested hereby
fetch carefully tenderly ever-so
""".split()
# Phrases in which the words do not mean what they mean elsewhere: phrase -> (kind, value, form).
FIXED: dict[str, tuple[str, str, str]] = {
    phrase.strip(): ("word", "", "")
    for phrase in """
all right, alright, right now, right away, right there, right here, at rest, in turn, its turn, in place, take place, takes place, takes its time, take your time,
take care, takes care, as well, as well as, one by one, of course, no problem, no matter, do not worry, no worries, no rush, no hurry, at all, at once, for me, a little,
over there, over here, all over, on its own, by itself, be careful, so kind, as before, as now, on the way, in the way, out of the way, at most, at least, in front, close by,
would you mind, do you mind, you know, you see, i see, let us, let me see, make sure, be sure, by accident, in one go, in the air, in mid air, into the air, up in the air, if you would, if you can, if you please, if possible, if you do not mind, if you could, if you will, if you like, would you, will you, could you, can you, thank you, thank you very much, when you are done, when you have a moment, when you can, when ready, when you are ready,
when you have time, when you get a chance, as soon as possible, as soon as you can, in one piece, to be clear, to be exact, to be precise, be so kind as to, be a dear, be a good robot, do me a favour, do me a favor, be gentle, with care, with great care, with caution, with ease, at your leisure, at your convenience,
in your own time, no touching anything else, by the way, at the moment, for now, for later, for the moment, for the time being, this time, that is it, that is all, nothing else, and nothing else, nothing more, only that, go ahead, come on, get going, keep going, keep on, have a go, a bit, a bit of, a touch, a tad, kind of, sort of,
from where you are, from there, from here, from now on, from then on, from one, from it, from which it came, from the other, for it, for this, for that, for the job, for the task, for a second, for a moment, for a while, get ready, good morning, good afternoon, good evening, long way, well clear, half way, halfway, close to contact,
in sight, in view, at hand, on hand, on the other hand, on one hand, first of all, at first, at last, in the end, at the end, at the start, at the beginning, on the left half, on the right half, the left half, the right half, left half, right half, to the side, to one side, on the side, in passing, at the height of, at the level of, at table height, at mid height, at half height, as seen from above, seen from above,
when seen from above, viewed from above, looking from above, looking down from above, as viewed from above, if seen from above, if viewed from above, as looked at from above, looked at from above, looking from the top, seen from the top, viewed from the top, as seen from the top, as seen from your side, seen from the robot, as seen from the robot,
lines up with, lined up with, line up with, in line, up to you, it is up to you, up to the robot, over again, once again, once more, one more time, once only, only once, at a time, one at a time, more or less, sooner or later, back and forth, up and down, as high as, as low as, as far as possible, as gently as, as slowly as, all the way, all the time, the whole time, the entire time, all along, the other way
""".split(",")
    if phrase.strip()
}
FIXED |= {
    "leave alone": ("neg", "verb", ""),
    "let go of": ("verb", "release", "base"),
    "let go": ("verb", "release", "base"),
    "lets go": ("verb", "release", "s"),
    "letting go": ("verb", "release", "ing"),
    "that is all right": ("word", "", ""),
    "if that is all right": ("word", "", ""),
    "release": ("verb", "release", "base"),
    "releases": ("verb", "release", "s"),
    "take hold of": ("verb", "pick", "base"),
    "takes hold of": ("verb", "pick", "s"),
    "taking hold of": ("verb", "pick", "ing"),
    "get hold of": ("verb", "pick", "base"),
    "gets hold of": ("verb", "pick", "s"),
    "grab hold of": ("verb", "pick", "base"),
    "lay hold of": ("verb", "pick", "base"),
    "catch hold of": ("verb", "pick", "base"),
    "head for": ("verb", "reach", "base"),
    "heads for": ("verb", "reach", "s"),
    "head to": ("verb", "reach", "base"),
    "head towards": ("verb", "reach", "base"),
    "head over": ("verb", "reach", "base"),
    "heads to": ("verb", "reach", "s"),
    "heads over": ("verb", "reach", "s"),
    "heads towards": ("verb", "reach", "s"),
    "heading for": ("verb", "reach", "ing"),
    "heading to": ("verb", "reach", "ing"),
    "would like": ("verb", "want", "base"),
    "would love": ("verb", "want", "base"),
    "would like to": ("word", "", ""),
    "would love to": ("word", "", ""),
    "do all this": ("word", "", ""),
    "do all of this": ("word", "", ""),
    "do all that": ("word", "", ""),
    "all of this": ("word", "", ""),
    "get there": ("verb", "reach", "base"),
    "gets there": ("verb", "reach", "s"),
    "getting there": ("verb", "reach", "ing"),
    "top approach": ("approach", "top", ""),
    "overhead approach": ("approach", "top", ""),
    "vertical approach": ("approach", "top", ""),
    "top grasp": ("approach", "top", ""),
    "top grip": ("approach", "top", ""),
    "left approach": ("approach", "left", ""),
    "right approach": ("approach", "right", ""),
    "front approach": ("approach", "front", ""),
    "far side approach": ("approach", "front", ""),
    "left side approach": ("approach", "left", ""),
    "right side approach": ("approach", "right", ""),
    "step aside": ("verb", "cannot", "base"),
    "why do not you": ("word", "", ""),
    "why not": ("word", "", ""),
    "get you to": ("word", "", ""),
    "ask you to": ("word", "", ""),
    "far side": ("way", "front", ""),
    "top side": ("way", "top", ""),
    "looks on": ("word", "", ""),
    "upside down": ("bad", "upside down", ""),
    "behind your back": ("bad", "behind your back", ""),
    "inside out": ("bad", "inside out", ""),
    "drop off": ("verb", "put", "base"),
    "set down": ("verb", "put", "base"),
    "put down": ("verb", "put", "base"),
    "enter": ("verb", "reach", "base"),
    "enters": ("verb", "reach", "s"),
    "entering": ("verb", "reach", "ing"),
    "the turn of": ("word", "", ""),
    "lift off": ("verb", "pick", "base"),
    "get to": ("verb", "reach", "base"),
    "gets to": ("verb", "reach", "s"),
    "get at": ("verb", "reach", "base"),
    "get over to": ("verb", "reach", "base"),
    "give me": ("verb", "pick", "base"),
    "bring me": ("verb", "pick", "base"),
    "get me": ("verb", "pick", "base"),
    "fetch me": ("verb", "pick", "base"),
    "hand me": ("verb", "cannot", "base"),
    "pass me": ("verb", "cannot", "base"),
    "come down": ("verb", "descend", "base"),
    "comes down": ("verb", "descend", "s"),
    "coming down": ("verb", "descend", "ing"),
    "go down": ("verb", "descend", "base"),
    "goes down": ("verb", "descend", "s"),
    "going down": ("verb", "descend", "ing"),
    "takes part": ("word", "", ""),
}
