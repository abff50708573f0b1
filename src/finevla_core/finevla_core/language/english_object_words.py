"""English words for what stands in the world: shapes, sizes, arms, bowls, the post, and the words beside them."""

from finevla_core.language.english_word_tables import phrase_list, phrase_table

SHAPES = phrase_table(
    {
        "cube": """
            cube, cubes, block, blocks, box, boxes, die, dice, dices, crate, crates, square block, cubic block,
            cubic box, square box, cubic object, cubic thing, cuboid block, toy block, building block, cubic one,
            square one, square thing, square object, square piece, square item, boxy thing, boxy object, boxy one,
            square thingy, cubical object
        """,
        "cylinder": """
            cylinder, cylinders, can, cans, tin, tins, drum, drums, tube, tubes, barrel, barrels, canister,
            canisters, tin can, tin cans, round can, round tin, can of tin, soda can, drinks can, drink can, soup
            can, cylindrical object, cylindrical thing, cylindrical one, cylindrical block, cylindrical can, beer
            can, cola can, coke can, pop can, beverage can, cylindrical item, cylindrical piece, tubular thing, tubular
            object, tubular one, tube shaped thing, tube shaped object, roller
        """,
        "ball": """
            ball, balls, sphere, spheres, marble, marbles, globe, globes, orb, orbs, round ball, round sphere,
            spherical object, spherical thing, spherical one, spherical item, round one, round object, round
            thing, round piece, round item, round thingy, roundish thing, roundish one, roundish object, spheroid, bead
        """,
        "brick": """
            brick, bricks, bar, bars, slab, slabs, ingot, ingots, long brick, flat bar, long bar, flat brick, long
            block, flat block, long box, oblong block, rectangular block, rectangular bar, oblong, oblong one,
            rectangular brick, flat slab, oblong brick, long one, elongated block, elongated one, rectangular box,
            toy brick, lego brick, oblong object, oblong thing, oblong piece, rectangular thing, rectangular object,
            rectangular one, rectangular piece, rectangular item, rectangular prism, long thing, long object, long piece,
            long item, elongated thing, elongated object, elongated piece, longish block, longish thing, longish one
        """,
        "knob": """
            knob, knobs, dial, dials, rotary knob, control knob, turning knob, rotary switch, rotary dial, control
            dial, turn knob, round knob, rotary control, rotating knob, rotary, adjusting knob, adjustment knob,
            fixed knob, regulator, selector, adjuster, volume knob, control wheel, turning dial, rotatable knob,
            selector knob, turnable knob, twist knob, twisty knob, turny knob, knobby thing, turny thing, twisty thing,
            knob thing, dial thing, rotary encoder, encoder knob, thumbwheel, potentiometer
        """,
    }
)
SHAPE_WORDS = phrase_table(
    {
        "cube": "cube shaped, cubic, cubical",
        "cylinder": "cylinder shaped, cylindrical, can shaped",
        "ball": "ball shaped, spherical",
        "brick": "brick shaped, oblong, bar shaped",
    }
)
SIZES = phrase_table(
    {
        "small": """
            titchy, teensy, teensy weensy, teeny tiny, teeny weeny, itty bitty, tiny little, diminutive, dinky,
            smallish, small,
            little, smaller, tiny, mini, smallest, littlest, very small, miniature, tinier, tiniest, wee,
            minute, petite, teeny, small sized, undersized, compact, littler, lesser, pint sized, pint size, itsy bitsy,
            minuscule, miniscule, pocket sized, pocket size, bite sized, bite size, puny, micro, microscopic, small size,
            lil, smol, xs, extra small, less big, not so big, not so large, not that big, not very big, not as big
        """,
        "big": """
            whopping, humongous, gigantic, colossal, sizable, chunky, largish, biggish, big old, great big, whacking
            great, big, large, bigger, huge, larger, giant, biggest, largest, very big, very large, great, enormous,
            bulky, oversized, hefty, massive, sizeable, large sized, big sized, jumbo, king sized, king size, immense,
            mega, super sized, super size, monstrous, monster, mammoth, substantial, considerable, large size, big size,
            big fat, great big fat, big ass, xl, extra large, less small, not so small, not that small, not very small
        """,
    }
)
SIDES = phrase_table({"left": "left, lefthand, leftmost, lh", "right": "right, righthand, rightmost, rh"})
ARMS = phrase_list(
    """
        arm, arms, hand, hands, gripper, grippers, manipulator, manipulators, claw, claws, limb, limbs, robot arm,
        robotic arm, robot hand, robotic hand, robot arms, robot gripper, end effector, pincer, pincers,
        mechanical arm, mechanical hand, mechanical claw, hand side arm, gripper arm, gripping hand, side arm,
        hand arm, hand gripper, hand claw, hand manipulator, paw, mitt, arm gripper, arm and gripper, arm and
        hand, tool arm, effector, side gripper, side hand, side claw, hand limb, side limb, tcp, grabber, forearm,
        hand one, mitts, paws, side manipulator, handed, handedly, pinchers, grasper, graspers, actuator, appendage
    """
)
FINGERS = phrase_list(
    """
        finger, fingers, thumb, thumbs, fingertip, fingertips, jaw, jaws, tip, tips, prong, prongs, digit,
        digits, finger tips,
        finger tip, fingerpad, fingerpads, pad, pads, tines, gripper finger, gripper fingers
    """
)
BOWLS = phrase_list(
    """
        bowl, bowls, dish, dishes, basin, container, containers, round bowl, round dish, receptacle, vessel, bowl
        side, hand bowl, hand dish, hand basin, hand side bowl, side bowl, hand container, side dish, glass bowl,
        hand one bowl, outer bowl
    """
)
POSTS = phrase_list(
    """
        post, pole, column, pillar, obstacle, thin post, stick, stake, thin pole, upright post, slim post,
        mast, thin rod, upright rod, upright pole, barrier, vertical post, vertical pole, rod
    """
)
TABLES = phrase_list(
    """
        table, tabletop, table top, desk, worktop, work surface, workspace, workbench, bench, desktop, work area,
        counter, workplace, surface, tables
    """
)
THINGS = phrase_list(
    """
        object, thing, item, piece, element, body, objects, things, items, pieces, elements, bodies, stuff, guy,
        fellow, specimen, workpiece, bugger, sucker, beauty, beast, devil, rascal, chap, fella, critter, whatsit,
        doodad, doohickey, thingamabob, whatchamacallit, gadget, widget, dingus, doofer, doodah, thingumabob,
        gizmo, blighter, toy, toys, target, thingy, one
    """
)
CUPS = ["cup"]  # a bowl only where its side is said
_EACH = phrase_list(
    """
        every, each, every single, each and every, every last, each remaining, every remaining, each single, any
        remaining, every other, whatever
    """
)
_ALL = phrase_list(
    """
        all, all the, all of the, all these, all of these, all those, all of those, all remaining, the remaining,
        all the remaining, these, those, all loose, the loose, all your, all my, all other, all the other, the
        rest of the
    """
)
_SINGLE = phrase_list("obj, object, thing, item, piece, toy, part, bit, element, article")
_PLURAL = phrase_list(
    """
        objs, objects, things, items, pieces, toys, parts, bits, elements, stuff, bits and pieces, articles, odds and
        ends
    """
)
EVERYTHING = [f"{each} {noun}" for each in _EACH for noun in _SINGLE] + [
    f"{all_} {noun}" for all_ in _ALL for noun in _PLURAL
]
EVERYTHING += phrase_list(
    """
        everything, everything else, everything there, the lot, the whole lot, the entire lot, all of it, all of
        them, them all, each of them, piece by piece, item by item, object by object, thing by thing, every
        one of them, every last one, the objects, the things, the items, the
        pieces, the stuff, the toys, all of this, all this, all that stuff, all this stuff, all that clutter, the
        clutter, clutter, the mess, mess, the rest, all the rest, whatever is on the table, whatever lies,
        whatever is, whatever is on, whatever sits, whatever stands, whatever there is, what lies, what is
        lying, all that is, anything that is, whatever still lies, whatever you can find, whatever remains,
        whatever you find, whatever you
        see, whatever is lying, whatever is left, all that lies, anything that lies, anything lying, anything on,
        one object after another, one object after the other, one thing after another, one item after another, one
        item after the other, object after object, item after item, one after another, one after the other, one by
        one, the whole shebang, whole shebang, the entire shebang, the whole caboodle, kit and caboodle,
        the whole kit and
        caboodle, the whole shooting match, the works, the whole bunch, the whole collection, the entire collection,
        the entire
        contents, the whole set, the whole jumble, the whole pile, odds and ends, the odds and ends, the bits and pieces,
        bits and bobs, the bits and bobs, the jumble, the assortment, every bit of it,
        every bit,
        all and sundry, all table objects, table objects, all table items, every table object, the table contents, the
        contents of the table, all contents of the table, all parts, every part, all these bits, each and every one,
        any and
        all objects, every blessed thing, every last bit, every last piece, all that junk, the junk, this junk,
        all this junk, all the junk, all the gubbins, the gubbins, all the bits, all bits,
        each of the objects, each of the things, each of the items, all four, all five, all three, one of the
        remaining objects, one of the objects, one of the items, one of the things, the next object, the next
        item, the next thing, the lot of it, all the clutter, the whole mess, all of the above, the litter,
        this pigsty, the pigsty, this shambles, the shambles, this chaos, the chaos, all
        the mess, loose items, loose objects
    """
)
_FAR_SIDES = [
    f"{side} {far}{whom}"
    for side in ("side", "side that is", "side which is", "end", "side that lies", "face")
    for far in phrase_list(
        "far, farthest, furthest, away, turned away, facing away, further, farther, most distant, "
        "pointing away, looking away, opposite"
    )
    for whom in (
        "",
        " from you",
        " from the robot",
        " from yourself",
        " from your body",
        " from your base",
        " to you",
        " from us",
    )
]
APPROACHES_FAR = dict.fromkeys(_FAR_SIDES, "front")
APPROACH_STARTS = phrase_list(
    """
        by way of, from, from straight, from directly, from right, from just, from only, from high, from somewhere,
        approach,
        approach from, from off to, from over on, from out on, from out, from around, from off, from slightly,
        from up, from the direction of, from out to, from over, from out from, via, in from, from on, from way
        out, from out of, at it from, from well, from a point, from far, from low on, from a spot to, from a point
        to, from a position to
    """
)
APPROACHES = phrase_table(
    {
        "top": """
            above it, above, top, overhead, up high, straight above, directly above, right above, directly
            overhead, upward, upwards, the air, on high, up above, over it, the top side, high above, over the top, atop, the
            upper side, upper side
        """,
        "front": """
            behind it, beyond it, front, front side, far side, far end, far front, far face, distant side, distant
            end, behind, beyond, back there, far edge, far away side, farthest side, furthest side, other side,
            opposite side, rear of the table, farther side, further side, outer side, outside, far, farther end,
            remote side, remote end, away side, side away from you, side that is farthest from you, side that is
            far from you, side farthest from you, side furthest from you, side far from you, side facing away from
            you, side that faces away from you, side away from the robot, side that is away from you, side
            pointing away from you, side turned away from you, side opposite you, side opposite to you, side
            facing away from the robot, in front of it, side that faces away from the robot, side which faces away from you,
            side which faces away from the robot, side that is furthest from you, side far from the robot, side farthest
            from the robot, side furthest from the robot, side facing away, side farther from you, side further
            from you
        """,
        "left": "left, side on the left, somewhere on the left, somewhere left, over on the left",
        "right": "right, side on the right, somewhere on the right, somewhere right, over on the right",
        "near": """
            near side, near end, nearside, near face, back, back side, rear, rear side, near edge, closer side,
            close side, nearer side, nearest side, side facing you, side towards you, robot side, your side, near,
            side nearest you, side nearest to you, side closest to you, side next to you, side close to you, side
            facing the robot
        """,
        "below": "below, underneath, beneath, under, the bottom, bottom, underside",
    }
)
APPROACH_PHRASES = phrase_table(
    {
        "top": """
            top down, straight down, vertically, straight downwards, vertically downwards, vertically down,
            straight downward, vertical descent, vertical line, purely vertical, vertical motion, straight
            descent, descending vertically, by the top, over the top
            of it, directly down, right down, down vertically, topdown, downward approach, perpendicularly, in a
            vertical descent
        """,
        "front": """
            from way back, by the far side, round the back of it, around the back of it, from behind it, from
            beyond it
        """,
        "left": "leftside approach, on a path from the left, along a line from the left",
        "right": "on a path from the right, along a line from the right",
    }
)
TURNS = phrase_table(
    {
        "clockwise": """
            right rotation, right twist, rightward turn, clockwise, clock wise, in clockwise direction,
            the way a clock goes, as a clock goes, cw, with the
            clock, in the direction of the clock, in the clock direction, in the clock 's direction, like a clock,
            the way the hands of a clock go, the way the hands of a clock move, the way clock hands go, the way
            clock hands move, the way a clock turns, the way a clock runs, like the hands of a clock, as the hands
            of a clock go, sunwise, in the same direction as a clock, the way the clock hands go, the way a clock
            hand goes, the way a clock hand moves, like tightening a screw, as if tightening a screw,
            like you tighten a screw,
            like closing a tap, as if closing a tap, like screwing in a screw, like closing a jar, like shutting a tap,
            like clock hands, rightwards, rightward, as a clock does, as the clock turns, as the clock goes, as the clock
            runs, as clock hands move, as clock hands go, as clock hands turn, the same way as a clock, same way as a
            clock, in clock direction, in clock sense, in the sense of the clock, in the sense of a clock, in the
            direction of a clock, in the direction of the hands of the clock, in the direction of the hands of a clock,
            in the direction of clock hands, in the direction the clock goes, with the hands of the clock, with the hands
            of a clock, with the clock hands, following the clock, following the hands of the clock
        """,
        "counterclockwise": """
            like loosening a screw, as if loosening a screw, like you loosen a screw, like opening a tap,
            as if opening a tap,
            like opening a jar, as if opening a jar, like unscrewing a lid, as if unscrewing, like undoing a screw,
            left rotation, left twist, leftward turn, counterclockwise, counter clockwise, anticlockwise,
            anti clockwise, ccw, against the clock, opposite
            to the clock, against the clock 's direction, against the clock direction, counter clock wise, against
            the hands of the clock, against the direction of the clock, contraclockwise, widdershins, against
            clockwise, opposite to a clock, against the hands of a clock, against the way a clock goes, against
            the way the clock goes, leftwards, leftward, opposite to clockwise, opposite to the hands of a clock,
            the opposite way to a clock, against the direction of a clock, anti clock, contra clockwise, non clockwise,
            acw, withershins, against clock direction, against the sense of the clock, against clock hands, against the
            clock hands, counter to the clock, counter to the hands of the clock, contrary to the clock, in reverse
            clockwise, reverse clockwise
        """,
    }
)
GRASPS = phrase_table(
    {
        "sideways": """
        left and the right, left and its right, sideways, sidewise, side to side, laterally, lateral, by its sides, at
        its sides, on its sides, across, left and
            right, right and left, left to right, right to left, by the sides, at
            the sides, left plus right, crosswise, crossways, on either side, at either side, to either side,
            widthways, widthwise, sidewise, by both sides, by both its sides, by its two sides, by the two sides, by its side
            faces, by the side faces, by its flanks, by the flanks, by both flanks, at its flanks, across its width, over its
            width, left / right, left
            right, to its left and right, transversely, transverse
        """,
        "lengthways": """
            front and the back, front and its back, front and the rear,
        lengthways, lengthwise, front to back, back to front, front and back, front and rear, fore and aft,
            back and front, rear and front, longways, lengthway, front and behind, far and near side, near and far
            side, longwise, in front and behind, longitudinally, longitudinal, near and far faces, near and far
            sides, far and near sides, near and far, far and near, before and behind, ahead and behind, fore aft,
            front / back, in front and
            in back, near and far ends, front back, front or rear, near and the far side, near and the far, far and the near
            side, along its length, along the length
        """,
    }
)
IDLE = phrase_list(
    """
        out of view, out of sight, out of frame, out of the frame, out of the picture,
        retracted, withdrawn, pulled back, drawn back, tucked away, folded away, stowed, stowed away, moved aside,
        put its feet up, puts its feet up, putting its feet up, feet up, forty winks, the day off, a nap, a kip,
        a snooze, kip,
        tea break, lunch break, coffee break, a lie down, kicks back, kick back, can relax, surplus to requirements,
        surplus,
        out of the game, out to lunch, sit this round out, sits this round out, takes a back seat, a back seat,
        has a breather,
        a breather, a day off, signed off, laid off, gets the day off, twiddle its thumbs, a rest day,
        parked, idle, idles, still, stationary, passive, at rest, resting, inactive, motionless, unused, folded,
        retracted position, out of the way, out of this, out of it, aside, away from this, home pose, rest pose,
        rest position, resting position, resting place, home position, switched off, off duty, powered down,
        bystander, bystanders, nothing, watch, watches, watching, spectator, ignored, ignore, irrelevant, no part,
        no role, not needed, not required, not involved, stays put, stay put, standby, stands by, stand by,
        standing by, where it is, where it was, stays there, waits, waiting, tucked in, tucked away, tucked,
        frozen, immobile, lying, docked, park, parks, asleep, sleeps, sits this out, sit this out, out of action,
        disabled, broken, charging, offline, overheated, overheating, defective, out of order, damaged, faulty, as it is,
        stays as it is, dormant, unmoved,
        uninvolved, does not help, by its side, at home, clear of the scene, stay out of this, out of the picture,
        out of play, sidelined, locked, stays back, kept back, holds back, pulled back, held back, keeps back,
        well away, held as far away, a spectator, in reserve, on hold, rests, rest, hangs, hanging, stowed, sits
        still, idly, off, relaxed, relaxes, no business, no job, static, chill, chills, quiet, sleep, sleeping,
        snoozes, naps, dozes, looks on, makes no movement, being repaired, repaired, busy, occupied, jammed,
        stuck, out on loan, in repair, under repair, serviced, recalibrated, recharging, not to move, home,
        bystand, spare, sits this one out, sit this one out, sits out, sit out, sits it out, unemployed, on strike,
        on break, on a break, having a break, having a rest, on holiday, takes a break, takes a rest, has a rest,
        a rest, a break, its pocket, in its pocket, left at home, twiddles its thumbs, stays out, stay out, stays
        out of it, stay out of it, keeps out, keeps out of it, in its cradle, in the cradle, cradle, its dock, in its
        dock, day off, off work, not in use, shut down, deactivated, disengaged, unpowered, de energised,
        depowered, without power, kept out, tucked up, neutral pose, neutral position, stand by position,
        ready position, stays away, stay away, keeps away, stays clear, stay clear, keeps clear, uninvolved,
        untouched, does not move, never moves, well back, on standby, as a spectator, no movement, no motion,
        remains behind, stays behind, at ease, unoccupied, unemployed, retired, mothballed, snoozing, napping, dozing,
        hangs out, hang out, hanging out, chilling, chilled, lounges, lounging, loafs, loafing, slumbers, slumbering,
        contributes nothing, contribute nothing, adds nothing, sits there, sit there, just sits, sits by, sits idle,
        not do anything, not doing anything, do nothing, does nothing, doing nothing, done nothing, did nothing,
        home stance, parking pose, parking position, parked pose, parked position, initial pose, stowed pose,
        starting pose, folded away, folded back, folded up, tucked back, kept still, holds still, holds
        position, keeps still, keep still, hold still, takes no part, plays no part, plays no role, bides its time,
        marks time, sits tight, sit tight, has no part, has no role, has nothing to do, nothing to do, stands down,
        slept, slumbered, snoozed, napped, dozed, rested, idled, lazed, loafed, watched, stood by, stood idle,
        stood back, sat by,
        sat still, sat this out, sat this one out, sat out, sat tight, sat there, lay idle, lay still, stayed put,
        stayed still,
        stayed out, stayed out of it, stayed away, stayed back, stayed home, stayed at home, kept still, kept out,
        kept away,
        kept clear, held still, held back, took no part, played no part, had no part, hung back, hangs back, hang back,
        immobilised, immobilized, unengaged, on the bench, on the sidelines, benched, not used, not in play, not needed
    """
)
