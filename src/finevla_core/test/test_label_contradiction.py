"""Promises about labels: an instruction that says something else than the task is told."""

import pytest

from finevla_core.recording.label_contradiction import contradiction, same_words


@pytest.mark.parametrize("other", ["Fold the towel.", "fold  the\ntowel", "FOLD, the towel!"])
def test_words_are_the_same_whatever_case_and_punctuation(other: str) -> None:
    assert same_words("fold the towel", other)
    assert not same_words("fold the towel", "fold the other towel")
    assert same_words("把毛巾叠好", "把毛巾叠好。")
    assert not same_words("把毛巾叠好", "把杯子叠好")


@pytest.mark.parametrize(("task", "raw", "fine"), [
    ("", "wipe", ""), ("fold", "", ""), ("fold", "Fold.", "slowly"), ("slowly, from above", "fold", "slowly from above"),
])  # fmt: skip
def test_nothing_is_told_where_they_agree(task: str, raw: str, fine: str) -> None:
    assert contradiction(task, raw, fine) == ""


def test_a_contradiction_names_both() -> None:
    assert (
        contradiction("fold", "wipe", "") == "the instruction in force is 'wipe', not its task 'fold': the task counts"
    )
    assert "'from above'" in contradiction("fold", " ", "from above")
