"""English verbs by what they do here, and the actions that are known by name because the robot does not do them."""

from finevla_core.language.english_word_tables import phrase_list

VERBS: dict[str, list[str]] = {
    "pick": phrase_list(
        """
            pick, grab, hoick, yank, snaffle, fish, grub, pinch, grasp, grip, take, get, seize, snatch,
            fetch, clutch, clasp, catch, pinch, clamp, clench,
            nab, pluck, capture, retrieve, scoop, lift, raise, hoist, elevate, heave, hold, grapple, snag,
            collect, gather, obtain, secure, hook, acquire, bag, nick, cop, pincer, unearth, scrounge, purloin,
            swipe, whip, claim, remove, extract, withdraw-from, liberate, rescue, nip, enclose, encircle, embrace,
            uplift, receive, accept, winch, hike, hitch, boost, levitate, prise, harvest, requisition, commandeer,
            procure,
            ensnare, corral, wrangle, clinch, wrest, airlift, latch, recover, heft, tweeze
        """
    ),
    "reach": phrase_list(
        """
            reach, go, move, approach, hover, travel, point, visit, come, near, position, advance, proceed, steer,
            guide, glide, swing, fly, extend, stretch, arrive, send, navigate, line, align, aim, direct, slide,
            float, sail, draw, creep, ease, drift, locate, sneak, dock, stop, halt, unfold, park, hop, leap,
            saunter, amble, cruise, sidle, loom, meander, sashay, skim, soar, waltz, inch, journey,
            vault, jump, station, servo, jog, traverse, drive, pilot, manoeuvre, maneuver, pull up, zoom, scoot, trundle,
            dash, scurry, gravitate, beeline, tiptoe, mosey
        """
    ),
    "put": phrase_list(
        """
            put, place, drop, set, lay, deposit, carry, transfer, shift, transport, deliver, dump, pop, stick,
            release, stow, slip, load, insert, store, relocate, reposition, convey, bear, whisk, rehome, bring,
            lower, plop, plonk, plunk, ferry, haul, lug, cart, shove, tuck, join, park, file, bung, stash, toss-in,
            slap, smack, whack, slam, displace, sit-down,
            shuttle, usher, escort, chauffeur, port, taxi, slot, nestle, nest, lodge, entrust, tote, hustle, trolley,
            sling, smuggle, spirit, commit, banish, redeposit, sink-in, shepherd, courier, evacuate, migrate, sideline, discard,
            discharge, dispose, unload, pack, stuff, dunk, relegate, consign, house, tumble, offload, schlep, shlep,
            transplant, transpose, herd, march, situate, land
        """
    ),
    "throw": phrase_list("throw, toss, chuck, fling, lob, sling, hurl, pitch, cast, heave-at, launch-at"),
    "stack": phrase_list(
        """
            stack, pile, balance, crown, surmount, cap, rest, mount, perch, superimpose, seat, heap, plant,
            settle, shelve
        """
    ),
    "turn": phrase_list(
        """
            turn, rotate, twist, wrench, ratchet, slew, twiddle, tweak, spin, swivel, crank, revolve, wind,
            adjust, roll, twirl, whirl, screw,
            dial, pivot, torque, gyrate, readjust, regulate, tune
        """
    ),
    "clean": phrase_list(
        "clean, clear, tidy, sweep, rid, relieve, divest, unburden, declutter, unclutter, empty, vacate, neaten, straighten"
    ),
    "rise": phrase_list("rise, ascend, climb"),
    "squeeze": phrase_list("squeeze, press, touch, contact, push, compress"),
    "close": phrase_list("close, shut, tighten, meet, bite, straddle, bracket, sandwich, hug, envelop, surround"),
    "open": phrase_list("open, unclench, spread, part"),
    "descend": phrase_list("sink, descend, plunge, dive, swoop, dip"),
    "be": phrase_list("be, have"),
    "wait": phrase_list("await, wait, linger, dangle, loiter, pause, stay, remain, poise, dwell, tarry"),
    "state": phrase_list(
        """
            stand, sit, lie, belong, disappear, vanish, end, live, finish, keep, let, make, start, begin, become,
            seem, appear
        """
    ),
    "happen": phrase_list(
        """fall, happen, occur, look, fail, pass, skirt, bypass, circumvent, sidestep, circle, count, prove, cost,
        matter, belong-to, wobble"""
    ),
    "use": phrase_list(
        """
            use, control, command, execute, perform, conduct, use up, employ, utilise, utilize, operate, rely,
            involve, apply, deploy, engage, choose, select, actuate, activate, energise, energize, mobilise, mobilize, enlist
        """
    ),
    "want": phrase_list("want, wish, prefer, need, require, fancy, desire, crave, demand"),
    "see": phrase_list(
        "see, identify, pinpoint, detect, search, find, watch, check, note, notice, spot, consider, verify, confirm, "
        "double-check"
    ),
    "withdraw": phrase_list("withdraw, retreat, retract, leave, return, back"),
}
# Verb and those of its forms that no rule gives.
_IRREGULAR = """
    take took taken, get got gotten, catch caught, hold held, go went gone goes, come came, fly flew flown flies,
    swing swung, put put putting, set set setting, lay laid, drop dropped dropping, pop popped popping, stick
    stuck, bring brought, bear bore borne, leave left, throw threw thrown, fling flung flinging, sling slung, rest
    rested, spin spun spinning, wind wound, sweep swept, tidy tidies tidied, shut shut shutting, keep kept, let
    let letting, lie lay lain lying, stand stood, sit sat sitting, make made, have has had having, begin began
    begun beginning, rise rose risen, be is are was were been being am 's 're, find found, fall fell fallen, slip
    slipped slipping, hop hopped hopping, see saw seen, meet met, slide slid, send sent, grip gripped gripping,
    grab grabbed grabbing, snag snagged snagging, stop stopped stopping, carry carries carried, lob lobbed
    lobbing, become became, bite bit bitten, spread spread, steer steered, nab nabbed nabbing, draw drew drawn,
    hit hit hitting, sink sank sunk, dive dove, nip nipped nipping, lug lugged lugging, clap clapped clapping,
    empty empties emptied, ferry ferries ferried, convey conveyed, rely relies relied, apply applies applied, plop
    plopped plopping, dip dipped dipping, wrap wrapped wrapping, swivel swivelled swivelling, transfer transferred
    transferring, cast cast, snap snapped snapping, rid ridding, cap capped capping, whip whipped whipping, bag
    bagged bagging, build built, choose
    chose chosen, drive drove driven
"""
IRREGULAR = {row.split()[0]: row.split()[1:] for row in phrase_list(_IRREGULAR)}
CANNOT = phrase_list(
    """
        push, pull, kick, shake, paint, weigh, juggle, bounce, measure, break, wrap, crush, smash, stab, punch,
        ram, hit, cut, chop, wash, wipe, pour, fill, draw, write, knock, tip, flip, roll, squash, flatten, bend,
        tear, rip, burn, cook, boil, fry, peel, stir, mix, melt, bake, grill, sew, iron, vacuum, polish, sort,
        unpack, hang, feed, walk, run, follow, cross, patrol, dance, sing, drill, hammer, saw, slice,
        grate, drain, brew, knead, heat, toast, season, hand, unlock, disable, override, sudo, pretend,
        imagine, lick, eat, drink, blow, swap, exchange, hide, bury, dismantle, disassemble, assemble,
        build, glue, tape, tie, untie, fold, unscrew, kill, attack, destroy, hurt, stroke, pat, tap, poke, prod,
        nudge, tilt, topple, overturn, upend, strike, bump, catapult, launch, shoot, drag, rub, scrub, dust,
        rinse, soak, varnish, decorate, smell, taste
    """
)
FELLS = frozenset(("knock", "tip", "topple", "flip", "kick", "bump"))  # with "over"
# Phrases in which the words do not mean what they mean elsewhere, by kind, value and form.
_FIXED = {
    ("verb", "use", "base"): "work with, working with",
    ("word", "", ""): """
        kick off, kicks off, kick things off, kick us off, kicking off, kick it off, switch hands, swap hands,
        change hands,
        swap arms, switch arms, change arms, swap sides, shake a leg, hit the road, run along, run through, run into,
        in the
        long run, on the run, dry run, trial run, test run, push on, cut to the chase, cut it out, cut corners,
        break the ice,
        hang on tight, tie up loose ends, write down, draw the line, roll up your sleeves, roll your sleeves up,
        cross your
        fingers, fingers crossed, cross my heart, burn the midnight oil, iron out, sort of thing, stir up trouble,
        walk in the
        park, walk you through, walk me through, walk us through, walk through, run you through, run us through,
        feed me lines,
        located, situated, lying around, lies around, lie around, lying about, standing around, scattered around,
        strewn around, all
        around the place, so much as, so much, all right, alright, right now, right away, right there, right
        here, at rest, in turn, its turn, in place,
        take place, takes place, takes its time, take your time, take it slowly, take it slow, take it easy,
        take it gently, take it nice and slow, die out, die down, die away, take care, takes care,
        as well, as well as, one
        by one, of course, no problem, no matter, do not worry, no worries, no rush, no hurry, at all, at once,
        for me, a little, over there, over here, all over, on its own, by itself, be careful, so kind, as before,
        as now, on the way, in the way, out of the way, at most, at least, in front, close by, would you mind, do
        you mind, you know, you see, i see, let us, let me see, make sure, be sure, by accident, in one go, in the
        air, in mid air, into the air, up in the air, if you would, if you can, if you please, if possible, if you
        do not mind, if you could, if you will, if you like, with sugar on top, with a cherry on top, with feeling,
        chop chop, quick march, pretty please, pre grasp, pre grip, pre pick, all the way round, all the way around,
        would you, will you, could you, can you, thank you,
        thank you very much, when you are done, when you have a moment, when you can, when ready, when you are
        ready, when you have time, when you get a chance, as soon as possible, as soon as you can, in one piece,
        to be clear, to be exact, to be precise, be so kind as to, be a dear, be a good robot, do me a favour, do
        me a favor, be gentle, with care, with great care, with caution, with ease, at your leisure, at your
        convenience, in your own time, no touching anything else, by the way, at the moment, for now, for later,
        for the moment, for the time being, this time, that is it, that is all, nothing else, and nothing else,
        nothing more, only that, go ahead, come on, get going, keep going, keep on, have a go, a bit, a bit of, a
        touch, a tad, kind of, sort of, from where you are, from there, from here, from now on, from then on, from
        one, from it, from which it came, from the other, for it, for this, for that, for the job, for the task,
        for a second, for a moment, for a while, good morning, good afternoon, good evening, long way,
        well clear, half way, halfway, close to contact, in sight, in view, at hand, on hand, on the other hand,
        on one hand, first of all, at first, at last, in the end, at the end, at the start, at the beginning, on
        the left half, on the right half, the left half, the right half, left half, right half, to the side, to
        one side, on the side, in passing, at the height of, at the level of, at table height, at mid height, at
        half height, as seen from above, seen from above, when seen from above, viewed from above, looking from
        above, looking down from above, as viewed from above, if seen from above, if viewed from above, as looked
        at from above, looked at from above, looking from the top, seen from the top, viewed from the top, as seen
        from the top, as seen from your side, seen from the robot, as seen from the robot, lines up with, lined up
        with, line up with, in line, up to you, it is up to you, up to the robot, over again, once again, once
        more, one more time, once only, only once, at a time, one at a time, more or less, sooner or later, back
        and forth, up and down, as high as, as low as, as far as possible, as gently as, as slowly as, all the
        way, all the time, the whole time, the entire time, all along, the other way, that is all right, if that
        is all right, would like to, would love to, do all this, do all of this, do all that, all of this, why do
        not you, why not, get you to, ask you to, looks on, the turn of, takes part
    """,
    ("neg", "verb", ""): "leave alone",
    ("unknown", "", ""): "see through",
    ("verb", "release", "base"): "let go of, let go, release",
    ("verb", "release", "s"): "lets go, releases",
    ("verb", "release", "ing"): "letting go",
    ("verb", "pick", "base"): """
        rope in, reel in, haul in, round up, scoop up, take hold of, up with it, up it goes, up it comes, up it went,
        up it came, up she goes, up he goes, get hold of, grab hold of, lay hold of, catch hold
        of, lift off, give me, bring me, get me, make pick of, do pick of, make a pick of, do picking of, do the picking
        of, perform picking of, make grasp of, do grasp of, make a grasp of, perform grasp of, make lift of,
        do lifting of,
        fetch me, latch on to, latch onto, latch on, rustle up, take charge of, take possession of,
        get your fingers around,
        get your fingers round, get your hands on, get your hand on, lay your hand on, lay your hands on, lay hands on,
        scare up, dig out, dig up, whip up, jack up, take custody of, relieve the table of, come up with, snap up,
        jerk up, lever up, hold on to, hold onto, cling to, cling onto, grasp hold of, snap hold of, lift hold of
    """,
    ("verb", "pick", "s"): "takes hold of, gets hold of",
    ("verb", "pick", "ing"): "taking hold of",
    ("verb", "reach", "base"): """
        home in on, zero in on, make for, make your way to, make your way over to, make your way towards, make your way,
        pay a visit to, call on, call in on, get close to, get near,
        nip over, nip across, nip to, pop over, pop across, hop over to, scoot over, zip over, run over to,
        skip over, slip over, dart over,
        wander over, wander to, buzz over, stroll over, trot over, pull up, draw up, have a look at, mosey over,
        swing by, swing over to, stop by, head for, head to, head towards, stand by over, seek out, touch down near,
        centre over, center over, centre on, center on, centre yourself over, center yourself over, centre yourself on,
        center yourself on, centre yourself above, center yourself above, get yourself over, get yourself above,
        head over, get there, enter, goto, get to, get at, get over to
    """,
    ("verb", "reach", "s"): "heads for, heads to, heads over, heads towards, gets there, enters, gets to",
    ("verb", "reach", "ing"): "heading for, heading to, getting there, entering",
    ("verb", "wait", "base"): """
        get ready, be ready, stand guard, stand ready, keep watch, keep guard, stand watch, hold station, get set,
        get in
        position, get into position, take position, take up a position, take a position, take up position,
        take up station, keep station, chill there, just chill, chill out, chill right there
    """,
    ("verb", "clean", "base"): "mop up, hoover up",
    ("verb", "want", "base"): "would like, would love",
    ("approach", "top", ""): """
        top approach, overhead approach, vertical approach, top grasp, top grip, overhead grasp, overhead grip,
        vertical grasp, vertical grip, downward grasp, downwards grasp, downward grip, top pick, overhead pick
    """,
    ("approach", "left", ""): "left approach, left side approach",
    ("approach", "right", ""): "right approach, right side approach",
    ("approach", "front", ""): "front approach, far side approach",
    ("verb", "cannot", "base"): "step aside, hand me, pass me",
    ("way", "front", ""): "far side",
    ("way", "top", ""): "top side",
    ("bad", "upside down", ""): "upside down",
    ("bad", "behind your back", ""): "behind your back",
    ("bad", "inside out", ""): "inside out",
    ("verb", "put", "base"): "drop off, set down, put down",
    ("verb", "descend", "base"): "come down, go down",
    ("verb", "descend", "s"): "comes down, goes down",
    ("verb", "descend", "ing"): "coming down, going down",
}
FIXED = {phrase: key for key, text in _FIXED.items() for phrase in phrase_list(text)}
