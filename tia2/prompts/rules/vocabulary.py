"""The words that the rules know: numbers, colours, sizes, materials, relations, and where a noun phrase ends.

Everything a rule may write comes from here; what isn't listed is copied from the prompt or left alone.
"""

from __future__ import annotations


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


NUMBERS = _list(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty twenty-one twenty-two"
)
LARGEST = 20
"""Larger numbers are left alone: nobody counts them in an image."""

COLOURS = ("red", "blue", "yellow", "purple", "green", "orange", "black", "pink", "white", "brown", "gray")
"""The colours that are written. Others follow a prompt's own in this order, in which neighbours are not alike."""

KIN = {
    "grey": {"gray"},
    "cyan": set[str](),
    "magenta": {"pink", "purple"},
    "turquoise": {"blue", "green"},
    "teal": {"blue", "green"},
    "navy": {"blue"},
    "indigo": {"blue", "purple"},
    "violet": {"purple"},
    "lavender": {"purple"},
    "maroon": {"red", "brown"},
    "crimson": {"red"},
    "scarlet": {"red"},
    "gold": {"yellow"},
    "golden": {"yellow"},
    "silver": {"gray"},
    "bronze": {"brown"},
    "beige": {"brown", "white"},
    "tan": {"brown"},
    "amber": {"yellow", "orange"},
}
"""Colours that are read, never written, and the written ones that could pass for them."""

COLOUR_WORDS = frozenset({*COLOURS, *KIN})
"""Every colour that is read."""

ALSO_NOUNS = {"orange", "violet", "lavender", "gold", "silver", "bronze", "navy", "tan", "amber", "maroon", "scarlet"}
"""Colours only where a noun follows: "an orange" is a fruit."""

SIZES = {
    "small": "large",
    "little": "large",
    "tiny": "huge",
    "miniature": "huge",
    "large": "small",
    "big": "small",
    "huge": "tiny",
    "giant": "tiny",
    "enormous": "tiny",
    "gigantic": "tiny",
    "tall": "short",
    "short": "tall",
    "long": "short",
    "wide": "narrow",
    "narrow": "wide",
    "thick": "thin",
    "thin": "thick",
}

MATERIAL_ADJECTIVES = ("wooden", "metal", "glass", "plastic", "stone", "leather", "paper", "ceramic", "rubber")
MATERIALS = ("wood", "metal", "glass", "plastic", "stone", "leather", "paper", "ceramic", "rubber")

ATTRIBUTES = COLOUR_WORDS | {*SIZES, *MATERIAL_ADJECTIVES}
"""What a rule may move from one object to another."""

NAMES = {
    ("golden", "retriever"),
    ("golden", "gate"),
    ("golden", "hour"),
    ("red", "panda"),
    ("blue", "whale"),
    ("black", "hole"),
    ("green", "tea"),
    ("orange", "juice"),
    ("red", "wine"),
    ("white", "wine"),
}
"""Colours that belong to the name of a kind of thing."""

SHAPES = (("circle", "square", "triangle", "cross"), ("sphere", "cube", "pyramid", "cylinder"))
"""Shapes, flat and solid, each replaced by others of its kind."""

LATERAL = ("to the {} of", "on the {} of", "at the {} of", "{} of")


def _relations() -> dict[str, tuple[str, ...]]:
    excluded: dict[str, tuple[str, ...]] = {}
    for form in LATERAL:
        left, right = form.format("left"), form.format("right")
        vertical = ("above", "below") if form == "{} of" else ("on top of", "under")
        excluded[left], excluded[right] = (right, *vertical), (left, *vertical)
    excluded["above"] = ("below", "left of", "right of")
    excluded["below"] = ("above", "left of", "right of")
    excluded["on top of"] = ("under", "to the left of", "to the right of")
    excluded["at the bottom of"] = excluded["underneath"] = excluded["beneath"] = (
        "on top of",
        "to the left of",
        "to the right of",
    )
    excluded["under"] = ("on top of", "to the left of", "to the right of")
    excluded["over"] = ("under", "next to")
    excluded["in front of"] = ("behind", "next to")
    excluded["behind"] = ("in front of", "next to")
    excluded["next to"] = excluded["beside"] = excluded["near"] = ("on top of", "under")
    excluded["on"] = ("under", "next to")
    excluded["in"] = excluded["inside"] = ("on top of", "next to")
    excluded["outside"] = ("inside",)
    return excluded


