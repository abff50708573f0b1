"""English prepositions, negations, corrections, and the great many words that may stand in a sentence without harm."""

from finevla_core.language.english_word_tables import phrase_list, phrase_table, word_set

_STRAIGHT = ("straight", "right", "high", "directly", "just", "well", "clear", "safely", "up and")
PREPS = phrase_table(
    {
        "in": """
            in, into, inside, within, down, back, down into, over into, back into, down in, down inside, inside
            of, back in
        """,
        "over": """
            over, above, across, up and over, right over, high over, passing over, across the top of, over the top
            of, high above, well above, higher than, up over, just above, just over, right above, directly over,
            directly above, exactly over, exactly above, above the top of, over the tip of, above the tip of,
            straight over, clear over, over and above, straight above, centred over, centered over
        """,
        "on": """
            on, onto, upon, atop, atop of, on to, on top of, on the top of, on top, down on, down on top of, down onto,
            down upon, onto the top of, over onto, on the upper face of, on the upper side of, to the top of, onto
            top of, up onto, up on, onto the top face of, on the top face of, onto the top side of, on the top side of, on the
            top surface of, onto the top surface of, onto the upper face of, onto the upper side of
        """,
        "round": """
            round, around, past, all around, passing around, in a curve around, in an arc round, in an arc around,
            past the far side of, by the side of, wide of, in a curve round, all round, on the outside of, in a
            wide curve around, in a bow around, round the side of, around the side of, in a detour around, at the
            side of, clear around, by way of
        """,
        "near": """
            alongside, near, beside, by, between, among, behind, beyond, against, amid, opposite, to the side of,
            just beyond, just behind, just beside, next to, close to, close by,
            near to, in front of, to the left of, to the right of, left of, right of,
            in between, closest to, nearest to, nearest, closest, farthest from, furthest from, right
            beside, near by, next door to, hard by, on the left of, on the right of, at the left of, at the right
            of, adjacent to, not far from, in the vicinity of, in the neighbourhood of, at the foot of, side by
            side with, a little behind, a bit behind, in back of, on the far side of, on the near side of, away
            from, out of, leaning on, leaning against, that leans on, that leans against, which leans against, which leans on,
            propped against, resting against, ahead of, in line with, far from, on the left side of, on the right side
            of, in the
            middle of, on the other side of
        """,
        "under": "under, underneath, beneath, below",
        "from": "from, off",
        "to": """
            to, toward, towards, for, at, until, after, before, as far as, up to, over to, out to, close up to,
            over towards, along to, back to, out towards, down to, across to, down towards
        """,
        "with": """
            with, using, via, employing, with the help of, by means of, by using, making use of, with the aid of,
            by way of using
        """,
        "of": "of, about, as, like, than",
        "through": "through, along, during, per",
        "instead": """
            instead of, rather than, in place of, as opposed to, in lieu of, and not, but not, other than, apart
            from, except for, except, besides, excluding, save for, as well as not
        """,
        "basis": """
            unlike, in contrast to, in contrast with, contrary to,
            according to, in accordance with, as per, in keeping with, despite, in spite of, notwithstanding,
            regardless of,
            irrespective of, in view of, in light of, in the light of, in honour of, in honor of, on behalf of,
            courtesy of,
            in the interest of, in the interests of, in the name of, for want of, for lack of, for fear of,
            in the hope of,
            in memory of, in anticipation of, in preparation for, by order of, by request of, at the request of,
            on the advice
            of, with a view to, with regard to, with respect to, in response to, as a result of, out of respect for,
            following the example of
        """,
        "cause": "because of, owing to, due to, for the sake of, on account of, thanks to",
    }
)
PREPS |= {f"{how} {way} the top of": "over" for how in _STRAIGHT for way in ("over", "across", "above")}
NEGATIONS = phrase_list("not, never, no, without, nor, neither, none, nobody, cannot, nowhere, nothing, hardly")
NEG_VERBS = phrase_list(
    """
        avoid, avoids, avoiding, ignores, disregards, disregarding, skips, skipping, spares, sparing, neglect, neglects,
        neglecting, overlook, overlooks, overlooking, omit, omits, omitting, shun, shuns, shunning, leave out, leaves out,
        leave aside, leaves aside, leaving aside, forgets about, stays away from, keeps clear of, stays clear of,
        steers clear of, stays off, keeps off, refrains from, pays no attention to, pay no attention to,
        paying no attention to, having ignored, takes no notice of, take no notice of, taking no notice of,
        has no interest in, have no interest in,
        refuses to, fails to, failed to, is unable to, is not able to, refuses, rejects, declines, dismisses,
        refrain from, leave alone, steer clear of, keep clear of, keep off, stay off,
        stay away from, keeping clear of, stay clear of, ignore, disregard, skip, spare, forget about, never mind,
        forget, careful with, watch out for, beware of, steering clear of, careful not to, by no means, in no
        case, under no circumstances, on no account, at no time, at no point, no need to, ignoring, leaving out,
        careful of, wary of, no longer, scrap what i said about, forget what i said about, never mind what i said about,
        ignore what i said about, forget all about, hold off on, hold off, holding off on, holds off on, hold back from,
        keep from, keeps from, abstain from, desist from, stop short of, stops short of, stopping short of,
        hands off, hands off of, paws off, fingers off, do not lay a finger on, keep your hands off, keep your paws off,
        keep your fingers off, keep your mitts off, keep away from, keeps away from, keeping away from,
        away with your hands from,
        no use of, no usage of, without use of, without the use of, without using,
        no using, not using
    """
)
CORRECTIONS = phrase_list(
    """
        i said it backwards, i said that backwards, said it backwards, i got it backwards, got it backwards, i mixed it up,
        i mixed that up, i mixed them up, mixed them up, i said the wrong thing,
        sorry meant, meant to say, sorry i meant to say,
        changed my mind, i have changed my mind, have changed my mind, hang about, scrub that, bin that, my fault,
        as you were,
        tell a lie, no tell a lie, i lied, wrong way, wrong way round, wrong one, wrong word, slip of the tongue,
        that is not
        right, not right, got that wrong, i got that wrong, typo, whoopsie, scratch it, scrap it, no cancel that,
        on third
        thought, come to think, force of habit, let me start again, let me start over, i will start again, silly of me,
        excuse me, pardon me, forgive me, sorry, scratch that, strike that, correction, i mean, i meant, make that,
        no wait, wait no, hold on, hang
        on, oops, my mistake, my bad, no sorry, sorry no, or rather, no no, i mean to say, that is wrong, pardon,
        let me correct that, let me correct myself, excuse me no, on second thought, on second thoughts, change of
        plan, forget that, cancel that, apologies, well no, ah no, oh no, er no, um no, uh no, hmm no, no
        actually, actually no, no i mean, no make that, no rather, i should say, wrong, whoops, no better, better
        still, no hang on, no hold on, belay that, delete that, i take that back, i misspoke, ignore that,
        disregard that, not that, beg your pardon, no make it, make it, sorry i meant, no not that, never mind
        that, that was wrong, hm no, erratum, errata, corrigendum, amendment, amended to, corrected to, corrected,
        revision, revised to, edit, recte, nope, nah, no scratch that, no i meant, i said that wrong, er, i correct
        myself, wait, i changed my mind, came out wrong, let me rephrase, rather make it, ehm no, err, erm no,
        that should be, should be, mistake, no that is, no thats wrong, misspoke, i tell a lie, did i say, silly
        me, what am i saying, come to think of it, wait a tick, wait a moment, wait a second, wait a minute, wait
        a sec, hang on a sec, hang on a second, hang on a tick, hold on a second, hold on a sec, oh
        blast, blast, damn, dammit, oh dear, no not, my apologies, my error, no sorry i mean, sorry i
        mean, i beg your pardon, let us say, no let us say, er no make that, on reflection, better make that,
        better make it, cancel, strike, scrap that, drat, oh wait, wait up, uh no sorry, er sorry, or no, oh
        sorry, or better, no the other, did i say that, i mean no, eh, ach, argh, d'oh, ugh, nay
    """
)
SIDE_STARTS = phrase_list(
    """ as agreed, as discussed, as promised, as planned, as expected, as described, as instructed, as requested, as shown,
        as arranged, as demonstrated, as mentioned, as explained, as noted, as stated, as specified, as suggested,
        as seen,
        so we can, so i can, so they can, so he can, so she can, so we could, so i could, so we may, so nobody,
        so no one,
        so everybody, so everyone, so people, so it does not, so it can not, so it will not, so it can, so it stays,
        so they do not,
        so we do not, so i do not, so we know, so i know, so we have, so i have, so we will, so they will,
        so that we, so that i,
        seeing as, seeing that, what with, was going to, were going to, had meant to, had wanted to, had planned to,
        was about to,
        thought about, thought of, was thinking of, was tempted to, wanted to, meant to, planned to, used to,
        because, since, so that, in order to, in order that, so as to, if, when, whenever, until, till, unless,
        although, though, even though, even if, in case, provided, as long as, as soon as, once, whereas,
        otherwise, which, who, whose, whom, where, such that, as if, as though, for which, in which, why, how,
        whether, wherever, otherwise it, else it,
        else they, else the, else you, lest, given that, seeing that, now that, considering, supposing, hence,
        therefore, thus, especially as, as otherwise, or else, else, only because, just because, whatever,
        whichever, whoever, while it, while i, while we, just in case, by the time, as soon, the moment, in that
        case, assuming, just so
    """
)
ORDINARY = word_set(
    """ waypoint waypoints viapoint vector offset demonstrate demonstrates demonstrating demonstrated rehearse
    month months year years life week weekday family school news team
    player players message internet blog fan coach judge expert
    effort success surprise favor benefit winner contest fame pride joy miracle mystery secret legend myth
    luckily hopefully thankfully sadly fortunately unfortunately supposedly allegedly reportedly seemingly presumably
    apparently somehow someday whichever elsewhere upstairs downstairs indoors outdoors overnight meantime longer
    anymore
    popular modern ancient recent annual regular major minor main unique rare decent impressive incredible outstanding
    ridiculous hilarious suspicious aggressive gentler slower faster quicker easier softer firmer tighter steadier
    listen listens listening hear hears heard hark heed obey alrighty roger breaker buddyroo mission control houston
    tower
    copilot commander admiral colonel lieutenant private corporal cadet squire guvnor boss lady amigo compadre
    partner pardner
    lawyer lawyers teacher student pupil pilot driver baker butcher waiter waitress cop police
    fireman plumber carpenter painter artist poet writer author editor singer actor actress dancer magician
    sheriff captain major
    bare twin entry access entrance arrival trick pre herself himself themselves myself ourselves oneself lady
    ladies gentleman
    gentlemen woman women men granny gran nan nana grandparent grandchild toddler baby babies pal neighbor crowd
    audience class
    operation operations trial demo session shift lesson exercise routine today tonight
    deg degs rad kg sec secs ms mins cms mms newton aerial view views stiff rigid loose jammed snug squeaky rusty wobbly
    shiny heavy fragile delicate dusty greasy wet dry sturdy episode clip frame frames recording annotation company
    niece nephew granny grandma grandpa uncle aunt cousin mum dad mom son boss client customer manager supervisor
    technician student professor teacher neighbour doctor nurse officer chef granddad grandson granddaughter roommate
    cheek cheeks waist belly midriff girth middle shoulders temples outline silhouette contour a able about
    above accelerate accelerates accordingly accurate accurately across action actions actually
    additionally ado affirmative afraid after afternoon afterward afterwards again ah ahead aim aka alas all
    almost alone along alongside already alright also always am an and angel angle angles another answer answers
    any anybody anyhow anything anyway anywhere apart appreciate appreciated approach approached approaches
    approaching approximately arc are area arg args around arrive arrived arrives arriving as asap ascend
    ascending ascends ascent aside ask asked asks asleep assistant assume attached attempt attempts attend
    attention automatically available away awfully axis aye baby back background backward backwards base basically
    bc be because been before beg begin beginning begins behind behold being believe belong belonging belongs
    below beseech beside besides best bestie better between beyond bit bolted boss both bother bottom bow
    boy breadth break breakfast breaking brief briefly bright brisk briskly brittle bro broad brush brushing buddy
    bump bumping bumps bunch busy but butler call called calm calmly came can captain care careful carefully
    careless case cautious cautiously center centered centimeter centimeters centimetre centimetres central centre
    centred certainly champ champion chance chap cheap cheers chief child children chum circle class clean cleaner
    cleanly clear clearance climb climbing climbs close closed closer closest clumsy clutter cluttered cm cmd
    coffee cold colleague collide colliding collision collisions color colored colour coloured come comes coming
    command commands companion complete completely comrade condition constant constantly contact contacts contents
    continue cordially corner corners correct correctly cos could couple course coz crush crushing currently curve
    cuz damage damaging danger dangerous dark darling data daughter day dear dearest decelerate decelerates
    decimetre deep deeper definitely degree degrees delay delicate delicately delighted demo demonstration dent
    depth descent description dest destination detail details detour device did difference different dinner direct
    direction directions directly dirty distance disturb disturbing do does doing dokey done double down downward
    downwards dozen drag dragging drop dropping dude during each early easily easy edge edges eg eight eighteen
    eighty either elbow eleven empty end ends energy enough enter entire entirely equator er especially etc even
    evening evenly eventually ever ever-so every everybody everyone everything everywhere exact exactly example
    examples excuse exercise expect expensive experiment extra face faces facing fall fallen falling falls false
    fancy far farther farthest fast faster fastest father favor favour feel feels fell fetch few fifteen fifty
    final finally fine finish finished finishes firm firmly first five fixed flank flanks flat folks for force
    forearm foreground forever forget forgive forgot former forty forward forwards four fourteen fourth fraction
    fragile frankly free freeze freezes freezing friend front frozen full fully fun further furthermore furthest
    fuss gap gave gentle gently get gets getting give given gives giving glad go goal goes going gone gonna good
    got gotta governor gradual gradually grasp grateful great grip guess guest guests guv guys ha had haha hair
    hairs half halves hand handed hang hanging hangs happen happening happens happy hard harder hardly harm has
    haste hastily hasty have having he heaps heavier heaviest heavy heh height heights hello help helper helping
    helps hence her here hereby heres hey hi high higher highest him himself hint hints his hit hither hits
    hitting hmm hold home honestly honey hope hoped hoping horizontal horizontally hot hour hours hover hovered
    hovering hovers how however human humbly hundred hungry hurry hurt hurts husband i idea ideas idle ie if image
    imagine immediately important inch inches indeed info information initially inside instance instantly instead
    instr instruction instructions interest interesting interests involve involved involves inward inwards is
    issue issues it item items its itself job jobs joint joints just keep keeping keeps kept kid kids kind kinda
    kindly kindness kitchen knock knocking know knows lab laboratory lad largely lass last lastly late lately
    later latter lead leading leads least led left leftwards legend lemme length less lesson let let's lets level
    lie lies lift lifted lifting lifts light lighter lightly like likes line lines literally little lives lo load
    loads located location lol lone lonely long look looking looks loop loose loosely lots loud love low lower
    lowest luck lunch lying ma'am machine madam made mainly make makes making man manage maneuver manoeuvre many
    margin mate matter matters max maximum may maybe me mean meaning means meanwhile medium merely mess messy
    meter meters metre metres mid middle might millimeter millimeters millimetre millimetres min mind mine minimum
    minus minute minutes mission mister mm moderate moderately modest moment moments more moreover morning most
    mostly mother motion motionless motions motor motors mounted move movement movements much music must my n nah
    namely narrow naturally near nearby nearer nearest nearly neat neatly necessarily necessary need needed
    needful needs neighbor neighbors neighbour neighbourhood neighbouring neighbours newton newtons next nice
    nicely night nine nineteen ninety ninety-degree no no-one nobody noise noisy none nor normally not note notes
    nothing now obj object objects obliged obstacle obstacles obvious obviously off office often oh ok okay okey
    old once one only onwards open opened operation operator opposite or order orders orientation originally other
    others otherwise ought our out outcome outside outward outwards own pair pal palm param params pardon parked
    part partially particularly partly party pass passed passes passing path pause pauses pausing peace people per
    percent perfect perfectly perhaps person phase pickup picture place placed places plan plans please pleased
    pleasure pls plus plz point pointed pointing points poppet pose poses position positioned positions possible
    possibly power pray precious precise precisely prepare prepared presently pressure pretty previously prithee
    probably problem problems procedure promptly pronto proper properly pull pulling purely purpose push pushed
    pushing put quarter quarters question questions quick quickly quiet quietly quite rapid rapidly rather ready
    real really rear reason reasons recall recently reckon recording region release releases remain remaining
    remains remark remarks remember repair repaired repeat repeated repeatedly repeats request requested required
    respectfully respectively rest resting rests result reverse reversed right rightly righto rightwards rim rise
    risen rises rising risk risky robot roger roll rolled rolling rolls room rose rotation rotations roughly round
    route row rule rules rush safe safely safety said sake same say says scene scratch screwed second secondly
    seconds secure securely see seen sees sensor sensors sentence sequence seven seventeen seventy several shake
    shaking shaky shall shape shaped she short should shoulder show showing shows side sides sideways sight signal
    similar simple simply simultaneously since single sir sit sits sitting situated six sixteen sixty size sizes
    sleeping slender slide sliding slight slightly slim slip slippery slipping slips slow slower slowly smidgen
    smooth smoothly smth so soft softly solely some somebody someone something sometimes somewhat somewhere son
    soon sort sorta space spare speed speedily speeds spill spilling spin sport spot spots squash squeeze
    squeezing squire src stable stably stage stages stand standing stands start started starting starts state
    stationary status stay staying stays steadily steady step steps sth sticky still stop stopped stopping stops
    straight straightforward strong strongly such supper suppose sure surely surface surfaces sweetie swift
    swiftly swing ta table tabletop tad take takes taking talk tall target task tasks tea tell tells ten tender
    tenderly terribly test tests tgt than thank thankful thanks thanx that that's thats the their them then thence
    there thereafter thereby therefore therein thereon theres thereupon these they thick thin thing things think
    thinking thinks third thirds thirteen thirty this thither thoroughly those thought thousand three through thus
    thx tidy tight tightly til till tilt tilting tilts time times tip tipping tired tks to today together told
    tomorrow tonight tons too top topple topples toppling torque totally touch touched touches touching
    training travel traveled traveling travelled travelling travels trial tried tries trouble true trust try
    trying turns twelve twenty twenty-five twice twirl two type typically u uh um underside undisturbed unfold
    unfolds uniform uniformly unit unmoved unstable until untouched up upper upright upward upwards ur urgent
    urgently us use used user uses using usually valuable verily versus vertical vertically very via vicinity
    video view visitor visitors w wait waiting waits wall walls wanna want wants warm was watch way ways we weak
    weakly week weight well were what whatever whats when whence whenever where wherever whether which while
    whisker who whole whose why wide widely wider width wife will wish with without wobble wobbling wobbly wonder
    wondered wondering word words work workspace world worried worse would wrist wrong ya ye yea yeah yep yer yes
    yesterday yet yo you your yours yourself yup zero
    """
)
