"""Promises of the reader of instructions: texts and factors agree or are refused with both values; habits are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_core.language.reader import Meaning, read, read_text
from finevla_core.language.slots import SLOTS, WIDTH, indices, one_hot
from finevla_core.understanding import NotUnderstood


def meaning(raw: str, fine: str = "", **factors: object) -> Meaning:
    return read(Instruction(raw, fine, Factors(**factors)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "factors", "summary"),
    [
        ("pick up the red cube", {}, "pick up · red cube"),
        ("用左手从上面拿起红色方块", {}, "pick up · left arm · red cube · from above"),
        (
            "reach the cube",
            {"active_actor": "right_arm", "approach_direction": "left", "target_color": "red"},
            "reach · right arm · red cube · from its left",
        ),
        (
            "put it there",
            {"target_color": "red", "target_shape_or_size": "cube", "final_workspace_location": "left bowl"},
            "put · red cube · into the left bowl",
        ),
        (
            "stack it",
            {"target_color": "red", "target_shape_or_size": "cube", "final_relation": "on top of the green brick"},
            "stack · red cube · onto green brick",
        ),
        (
            "carry the ball to the right bowl",
            {"path_shape": "over the post", "contact_region": "left and right side", "target_shape_or_size": "small ball"},
            "put · small ball · fingers at its left and right · over the post · into the right bowl",
        ),
        ("turn the knob", {"rotation_direction": "counterclockwise"}, "turn · knob · counterclockwise"),
        ("clear the table", {"target_category": "every object", "active_actor": "left_arm"},
         "clear the table · left arm · everything · into the left bowl, not said"),
        ("turn the dial with the right hand", {}, "turn · right arm · knob · clockwise, not said"),
        ("take the ball", {"base_motion": "none"}, "pick up · ball"),
    ],
)  # fmt: skip
def test_words_and_factors_come_out_as_one_summary(raw: str, factors: dict[str, object], summary: str) -> None:
    assert meaning(raw, **factors).understanding.summary == summary


def test_fine_text_and_raw_text_say_one_thing_together() -> None:
    assert meaning("put the red cube in the left bowl", "with the left arm, from above").slots == {
        "task": "place", "arm": "left", "approach": "top", "color": "red", "shape": "cube", "place": "left_bowl"
    }  # fmt: skip
    with pytest.raises(NotUnderstood, match="one text says arm 'left', the other 'right'"):
        meaning("用左手拿起红色方块", "pick up the red cube with the right arm")


@pytest.mark.parametrize(
    ("raw", "factors", "reason"),
    [
        ("reach the cube with the left arm", {"active_actor": "right_arm"},
         "the text says arm 'left', the factors say 'right'"),
        ("pick up the red cube", {"target_color": "blue"}, "the text says color 'red', the factors say 'blue'"),
        ("take the ball", {"base_motion": "forward"}, "factor 'base_motion' is 'forward': this robot stands still"),
        ("take the ball", {"active_actor": "both_arms"}, "factor 'active_actor' is 'both_arms'; this policy knows"),
        ("take the ball", {"contact_region": "handle"}, "factor 'contact_region' is 'handle'; this policy knows"),
        ("take the ball", {"approach_direction": "back"}, "factor 'approach_direction' is 'back'; this policy knows"),
        ("take the thing", {"target_color": "pink"}, "pink"),
        ("pour the water from the kettle into the cup", {}, "I know none of: water, kettle, cup"),
        ("Prends le cube rouge", {}, "I read English and Chinese only"),
        ("赤い立方体を取って", {}, "I read English and Chinese only"),
        ("빨간 큐브를 집어", {}, "I read English and Chinese only"),
        ("возьми красный куб", {}, "I read English and Chinese only"),
        ("it", {}, "say "),
    ],
)  # fmt: skip
def test_what_cannot_be_acted_on_is_refused_with_its_reason(raw: str, factors: dict[str, object], reason: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        meaning(raw, **factors)
    assert reason in str(refused.value)


def test_factors_that_fill_no_slot_are_told_as_passed_over() -> None:
    understanding = meaning("take the ball", translation_extent="10 cm", attempt_count="2").understanding
    assert understanding.unknown == ("translation_extent", "attempt_count")


def test_what_must_be_seen_is_named() -> None:
    assert meaning("put the small red cube on the blue one").things[0] == "small red cube"
    assert meaning("put the red cube on the blue brick").things == ("red cube", "blue brick")
    assert meaning("clear the table").things == ("", "")
    assert meaning("take the purple thing").things == ("purple thing", "")


def test_refusals_are_short_whatever_the_text_is() -> None:
    for text in ("a" * 7000, "香蕉" * 3000, "flibber " * 900, "🤖" * 4000):
        reading = read_text(text)
        assert reading.refusal
        assert len(reading.refusal) <= 400
        assert all(len(word) <= 43 for word in reading.unknown)


def test_instruction_of_400_words_is_read_to_its_last_one() -> None:
    remark = "The table stays as it is and nobody is in a hurry today. " * 40
    assert len(remark.split()) > 400
    assert meaning(f"Pick up the red cube. {remark}Use the left arm.").slots["arm"] == "left"


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    reading = read_text(text)
    assert "\n" not in reading.refusal
    if not reading.refusal:
        assert reading.slots


@given(st.sampled_from([(name, word) for name, words in SLOTS.items() for word in words]))
def test_slots_become_one_number_each(slot: tuple[str, str]) -> None:
    values = one_hot({slot[0]: slot[1]})
    assert values.shape == (WIDTH,)
    assert values.sum() == len(SLOTS)
    assert indices({slot[0]: slot[1]})[list(SLOTS).index(slot[0])] == SLOTS[slot[0]].index(slot[1])


@given(
    st.text(min_size=1, max_size=80),
    st.sampled_from(["target_color", "path_shape", "final_relation", "contact_region"]),
)
def test_any_factor_is_read_or_refused(value: str, name: str) -> None:
    try:
        factors = Factors(**{name: value})  # type: ignore[arg-type]
        meaning("carry the ball to the left bowl", **{name: value})
    except FineVLAError as error:
        assert "\n" not in str(error) or "\n" in value
    else:
        assert factors.said()


def test_a_path_past_the_post_is_passed_over_and_told_where_nothing_is_carried() -> None:
    told = meaning("Go around the post and reach the red cube.")
    assert "path" not in told.slots
    assert told.understanding.summary == "reach · red cube"
    assert told.understanding.unknown == ("round the post",)
