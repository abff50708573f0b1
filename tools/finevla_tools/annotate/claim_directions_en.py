"""English words of the check for sides, directions, turns, moments and measures, in the manner of `claim_words_en`.

`the left bowl` and `to the left of the plate` are places: they are read as such, so that they are no directions.
"""

import re

from finevla_tools.annotate.claim_verbs import either
from finevla_tools.annotate.claim_words_en import HAND, PLACE, SIDE

# Surfaces and containers: `from the left side of the table` says where something was.
_SURFACE = (
    r"(?:table|tabletop|desk|plate|bowl|tray|box|workspace|scene|board|mat|shelf|bin|basket|counter|robot|image"
    r"|frame|picture)"
)
# What things are carried across, and what they are put in: `in the drawer to the right` is no direction.
_ROOM = r"(?:table(?:top)?|desk|workspace|scene|mat|counter|work ?surface|work area|work ?bench)\b"
_VESSEL = (
    r"(?:bowl|box|drawer|bin|basket|tray|plate|shelf|container|cup|cabinet|rack|pot|pan|bag|dish|crate|bucket|sink|oven"
    r"|microwave|slot|holder|stand|pile|stack|cloth|towel|coaster)"
)
_OF = rf"(?! of (?:the|a|its)? ?(?:\w+ )?{_SURFACE}\b)"
_SELF = (
    r"(?:the robot(?:'s (?:base|body))?|itself|(?:its|the|robot's) (?:own )?(?:base|body|torso|trunk)|you|the operator)"
)
_THE = r"(?:the |its |his |your |the robot's |the object's |the target's |robot's |the \w+'s )"
# A side is the end of its phrase where a word follows that begins another one.
_END = (
    r"(?=\s*$|\s*[,.;:!?)(]|\s+(?:and(?! (?:left|right))|or|by|for|about|around|until|till|while|whilst|then"
    r"|before|after|again"
    r"|slightly|over|across|along|with|at|in|round|from|w/|past|beyond|beside|near|between|through|throughout|onto"
    r"|into|up|down|forwards?"
    r"|backwards?|a bit|a distance"
    r"|roughly|approximately|some|via|thanks|as|when|once|so|but|where|which|because|rather|instead|not|though"
    r"|although|thereby"
    r"|thus|upon|on|that|is|was|has|had|without|during|since|using|if|to (?:grasp|grip|pick|reach|release|place|put)|\d"
    r"|\w+(?:ing|s|ed)\b|it\b))"
)
_FROM = r"\bfrom"
_FAR = r"(?:far|front|distant|remote|opposite|farther|further)"
_NEAR = r"(?:near|back|rear|closer|nearer|close|nearest|closest|robot|robot's)"
_WHERE = r"(?:side|end|edge|flank|face)"
_COVERED = r"\d+(?:\.\d+)?"
_SECONDS = r"(?:s\b|secs?\b|seconds?\b)"

