"""Promises of the dialect of FineVLA's fork: nothing but the model's own arguments is sent, and its answers are judged."""

from typing import Any

import numpy as np
import pytest

from finevla_core.errors import FineVLAError
from finevla_core.policy_wire.msgpack_arrays import OPENPI
from finevla_core.policy_wire.starvla_fork_dialect import FineVlaFork

IMAGES = {"cam_high": np.full((4, 4, 3), 7, np.uint8)}
HEAD = {"status": "ok", "ok": True, "type": "inference_result", "request_id": "default"}


def answered(found: dict[str, Any]) -> bytes:
    return OPENPI.encode(found)


def test_a_request_has_the_models_arguments_and_nothing_else() -> None:
    frame = FineVlaFork("aloha").request(IMAGES, np.arange(14.0), "go", {}, "1")
    found = OPENPI.decode(frame, "request")
    assert set(found) == {"examples", "unnorm_key"}
    (example,) = found["examples"]
    assert set(example) == {"image", "lang", "state"}
    np.testing.assert_array_equal(example["image"][0], IMAGES["cam_high"])
    assert example["state"].shape == (1, 14)
    assert set(OPENPI.decode(FineVlaFork().request(IMAGES, None, "go", {}, "1"), "request")) == {"examples"}


@pytest.mark.parametrize("metadata", [{}, {"env": "anything"}, {"env": "starvla_policy_server"}])
def test_no_key_of_a_handshake_is_asked_for(metadata: dict[str, Any]) -> None:
    FineVlaFork().check(metadata)


@pytest.mark.parametrize("key", ["normalized_actions", "actions"])
def test_an_answer_tells_whether_it_is_normalised(key: str) -> None:
    frame = answered(HEAD | {"data": {key: np.ones((1, 16, 14), np.float32)}})
    answer = FineVlaFork().answer(frame, "server", "7")
    assert answer.actions.shape == (16, 14)
    assert answer.is_normalised == (key == "normalized_actions")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (HEAD | {"request_id": "other", "data": {}}, "another request"),
        (HEAD | {"data": {"normalized_actions": np.full((1, 16, 14), np.nan)}}, "nan in row 0"),
        (HEAD | {"data": {"normalized_actions": np.zeros((2, 16, 14))}}, "2 chunks"),
        (HEAD | {"status": "error", "ok": False, "error": {"message": "x\nKeyError: 'lang'"}}, "KeyError: 'lang'"),
    ],
)
def test_what_is_no_chunk_is_refused_in_one_sentence(found: dict[str, Any], said: str) -> None:
    with pytest.raises(FineVLAError, match=said) as caught:
        FineVlaFork().answer(answered(found), "server", "7")
    assert "\n" not in str(caught.value)
