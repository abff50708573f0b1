"""Kinds of Chinese words: what a word does in a sentence, and with which names the rules of the grammar are written."""

import enum


class Kind(enum.Enum):
    """What a word does in a sentence; the rules of `chinese_grammar` are written with these names."""

    __hash__ = object.__hash__  # the members are looked up often, and Enum hashes their names

    COLOR = enum.auto()
    SIZE = enum.auto()
    SHAPE = enum.auto()
    LEFT = enum.auto()
    RIGHT = enum.auto()
    TOP = enum.auto()
    UNDER = enum.auto()
    FRONT = enum.auto()
    BACK = enum.auto()
    FAR = enum.auto()
    NEAR = enum.auto()
    BESIDE = enum.auto()
    BETWEEN = enum.auto()
    CENTER = enum.auto()
    INSIDE = enum.auto()
    HERE = enum.auto()  # "那里": makes a place of an object
    ARM = enum.auto()
    FINGER = enum.auto()
    BOWL = enum.auto()
    POST = enum.auto()
    TABLE = enum.auto()
    THING = enum.auto()
    IT = enum.auto()
    OTHER = enum.auto()  # "另一只"
    FORMER = enum.auto()
    LATTER = enum.auto()
    OF = enum.auto()  # "的"
    WHICH = enum.auto()  # determiners, classifiers and the number one
    MANY = enum.auto()
    GRASP = enum.auto()
    LIFT = enum.auto()
    PUT = enum.auto()
    STACK = enum.auto()
    MOVE = enum.auto()
    WAIT = enum.auto()
    CLEAN = enum.auto()
    TURN = enum.auto()
    OVER = enum.auto()
    ROUND = enum.auto()
    PASS = enum.auto()  # "过": over or round, as the words about the post say
    OPEN = enum.auto()
    CLOSE = enum.auto()
    DOWN = enum.auto()
    TOUCH = enum.auto()  # what is negated of idle arms and of objects that do not matter
    IDLE = enum.auto()
    SELECT = enum.auto()
    DO = enum.auto()  # "右手来做"
    TAKE = enum.auto()  # "把"
    FROM = enum.auto()
    TO = enum.auto()
    AT = enum.auto()
    USE = enum.auto()
    NOT = enum.auto()
    NOT_YET = enum.auto()
    EXCEPT = enum.auto()
    BUT = enum.auto()  # ends a negation
    BE = enum.auto()
    EXIST = enum.auto()
    CORRECTION = enum.auto()
    CANCEL = enum.auto()
    HESITATION = enum.auto()  # a correction where a clause begins with it
    SLIP = enum.auto()  # what objects do by themselves
    THEN = enum.auto()
    AND = enum.auto()
    ALL = enum.auto()
    IF = enum.auto()
    REMARK = enum.auto()  # the clause gives a reason or speaks of something else
    QUESTION = enum.auto()
    REQUEST = enum.auto()
    TARGET_KEY = enum.auto()  # "目标："
    BELOW_KEY = enum.auto()
    BASE = enum.auto()  # "the brick as the base"
    SIDE_KEY = enum.auto()
    TURN_KEY = enum.auto()
    FROM_TOP = enum.auto()
    FROM_FAR = enum.auto()  # towards the robot
    KEEP_OPEN = enum.auto()  # "the gripper stays open all the time"
    KEEP_HELD = enum.auto()  # "never let go"
    END_STATE = enum.auto()  # what follows shall be so at the end
    EITHER = enum.auto()  # "the left one will do, and so will the right one"
    CASE = enum.auto()  # "的话": what stands before it is a condition
    SIDEWAYS = enum.auto()
    LENGTHWAYS = enum.auto()
    CLOCKWISE = enum.auto()
    COUNTERCLOCKWISE = enum.auto()
    FILLER = enum.auto()
    CLAUSE = enum.auto()  # ","
    SENTENCE = enum.auto()  # "."
    LIST = enum.auto()  # "、"
    COLON = enum.auto()  # ":" "=" and arrows
    ASK = enum.auto()  # "?"
    UNKNOWN = enum.auto()
    OBJECT = enum.auto()  # a phrase: what has a colour, a shape or a size
    ACTION = enum.auto()  # a verb for what the robot cannot do
    OUTSIDE = enum.auto()  # a word that is known to be outside of the world; its value says in which way