RELATIONS = _relations()
"""Every relation that is read, and those that can't hold at the same time as it."""

SYMMETRIC = {"next to", "beside", "near"}
WEAK = {"on", "in", "inside", "outside", "over", "with"}
"""Links whose objects are not swapped, and whose second object doesn't stand alone."""

NOT_ON = _set(
    "street road grass beach ground floor field lawn sidewalk stage moon mars water ocean sea snow ice sand lake "
    "river hill mountain farm planet island wall background foreground side left right top bottom train bus plane "
    "airplane day night morning evening afternoon edge corner date trip way mission phone screen canvas set "
    "street's"
)
"""What `on` is followed by where "under" would say something odd."""

CONTAINERS = _set(
    "basket bowl box bag bottle bucket cage car cup drawer glass jar house mug pot room suitcase tent van vase"
)
"""What `in` must be followed by to name a place that an object can also lie beside."""

MEDIA = _set(
    "photo photograph picture image painting drawing sketch illustration cartoon render rendering watercolor "
    "watercolour shot snapshot close-up closeup depiction artwork art portrait page sticker scene view print "
    "photography"
)
"""What, before "of", shows the objects and is not one of them."""

OBJECTS_TOO = {"page", "print", "scene", "sticker", "view"}
"""Media that are objects where they don't show others."""

PLACE_PREPOSITIONS = _set(
    "in at during as through into from to by for within across along on onto inside of like than around"
)
"""Words after which one object is a place or a role: "two tigers in a forest" is a contrast, "in two forests" isn't."""

RELATION_ENDINGS = ("left of", "right of", "top of", "bottom of", "front of", "next to")
"""Where these words end a relation, its object counts."""

IDIOMS = _set("few lot couple bit number little dozen variety range great series set half handful")
"""Words that, before "of" or a plural, make "a" no count."""

BE = {"is": "are", "was": "were", "has": "have", "does": "do"}

SINGULAR_PRONOUNS = _set("it its it's he she his her him himself herself itself")
PLURAL_PRONOUNS = _set("they their them themselves each other another together both all")

FUNCTION_WORDS = _set(
    "later ago "
    "a an the this that these those some any no every each another either neither both all and or but nor plus "
    "versus vs while as than then so because if when where who which whose whom what of in on at to from by with "
    "without within into onto over under underneath beneath above below between among behind beside besides near "
    "next inside outside through across along around against before after during until toward towards up down off "
    "out about like upon amid beyond is are was were be been being am has have had do does did can could will would "
    "should may might must not it its it's he she they we you i his her their our your my him them us me left right "
    "there here very too also only just together made surrounded covered filled dressed"
)
"""Words that end a noun phrase, or can't begin one."""

NUMBER_WORDS = frozenset(NUMBERS)

ING_NOUNS = _set(
    "ring earring king wing building painting drawing swing string ceiling pudding wedding sibling duckling "
    "dumpling evening morning thing spring viking clothing lightning starling herring icing seedling railing awning"
)

VERBS = _set(
    "sits stands lies runs walks jumps eats drinks chases holds wears rides plays reads looks watches flies swims "
    "sleeps hangs rests leans drives carries plays dances sings says reads shows faces fights hugs kisses pulls "
    "pushes throws catches climbs floats"
)

SINGULARS_IN_S = _set(
    "lens series species gas canvas atlas christmas pancreas tennis iris oasis basis axis chassis trellis debris "
    "clematis crisis paris texas cosmos chaos rhinoceros albatross news physics calculus mathematics"
)
PLURALS_IN_US_OR_IS = _set("menus emus gnus skis kiwis bikinis taxis zucchinis paninis samurais")

ADJECTIVES = _set(
    "happy sad angry young old new cute beautiful pretty ugly fluffy furry hairy shiny bright dark light pale vivid "
    "round square flat empty full open closed broken clean dirty wet dry hot cold fresh sweet realistic modern "
    "ancient vintage single lonely sleepy friendly scary funny fat slim strong soft hard smooth rough striped "
    "spotted plain"
)
