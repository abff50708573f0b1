"""English words that say nothing about the table: praise and blame, people, office and workshop, time, and derived forms."""

from finevla_core.language.english_word_tables import phrase_list, word_set

# Before a noun: how one feels about a thing, or which one was spoken of. None is a property that a camera sees.
ADJECTIVES = word_set("""
    poor old dear darling sweet silly stupid daft ugly beautiful gorgeous handsome splendid wonderful fantastic
    fabulous marvellous marvelous brilliant amazing awesome excellent magnificent delightful charming adorable cute
    humble modest noble mighty trusty faithful famous infamous notorious legendary favourite favorite beloved
    precious blasted blessed bleeding blooming bloomin flipping flaming frigging freaking darned wretched confounded
    pesky annoying irritating troublesome tiresome stubborn unruly naughty cheeky lazy sorry unfortunate unlucky
    lucky innocent mysterious curious odd looking strange weird boring dull ordinary usual typical aforementioned
    aforesaid abovementioned mentioned named specified indicated designated selected chosen desired wanted requested
    required intended relevant respective corresponding particular specific certain concerned said stated shown
    featured proper actual real final ultimate prospective assigned appointed dedicated preferred main primary
    principal chief central important crucial vital interesting remarkable notable conspicuous obvious visible
    solitary lonesome single minded forlorn forgotten neglected abandoned stray misplaced errant wayward remaining
    leftover abovenamed forementioned upcoming titular bonny canny grand smashing cracking ruddy rotten perishing
    infernal damned goddamn effing darn dang doggone stinking stinkin flippin freakin frickin fricking blinking lil
    itty sodding
    dratted cursed godforsaken dusty sneaky shy sleepy grumpy jolly merry mischievous troubled elusive runaway rogue
    """)
_PEOPLE = """
    mr mrs ms miss sir madam mister lads chaps gaffer guvnor gov guv mucker bruv bro sis pet treasure princess
    sunshine sweetheart sweetie honey love lovely cutie chief skipper captain maestro professor doc boffin
    management crew staff squad team partner colleague colleagues mate mates investor investors sponsor sponsors
    journalist journalists reporter press public inspector inspectors auditor auditors examiner examiners apprentice
    apprentices trainee trainees intern interns newcomer newbie rookie volunteer volunteers participant participants
    subject subjects patient patients pupil pupils toddler toddlers relatives in laws grandchildren secretary
    receptionist janitor cleaner caretaker electrician engineer engineers mechanic mechanics maintainer developer
    developers programmer programmers scientist scientists researcher researchers physicist chemist biologist
    postdoc postdocs lecturer dean director directors ceo chairman president minister mayor neighbours officer
    officers sergeant foreman foreperson deputy assistant assistants helper helpers supervisor supervisors experts
    expert specialist specialists amateur amateurs fan fans spectators viewers audience onlookers passers by
    """