WORDS: tuple[tuple[str, str, str], ...] = (
    ("from", "top", rf"{_FROM} (?:straight |directly |right |its |the |an? |up |high |just )*(?:above|top"
                    rf"|overhead|over (?:it|the \w+))"
                    r"\b(?: (?:position|side))?(?! of)|\bfrom up high\b|\btop[- ]down\b|\bstraight down(?:wards?)?\b"
                    r"|(?<!up )\bvertical(?:ly)?\b(?! (?:up|lift|rais))|\boverhead approach\b"
                    r"|\bapproach\w* (?:\w+ )?overhead\b"),
    ("from", "", rf"{_FROM} {_THE}?{SIDE}(?:[- ]hand)?[- ](?:side|flank|edge|face)\b(?! to\b){_OF}"),
    ("from", "", rf"{_FROM} {_THE}{SIDE}(?:[- ]hand)?(?: of (?:it|the (?!{_SURFACE}\b)\w+)\b)?(?! to\b){_END}"),
    ("from", "", rf"\b{SIDE}(?:ward)?s?(?:-hand)?(?:[- ]side)?[- ]approach\b"),
    ("from", "front", rf"{_FROM} {_THE}{_FAR}(?:[- ]front)?[- ]{_WHERE}\b{_OF}"
                      rf"|{_FROM} {_THE}(?:far )?front\b(?! to\b){_END}"
                      rf"|{_FROM} {_THE}front side\b|{_FROM} (?:the|its) {_WHERE} (?:\w+ ){{0,2}}(?:away"
                      rf"|farther|further|farthest|furthest|opposite"
                      rf"|remote)(?: away)? from {_SELF}|{_FROM} (?:behind|beyond)(?: (?:it"
                      rf"|the (?!{_SURFACE}\b)\w+))?{_END}"
                      r"|\b(?:far|front)-side approach\b"),
    ("from", "back", rf"{_FROM} {_THE}{_NEAR}(?: (?:own|near))?[- ]{_WHERE}\b{_OF}|{_FROM} {_THE}(?:back"
                     rf"|rear)\b(?! to\b){_END}"
                     rf"|{_FROM} (?:the|its) {_WHERE} (?:\w+ ){{0,2}}(?:nearest|closest|nearer|closer|facing"
                     rf"|next|towards?|near)"
                     rf"(?: to| towards?)? {_SELF}|{_FROM} (?:the robot's|its) own side\b"
                     rf"|{_FROM} in front of (?:it|the \w+)\b"
                     r"|\bnear-side approach\b"),
    ("from", "below", rf"{_FROM} (?:below|underneath|beneath|under)(?: it)?{_END}"),
    ("place side", "", r"\b(?:on|at|in|to|towards?|near|beside|by|from|of) (?:the |its |your "
                       r"|his )?(?:far )?(?:left|right)(?:most)?"
                       rf"(?:[- ]hand)?(?:[- ]side)? of\b|\b(?:left|right)(?:most)?(?:[- ]hand)?[- ]{PLACE}\b"
                       rf"|\b(?:left|right) of\b"
                       rf"|\b(?:on|at) (?:the |its |your )(?:left"
                       rf"|right)(?:[- ]hand)?(?: side)?\b(?! (?:robot\w* )?{HAND}\b)"
                       r"|\bfingers? (?:to|on) (?:its|the) (?:left|right)(?: and (?:left|right))?\b"),
    ("place side", "", r"\b(?:facing|faces|faced|pointing|points|oriented|leaning"
                       r"|tilted)(?: to(?:wards?)?)?(?: the)? (?:left|right)\b"),
    ("place side", "", r"\b(?:in|into|on|onto|inside|at|beside|by|near|with|behind) (?:the |an? |its "
                       r"|another )(?:\w+ ){0,2}?"
                       rf"{_VESSEL} (?:to|on|at) (?:the |its )?(?:far )?(?:left|right)\b"),
    ("place side", "", r"\b(?:first|second|third|fourth|fifth|last|one|1|2|3|\d(?:st|nd|rd"
                       r"|th))(?: (?!in\b)\w+)? from (?:the )?(?:left|right)\b"),
    ("dir", "", rf"\btowards? (?:the |its )(?:far )?{SIDE}[- ](?:hand )?(?:side|half|part|end|edge|area"
                rf"|region) of (?:the |its )?{_ROOM}"),
    ("dir", "", rf"\b(?:to|towards?|over to|off to|further to|farther to) (?:the |its |your |the robot's "
                rf"|robot's |his )(?:far )?{SIDE}"
                rf"(?:-hand| hand(?= side))?(?:[- ]side)?\b(?! of\b)(?! {HAND})(?![ -]{PLACE}){_END}"),
    ("dir", "", rf"\b{SIDE}wards?\b(?![- ]side)"),
    ("dir", "", rf"\b(?:to )?(?<!the )(?<!its )(?<!your )(?<!on )(?<!from )(?<!and )(?<!is )(?<!was )(?<!has )(?<!are ){SIDE}\b"
                rf"(?! (?:after|before|when|as|at the|once|away|next to|beside|it|the|them|alone|in|at|on|behind"
                rf"|above|from|over|with|as|untouched)\b){_END}"),
    ("dir", "forward", rf"\bforwards?\b|\b(?:(?:farther|further|farthest|furthest) )?away from {_SELF}"
                       rf"|\b(?:farther|further) (?:out )?"
                       rf"(?:from|off) {_SELF}|\b(?:straight |dead )ahead\b|\b(?:to|towards?) the far (?:side"
                       rf"|end|edge)\b|\boutwards?\b"),
    ("dir", "backward", rf"\bbackwards?\b|\b(?:back |in )?(?:to|towards?|near|nearer(?: to)?"
                        rf"|closer(?: to)?) {_SELF}(?!'s){_END}"
                        r"|\b(?:to|towards?) the near (?:side|end|edge)\b"),
    ("dir", "up", r"\bupwards?\b|\b(?:mov|carr|bring)\w*(?: \w+){0,3} up(?=\s*$|\s*[,.;]|\s+(?:and|by))"),
    ("dir", "down", r"\bdownwards?\b|\b(?:mov|carr|bring)\w*(?: \w+){0,3} down(?=\s*$|\s*[,.;]|\s+(?:and|by))"),
    ("seen", "", r"\b(?:seen|viewed|looking|looked|looks|appears|observed|watched|view|as seen)(?: (?:at|down|on))*\b"),
    ("hedge", "", r"\b(?:slightly|slight|a bit|a little|somewhat|marginally|briefly|brief|small)\b"),
    ("sense", "counterclockwise", r"\bcounterclockwise\b|\bagainst the (?:clock|hands)|\b(?:opposite|contrary"
                                  r"|counter) to the clock"),
    ("sense", "clockwise", r"\bclockwise\b|\b(?:with|like) (?:the )?(?:hands of )?(?:the|a) clock|\bas a clock goes"
                           r"|\bthe way a clock goes|\bin the direction of the clock|\bin the clock's direction"),
    ("time", "", rf"(?<![\d.])(?P<n>{_COVERED})[ -]?{_SECONDS}"),
    ("span", "", rf"\b(?:from|between) {_COVERED} ?{_SECONDS}? ?(?:to|until|and|-) ?{_COVERED} ?{_SECONDS}"
                 rf"|\b{_COVERED} ?s? ?(?:-|to) ?{_COVERED} ?{_SECONDS}"),
    ("span", "", r"\b(?:for|within|lasting|lasts?|takes?|took|over|every|after|during|another|waits?|in) (?:the "
                 r"|some |about |around "
                 r"|roughly |approximately |another |next |nearly |almost |just |a further |only )*"
                 rf"{_COVERED}[ -]?{_SECONDS}(?! mark)"),
    ("angle", "", rf"(?<![\d.])(?P<n>{_COVERED})[ -]?(?:°|degrees?\b|deg\b)"),
    ("length", "", rf"(?<![\d.])(?P<n>{_COVERED})[ -]?(?P<u>mm|cm|m|millimet(?:er|re)s?|centimet(?:er|re)s?"
                   rf"|met(?:er|re)s?|inch(?:es)?)"
                   r"(?![A-Za-z])"),
    ("tilt", "", r"\b(?:tilt|inclin|lean|slant|pitch)\w*\b"),
    ("unless", "", either(r"if|unless|in case|should it|whether|would have|could have")),
)  # fmt: skip

# Names of an arm after these words do not say that it acts.
BESIDE = re.compile(
    r"(?:towards?|near|beside|away from|(?:front|left|right|side|top|reach|ahead|out|path|base|behalf) of"
    r"|closer to|close to|next to"
    r"|below|beneath|under|facing|past|behind|opposite|between|than|avoiding|around|touching|touches|hitting|hits"
    r"|bumping into|meets|meeting|resembles) (?:the |its |your |robot's )*$"
)
