"""English words for the six colours: by themselves, in shades, and as things have them."""

from finevla_core.language.english_word_tables import phrase_list, phrase_table, word_set

COLORS = phrase_table(
    {
        "red": """
            red, reddish, reddest, crimson, scarlet, ruby, vermilion, vermillion, carmine, maroon, burgundy, cherry, cherry
            red, brick red, blood red, fire engine red, tomato red, wine red, rose red, bright red, dark red,
            light red, deep red
        """,
        "green": """
            green, greenish, greenest, emerald, emerald green, lime, lime green, grass green, leaf green, leafy green,
            olive, olive green, jade, jade green, forest green, moss green, mint green, apple green, pea green,
            bottle green, sea green, dark green, light green, bright green, deep green, pale green, chartreuse,
            viridian
        """,
        "blue": """
            blue, bluish, bluest, navy, navy blue, azure, sky blue, cobalt, cobalt blue, sapphire, sapphire blue, royal
            blue, ultramarine, cerulean, ocean blue, midnight blue, baby blue, steel blue, dark blue, light blue,
            bright blue, deep blue, pale blue, marine blue, cornflower blue
        """,
        "yellow": """
            yellow, yellowish, yellowest, golden, gold, gold coloured, lemon, lemon yellow, golden yellow, canary, canary
            yellow, mustard, mustard yellow, sunny yellow, sunshine yellow, banana yellow, bright yellow, dark
            yellow, light yellow, pale yellow, deep yellow, butter yellow, corn yellow
        """,
        "purple": """
            purple, purplish, violet, magenta, lilac, lavender, mauve, plum, plum coloured, amethyst, aubergine,
            violet purple, royal purple, dark purple, light purple, bright purple, deep purple, pale purple, grape
            purple
        """,
        "orange": """
            orange, orangey, orangish, blood orange, tangerine, amber, pumpkin, pumpkin orange, carrot, carrot orange, apricot,
            mandarin,
            bright orange, dark orange, light orange, deep orange, burnt orange, pale orange, clementine
        """,
    }
)
COLORS |= {
    f"{shade} {color}": color
    for color in ("red", "green", "blue", "yellow", "purple", "orange")
    for shade in phrase_list(
        "pure, vivid, strong, pale, bright, dark, light, deep, rich, neon, fluorescent, solid, plain, fully, entirely, "
        "completely, totally, intense, brilliant, dull, faded, lovely bright, nice bright, very bright, very dark"
    )
}
# Things that are named for a hue: none of them is a colour by itself.
COLORS |= phrase_table(
    {
        "red": """
            fire red, flame red, lipstick red, strawberry red, raspberry red, apple red, poppy red, cardinal red, ferrari red,
            signal red, postbox red, pillar box red, letterbox red, stop sign red, traffic light red, chilli red, candy red,
            lobster red, ketchup red, pepper red, claret, reddy, red ish, berry red
        """,
        "green": """
            avocado green, pistachio green, kelly green, racing green, hunter green, spring green, pine green, fern green,
            pickle green, army green, sage green, shamrock green, clover green, basil green, frog green, cucumber green,
            cactus green, lettuce green, parrot green, traffic light green, seaweed green, greeny, green ish, kiwi green
        """,
        "blue": """
            electric blue, sea blue, powder blue, denim blue, ice blue, periwinkle blue, prussian blue, peacock blue,
            cornflower, police blue, indigo blue, jeans blue, berry blue, blueberry blue, sapphire blue,
            blueish, blue ish, smurf blue
        """,
        "yellow": """
            sun yellow, sunflower yellow, honey yellow, custard yellow, saffron yellow, buttercup yellow, daffodil yellow,
            dandelion yellow, straw yellow, taxi yellow, school bus yellow, cheese yellow, duck yellow, duckling yellow,
            yellowy, yellow ish, sand yellow, mango yellow
        """,
        "purple": """
            orchid purple, heather purple, imperial purple, iris purple, wisteria purple, eggplant purple, aubergine purple,
            lavender purple, plum purple, purply, purple ish, purpley, royal violet, deep violet, dark violet, light violet
        """,
        "orange": """
            peach orange, traffic cone orange, safety orange, rust orange, fox orange, marigold orange, basketball orange,
            sunset orange, papaya orange, orange ish, tiger orange, flame orange, fire orange
        """,
    }
)
# Colour words that alone are something to eat or to wear: "the lemon" is none of our objects, "the lemon cube" is.
FRUIT = word_set(
    """
    amethyst apricot aubergine canary carrot cherry clementine emerald gold jade lemon lime mandarin mustard olive
    orange plum pumpkin ruby sapphire tangerine
    """
)