_MATTERS = """
    manner manners fashion mode modes yonder constraint constraints objective objectives elevation criterion
    fit fits suits suit nvm ty tysm np ngl ffs kthx measurement measurements
    commissioning handover revert reverts leh lah lor hor sia liao yaar needful
    tolerance
    tolerances setup spec specs specification acceptance delivery shipment supplier vendor auditor auditors investor investors
    canteen buzzer siren humidity torque firmware compressor projector conveyor pallet cleanroom shopfloor standup takt
    calibration recalibration maintenance inspection inspections evaluation evaluations assessment validation
    verification certification demonstration presentation exhibition competition contest tournament championship
    audit audits workshop workshops seminar seminars lecture lectures tutorial tutorials course courses class
    classes meeting meetings conference conferences appointment appointments interview interviews rehearsal
    rehearsals dress performance premiere warm up warmup practice practise benchmark benchmarks baseline dataset
    datasets logging log logs trial trials protocol protocols checklist checklists schedule schedules timetable
    timetables agenda plan plans programme program programs guideline guidelines rulebook regulation regulations
    rule rules policy policies norm norms standard standards requirement requirements specification specifications
    criteria criterion paperwork documentation report reports statistics stats research science physics engineering
    industry production manufacturing logistics quality control safety insurance health hygiene security ergonomics
    efficiency accuracy precision repeatability reliability robustness stability consistency throughput latency
    symmetry tidiness neatness cleanliness patience confidence courage grace elegance finesse flair gusto aplomb
    panache style vigour vigor zeal enthusiasm dedication determination dignity discretion delicacy tenderness
    gentleness firmness caution prudence vigilance moderation restraint composure concentration focus intention
    intentions purpose purposes reasons sake benefit mishap mishaps accident accidents incident incidents trouble
    troubles bother hassle glitch glitches hiccup hiccups bug bugs fault faults failure failures breakdown
    breakdowns malfunction malfunctions crash crashes collision slip slips drift wear tear backlash friction
    vibration vibrations noise draught draft breeze glare shadow shadows reflection reflections lighting sunlight
    daylight lamplight brightness darkness heat humidity weather rain snow fog voltage current electricity grid
    network wifi bluetooth internet software firmware driver drivers update updates upgrade upgrades version
    versions restart reboot startup shutdown countdown signal signals cue cues beep beeps microphones recording
    recordings livestream stream broadcast episode episodes scene scenes shot documentary slideshow selfie
    safekeeping storage disposal recycling collection retrieval removal return delivery dispatch packing sorting
    transport handover takeover changeover completion conclusion finale opening closing beginning middle outset
    sequel approval permission confirmation authorisation authorization consent clearance feedback signoff go ahead
    advice instructions instruction directions orders recommendation recommendations suggestion suggestions proposal
    wishes request requests enquiry inquiry query queries complaint complaints comment comments remark remarks
    opinion opinions view views taste preference preferences habit habits tradition traditions custom customs
    routine routines procedure procedures method methods technique techniques approach strategy strategies manoeuvre
    operation operations shift shifts lunchtime teatime dinnertime breakfast time bedtime tea break elevenses brunch
    weekend weekends holiday holidays vacation birthday birthdays anniversary christmas easter diwali ramadan
    halloween wedding party payday deadline deadlines spring summer autumn winter monday tuesday wednesday thursday
    friday saturday sunday january february april june july august september october november december century
    decade fortnight nowadays midday midnight noon dawn dusk sunrise sunset
    """
_DOINGS = """
    reckon reckons reckoned insist insists insisted claim claims claimed swear swears swore argue argues argued
    complain complains complained promise promises promised explain explains explained mention mentions mentioning
    suggest suggests suggested recommend recommends recommended advise advises advised agree agrees agreed decide
    decides decided wonder wonders hesitate hesitates worry worries worried dare dares deign deigns manage manages
    managed bother bothers bothered disturbs confuses confused mistake mistook annoys please pleases amuses
    impresses impressed entertains celebrates appreciate appreciates enjoy enjoys enjoyed love loves loved hate
    hates hated dislike dislikes admires respect respects envy envies miss misses missed forget forgets forgot
    forgotten remember remembers remembered learn learns learned learnt teaches taught studies studied understand
    understands understood realises realised realize realized notice notices noticed recognises recognized detects
    detected observes observed monitors monitored supervises supervised inspects inspected examines examined
    evaluates evaluated assesses assessed documents documented films filming filmed photographs photographing
    photographed rehearses rehearsed practises practised arranges arranged rearrange rearranged organises organised
    organized scheduled postponed cancelled interrupted resumes resumed proceed proceeds continue continued ensure
    ensures ensuring guarantee guarantees assure assures await awaits awaiting awaited anticipate expecting expected
    intend intends intended hope hopes aim aims plan planning attempt attempted struggle struggled succeed succeeds
    succeeded fail fails failed survive survives suffer suffers earns deserve deserves deserved owe owes owned owns
    belong bought sells sold buys paid pays spent spends lent borrowed loses lost wins won weigh in arrive leaves
    left return returned visit visits visited calls phones phoned emailed texted wrote written reads speak speaks
    spoke talk talked say says said shout shouts shouted whisper whispers laugh laughs laughed smile smiles smiled
    cry cries cried cheer cheers cheered claps sneeze sneezed cough coughed sleep slept wake wakes woke woken
    wakened doze breathe breathes blink blinks nod nods changed changes alters varies increases decreases adapts
    adjusted requesting overstayed outstayed ended finished stuck jammed freed fixes fixed tested serviced replaced
    upgraded updated installed calibrated recalibrated configured programmed debugged rebooted restarted recharged
    connected disconnected plugged unplugged switched measured weighed named christened nicknamed baptised flickers
    flickering flickered buzz buzzes buzzing hum hums humming beep beeping squeak squeaks squeaking rattles rattling
    vibrates vibrating drip drips dripping rain rains raining rained snow snows snowing dawdle dawdles dawdling
    dally dallying dilly faff faffing fuss fussing mess messing muck mucking fidget fidgeting hurry hurrying rush
    rushing rushed procrastinate daydream daydreaming grumble grumbling moan moaning arguing quibble quibbling chat
    chatting joke joking kidding fooling
    """
