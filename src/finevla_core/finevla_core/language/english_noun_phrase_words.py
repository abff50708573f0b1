"""Words that English noun phrases are made of, and words beside them that are none of theirs."""

from finevla_core.language.english_fillers import ADJECTIVES
from finevla_core.language.english_word_tables import word_set

DETERMINERS = word_set("""
    the a an this that these those your its their our some any each every either another both such no
    """)
FOREIGN = word_set("my his her mine yours")
NUMBERS = word_set("two three four five six several many")
MODIFIERS = (
    word_set("""
    thin slim slender farthest furthest tall long short flat round narrow wide broad thick heavy light empty full open opened
    closed only same own other upper lower whole entire coloured colored shaped active passive first last next
    single very fairly rather somewhat slightly more most nice pretty lovely near far nearer farther one
    active working loose lone lonely remaining available damn bloody said given free robot robots nearest
    nearby new current correct right-most big-sized sized looking tinted hued toned tone colour color opposite
    mechanical robotic lower different another two three four slightly all just heavier lighter thicker taller shorter such idle
    """)
    | ADJECTIVES
)
RIGHT_BEFORE = word_set("""
    over above at on in there here after behind beside next before onto to into up down through past when
    underneath inside by near beside outside under opposite between where close beneath below
    """) | {"next to", "on top of", "in front of", "on the top of"}
PARTS = word_set("""
    side sides face faces end ends half edge edges way direction flank part corner rim hand position place row
    height neighbour neighbor
    """)
KEYS = word_set("object target item thing")
ROWS = word_set("middle central centre center front rear back third hindmost foremost outermost innermost")
PERSONS = word_set("guy fellow chap fella lad")
AMOUNTS = word_set("""
    force gap distance amount margin space speed room height time while pause pressure effort step steps angle movement
    motion lift clearance extent degree finger hand arc detour circle bow curve loop bend reserve rotation turn play
    more less further bit help noise attention care difference problem number distances gaps movements steps job task
    """)
JOINS = word_set("and or then while but so plus to not i you we he she they it is are can will")
AFTER_COLOR = word_set("""
    up down off out away over there here now too also please again first next instead just only then if when as
    that which who where will would could should shall must may might can has have had does do did my me us
    for at once thanks thank cheers mate ok okay yes no one ones other same
    """)
PLEASED = word_set("""
    would grateful appreciate appreciated marvellous lovely great nice helpful kind brilliant love thankful happy delighted
    pleased obliged wonder wondering wonderful fantastic ideal good prefer splendid super glad best better terrific
    """)
SAYS = word_set("""
    says say said reckons thinks thought knows wants wanted needs needed likes liked believes feels hopes hoped asked asks
    told insists insisted would will can could has had was is does did claims suggests prefers expects
    """)
# What may tell one thing from another, but is nothing that the robot sees: "the cube that is wet".
UNSEEN = word_set("""
    wet dry dirty clean hot cold warm cool broken cracked damaged new old shiny soft hard heavy light smooth rough sticky sharp
    fragile dented scratched empty full magnetic expensive cheap poisonous dangerous electric alive
    """)
BEFORE_SIDE = frozenset(("over there", "right there", "over here")) | word_set("""
    over standing lying located placed situated sitting that which is stands lies one resting out there here
    mounted attached waiting up far
    """)