_SMALL = """
    amid amidst amongst whereupon whereby wherein whilst albeit notwithstanding regardless irrespective despite
    hitherto henceforth forthwith thenceforth anew afresh aloud alike aloft abroad afoot ahoy akin amok askew aside
    awry astray awake aware unaware keen eager willing unwilling reluctant ready unready prepared unprepared able
    unable likely unlikely possible impossible feasible practical convenient inconvenient suitable appropriate
    advisable desirable preferable acceptable permissible allowed permitted forbidden prohibited mandatory
    compulsory optional essential urgent vital crucial pressing overdue due early late prompt punctual immediate
    instant sudden gradual continuous steady uniform smooth swift brisk leisurely relaxed calm cool collected tense
    nervous anxious scared frightened terrified excited thrilled delighted chuffed pleased glad happy sad sorry
    angry cross furious annoyed fed up tired exhausted knackered sleepy bored hungry thirsty ill sick poorly unwell
    healthy fit fine dandy grand super great terrific superb ideal perfect lovely marvellous marvelous wonderful
    brilliant fantastic splendid smashing ace magic champion tidy wicked cracking top notch awful terrible dreadful
    horrible nasty ghastly rubbish pants naff dodgy iffy tricky fiddly awkward difficult hard tough easy simple
    straightforward complicated complex fair unfair wrong right true false sure unsure certain uncertain doubtful
    clear unclear obvious evident plain vague precise exact approximate rough gentle harsh careful careless cautious
    clever smart wise bright stupid daft silly crazy mad bonkers barmy funny hilarious serious honest sincere polite
    rude kind cruel mean generous grateful thankful obliged indebted beholden welcome unwelcome worth worthwhile
    worthy useless useful helpful unhelpful harmless harmful dangerous risky safe unsafe secure insecure sound
    fragile sturdy robust flimsy solid heaviest lightest priciest cheapest dearest anytime anyplace someplace
    sometime whatsoever whosoever howsoever nonetheless nevertheless spotless pristine neat orderly uncluttered k kk
    yo arr arrr aye scurvy blimey crikey cripes gosh golly goodness gracious heavens jeez wow whoa yikes phew oops
    whoopsie bravo hooray hurrah hurray yay yippee cheerio toodle oo ciao bye goodbye farewell greetings salutations
    hiya howdy g'day aloha bingo voila presto abracadabra eureka aha oho tut tsk pfft meh nah yup yeah righto righty
    okey dokey okily roger wilco copy affirm affirmative negatory over and out amen ta da tada tally ho oi ahem psst
    hush shush pardonnez mo jiffy tick ticks sec secs whit jot iota smidge smidgeon smidgen dollop wodge whisker
    hair hair's breadth tad scintilla deal bargain pickle pinch of salt nutshell shot stab crack whirl emergency
    emergencies urgency priority palaver kerfuffle faff rigmarole hullabaloo hoo ha brouhaha commotion drama
    theatrics nonsense malarkey shenanigans tower towers tomfoolery business monkey mischief hanky panky
    """
_ENDINGS = ("ing", "ed", "est", "s", "es", "d", "st", "ness")
NOUNS = word_set(f"{_PEOPLE} {_MATTERS}")
# What one can take, use or go to, and what a remark may name without harm.
CONCRETE = word_set("""
    camera cameras cable cables battery batteries conveyor conveyors pallet pallets projector projectors compressor
    angel angels brush brushes bug bugs kitchen lab laboratory office school workshop clip clips frame frames image
    images
    picture pictures photograph photographs video videos coffee tea lunch dinner breakfast supper newspaper machine
    machines
    sensor sensors motor motors hair hairs pickle pickles treasure treasures monkey monkeys music note notes message
    messages
    microphone microphones network networks blog log logs wall walls pet pets snow rain salt tower towers dress
    dresses rubbish
    shadow shadows pants storage paperwork document documents report reports recording recordings map maps internet
    software
    firmware driver drivers lamp lamps copy copies doc docs beep beeps secret secrets legend prize trick tricks load
    crash
    window windows windowsill door doors floor floors ceiling roof garden gardens balcony corridor hallway hall lobby
    cellar attic
    basement garage stairs staircase room rooms building house houses home homes street streets road roads city town
    village
    hospital hotel shop shops market church park river lake sea beach mountain forest bus buses train trains tram car
    cars bike
    bikes bicycle plane planes truck trucks taxi ship ships boat boats airport station dog dogs cat cats bird birds
    horse horses
    hamster rabbit spider spiders fly flies bee bees wasp mosquito hen hens cow cows sheep elephant parrot tiger lion
    fox wolf
    owl squirrel butterfly snake fish fridge freezer oven stove dishwasher heater radiator heating fan fans ventilator
    conditioner computer computers printer scanner radio television tv telly alarm clock clocks siren doorbell cinema
    movie
    movies song songs concert football cricket match game games story stories novel poem essay thesis exam exams
    homework
    lecture invoice invoices budget contract contracts parcel email emails letter letters newsletter website money
    cash salary
    bonus traffic strike storm thunder lightning wind sun moon star sky cloud clouds
    plan plans
    network grid screen crew artist artists painter player players baby babies crowd
    """)
WORDS = NOUNS | word_set(f"{_DOINGS} {_SMALL}") | ADJECTIVES
PHRASES = phrase_list("""
    first time right, right first time, right the first time,
    bruh, bro, bruv, dude, homie, homeboy, fam, sis, lol, lmao, haha, hahaha, hehe, omg, tbh, imo, imho, btw, fyi,
    asap, rn,
    lowkey, highkey, ooh, ooooh, aah, aww, yay, hm, mhm, uh huh, um hm, er um, uhm, umm, uhh, welp, whelp, shoot,
    gosh darn,
    holler, doggone, dang, darn, heck, scenic, initial, initially, final, antipodal, planar, prismatic, coaxial,
    collision free, kinematic, kinematics, compliant, quasi static, nominal, desired, intended, designated, specified,
    trajectory, trajectories, routed, routing, whereupon, thereupon, thereafter, thereby, subtask, subgoal, subgoals,
    goal state, end state, final state, final pose, pre contact, post grasp, setpoint, setpoints, keyframe, keyframes,
    episode, episodes, rollout, teleop, dof, yaw, pitch, aperture, clearance, dwell time, establishes, establish,
    established, utilising, utilizing, utilization, wipe the slate clean,
    the rest of the day, the rest of the week, the rest of the afternoon, the rest of the evening, skyward, skywards,
    thanks a million, thanks a bunch, thanks a lot, thanks a ton, thanks a heap, thanks a bundle, thanks so much,
    thanks very much, thanks ever so much, many thanks, thank you so much, thank you kindly, much obliged,
    that is the lot, that is everything, that is about it, that is about all, that would be all, that will be all,
    and that is that,
    right o, right ho, right oh, right you are, right then, eye level, chest height, head height, shoulder height,
    knee height, waist height, hang fire, silly beggars, cats and dogs, raining cats and dogs, half a mo, half a
    sec, half a minute, half a tick, half a jiffy, two ticks, two secs, this instant, this minute, this very minute,
    this very second, no end, in a jiffy, in a tick, in a mo, on the double, at the double, on the dot, for good
    measure, for good, for starters, for heaven sake, for goodness sake, for pity sake, for crying out loud, for old
    times sake, for a change, for once, for certain, for sure, by all means, by any chance, by rights, as it were,
    as you know, as you see, as ever, as usual, as always, as follows, as is, as a result, as a matter of fact, as a
    favour, as a favor, as a start, as a first step, as a test, as a treat, as good as gold, as if by magic, as you
    like, as you wish, as you please, in fact, in short, in brief, in general, in particular, in principle, in
    theory, in practice, in reality, in any case, in any event, in all honesty, in the meantime, in the first place,
    in the long run, in due course, in good time, in no time, in time, in a hurry, in a moment, in a minute, in a
    second, in a while, in advance, in sequence, in order, in that order, in person, in peace, in public, in
    silence, in a row, in a nutshell, in a word, in other words, in one smooth motion, in one motion, in one
    movement, in one sweep, in one stroke, in slow motion, in a straight line, in small steps, in stages, on
    purpose, on time, on schedule, on demand, on request, on camera, on film, on tape, on video, on record, on
    repeat, on behalf of, on average, on balance, on the whole, on the face of it, on top of everything, on a whim,
    at once, at long last, at your service, at your earliest convenience, at first glance, at the latest, at the
    earliest, at this point, at that point, at present, at a guess, at a push, at a pinch, at a snail pace, at
    walking pace, at low speed, at half speed, at full speed, at quarter speed, at medium speed, at a moderate
    speed, at normal speed, at a constant speed, to be honest, to be fair, to be sure, to begin with, to start with,
    to my mind, to put it mildly, to say the least, to tell the truth, to cut a long story short, to that end, to
    this end, to the point, to the best of your ability, under supervision, under control, under the circumstances,
    under pressure, under the impression, under way, with respect, with all due respect, with the utmost, with
    pleasure, with a bit of luck, with any luck, with luck, with one exception, with no exception, with immediate
    effect, with your permission, with your help, with that in mind, with thanks, with many thanks, with regards,
    with kind regards, with love, with both eyes open, without fail, without doubt, without a doubt, without
    question, without further ado, without delay, without hesitation, without incident, without exception, without a
    fuss, without fuss, without a sound, without a hitch, without haste, to and fro, touch wood, fingers crossed,
    knock on wood, break a leg, over and out, over to you, so far so good, one last time, for the last time, for the
    first time, for the second time, for the third time, the other day, in the corner, in a corner, take heed, take
    heart, take note, bear in mind, keep in mind, keep an eye on, have a heart, lend a hand, give me a hand, give us
    a hand, need a hand, many hands, all hands, get a minute, have a minute, got a minute, spare a minute, a minute or two,
    find a minute, a spare minute
    """)
# "-ly" that ends an adjective or a noun: something that one may grasp, or that says how a thing looks.
_NO_ADVERBS = word_set("""
    jelly belly lily fly holly doily assembly butterfly family supply reply dolly brolly lolly woolly wooly bully
    curly bubbly smelly prickly wrinkly crumbly pebbly gravelly bristly scaly oily knobbly nubbly frilly gully
    trolley monopoly firefly dragonfly gnarly pearly steely melancholy anomaly rally tally ally
    """)


def is_adverb(word: str) -> bool:
    """Tell whether a word that no table has says how something is done: "eternally"."""
    return len(word) > 4 and word.endswith("ly") and word not in _NO_ADVERBS


def stems(word: str) -> list[str]:
    """Words that a derived word may come from: "happiest" from "happy", "stopping" from "stop"."""
    found: list[str] = []
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < (3 if ending in ("ing", "ed") else 4):
            continue
        found += [stem, stem + "e"]
        if stem.endswith("i"):
            found.append(stem[:-1] + "y")
        if len(stem) > 4 and stem[-1] == stem[-2]:
            found.append(stem[:-1])
    return found
