"""Promises of the dialects: requests key by key as the servers want them, and of an answer only a chunk gets through."""

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from played_policy_server import (
    OPENPI_METADATA,
    ROWS,
    STARVLA_METADATA,
    TRACEBACK,
    WIDTH,
    chunk,
    openpi_answer,
    starvla_answer,
)

from finevla_core.errors import FineVLAError
from finevla_core.policy.remote_policy import check_layout, check_same_bundle
from finevla_core.policy_wire.finevla_dialect import instruction_of, read_understanding
from finevla_core.policy_wire.msgpack_arrays import OPENPI
from finevla_core.policy_wire.server_dialects import OpenPi, PolicyDialect, ServerAnswer, StarVla, last_line, recognise
from finevla_core.understanding import NotUnderstood, TargetAbsent

FRAMES = Path(__file__).parent / "frames"
WHERE = "policy server ws://gpu:8000"
HWC = {name: np.full((8, 10, 3), n, np.uint8) for n, name in enumerate(("head", "left", "right"))}
STATE = np.arange(14) / 7
REQUEST = {"request_id": "7"}


def asked(dialect: PolicyDialect, images: Any = HWC, state: Any = STATE, **extra: object) -> Any:
    return OPENPI.decode(dialect.request(images, state, "put it in", extra, "7"), "request")


def read(dialect: PolicyDialect, frame: bytes, shape: tuple[int | None, int | None] = (None, None)) -> ServerAnswer:
    return dialect.answer(frame, WHERE, "7", shape)


def test_openpi_gets_the_bare_observation() -> None:
    request = asked(OpenPi(), noise=np.zeros((50, 32), np.float32))
    assert list(request) == ["state", "images", "prompt", "noise"]
    assert list(request["images"]) == ["head", "left", "right"]
    assert request["prompt"] == "put it in"
    np.testing.assert_array_equal(request["state"], STATE)


def test_openpi_request_is_the_published_clients_bit_for_bit() -> None:
    recorded = (FRAMES / "openpi_request.bin").read_bytes()
    found = OPENPI.decode(recorded, "frame")
    assert OpenPi().request(found["images"], found["state"], found["prompt"], {}, "7") == recorded


def test_openpi_request_of_other_policies_has_its_keys_side_by_side() -> None:
    libero = OpenPi(images_key="", state_key="observation/state")
    request = asked(libero, {"observation/image": HWC["head"], "observation/wrist_image": HWC["left"]}, np.zeros(8))
    assert list(request) == ["observation/state", "observation/image", "observation/wrist_image", "prompt"]


def test_starvla_always_gets_the_envelope() -> None:
    request = asked(StarVla("new_embodiment"), state=None, use_ddim=True)
    assert list(request) == ["type", "request_id", "payload"]
    assert (request["type"], request["request_id"]) == ("infer", "7")
    assert list(request["payload"]) == ["examples", "unnorm_key", "use_ddim"]
    (example,) = request["payload"]["examples"]
    assert list(example) == ["image", "lang"]
    assert [int(image[0, 0, 0]) for image in example["image"]] == [0, 1, 2]


def test_starvla_request_is_the_recorded_one_bit_for_bit() -> None:
    recorded = (FRAMES / "starvla_request.bin").read_bytes()
    payload = OPENPI.decode(recorded, "frame")["payload"]
    example = payload["examples"][0]
    images = dict(zip("abc", example["image"], strict=True))
    made = StarVla(payload["unnorm_key"]).request(images, example["state"][0], example["lang"], {}, "7")
    assert made == recorded


@pytest.mark.parametrize(
    ("dialect", "images", "extra", "said"),
    [
        (OpenPi(), {"head": np.zeros((8, 10), np.uint8)}, {}, "picture 'head' has the shape (8, 10)"),
        (OpenPi(), {"head": np.zeros((8, 10, 4), np.uint8)}, {}, "picture 'head' has the shape (8, 10, 4)"),
        (OpenPi(), HWC, {"prompt": 1}, "two things: 'prompt'"),
        (OpenPi(images_key=""), {"prompt": HWC["head"]}, {}, "two things: 'prompt'"),
        (OpenPi(images_key="state"), HWC, {}, "two things: 'state'"),
        (StarVla(), {"head": np.zeros((3, 8, 10), np.uint8)}, {}, "the server wants (height, width, 3)"),
        (StarVla(), {"head": np.zeros((8, 10, 3), np.float32)}, {}, "is in float32, and the server wants uint8"),
        (StarVla("x"), HWC, {"unnorm_key": "y"}, "two things: 'unnorm_key'"),
        (StarVla(), HWC, {"thing": object()}, "cannot be sent"),
    ],
)
def test_requests_that_no_server_reads_are_not_made(
    dialect: PolicyDialect, images: Any, extra: dict[str, object], said: str
) -> None:
    with pytest.raises(FineVLAError) as caught:
        asked(dialect, images, **extra)
    assert said in str(caught.value)


def test_openpi_answer_is_read() -> None:
    answer = read(OpenPi(), openpi_answer(chunk(2.5), state=np.arange(14.0)), (ROWS, WIDTH))
    assert answer.actions.dtype == np.float64
    assert answer.actions.flags.writeable
    assert answer.actions.tolist() == chunk(2.5).tolist()
    assert not answer.is_normalised
    assert answer.server_s == 0.04
    assert answer.state is not None
    assert answer.state.tolist() == list(range(14))


def test_recorded_answer_is_read() -> None:
    answer = read(OpenPi(), (FRAMES / "openpi_answer.bin").read_bytes(), (50, 14))
    assert answer.server_s == 0.0635


def test_starvla_answer_is_read() -> None:
    answer = read(StarVla(), starvla_answer(REQUEST, "actions", chunk(1.5)[None]), (ROWS, WIDTH))
    assert answer.actions.tolist() == chunk(1.5).tolist()
    assert (answer.is_normalised, answer.server_s, answer.state) == (False, None, None)


def test_the_forks_answer_is_known_to_be_normalised() -> None:
    assert read(StarVla(), starvla_answer(REQUEST, "normalized_actions", chunk()[None])).is_normalised


@pytest.mark.parametrize("told", [None, "30", -1.0, float("nan"), float("inf"), [30.0]])
def test_a_time_that_is_none_is_not_taken_for_one(told: object) -> None:
    assert read(OpenPi(), openpi_answer(chunk(), server_timing={"infer_ms": told}, policy_timing=told)).server_s is None


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (np.full((5, 14), np.nan), "'actions' has nan in row 0, value 0"),
        (np.where(np.arange(14) == 3, -np.inf, np.zeros((5, 14))), "'actions' has -inf in row 0, value 3"),
        (np.zeros((5, 7)), "7 values in a row, and the policy's manifest says 14"),
        (np.zeros((4, 14)), "4 rows, and the policy's manifest says 5"),
        (np.zeros((0, 14)), "has the shape (0, 14)"),
        (np.zeros(14), "has the shape (14,)"),
        (np.zeros((1, 1, 5, 14)), "shape"),
        (np.zeros((5000, 14), np.float32), "has the shape (5000, 14)"),
        (np.zeros((5, 14), bool), "no array of numbers but of type bool"),
        (np.full((5, 14), "x"), "no array of numbers but of type <U1"),
        ([[0.0] * 14] * 5, "no array of numbers but of type list"),
        (None, "no array of numbers but of type NoneType"),
    ],
)
def test_what_is_no_chunk_does_not_get_through(actions: Any, said: str) -> None:
    batched = actions[None] if isinstance(actions, np.ndarray) and actions.ndim == 2 else actions
    for dialect, frame in (
        (OpenPi(), openpi_answer(actions)),
        (StarVla(), starvla_answer(REQUEST, "actions", batched)),
    ):
        with pytest.raises(FineVLAError) as caught:
            read(dialect, frame, (ROWS, WIDTH))
        assert said in str(caught.value)
        assert str(caught.value).startswith(WHERE)


def starvla_frame(**changed: object) -> bytes:
    head = {
        "status": "ok",
        "ok": True,
        "type": "inference_result",
        "request_id": "7",
        "data": {"actions": chunk()[None]},
    }
    return OPENPI.encode({**head, **changed})


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (
            starvla_frame(status="error", ok=False, error={"message": TRACEBACK}),
            "answers with an error: 'KeyError: 'cam_high''",
        ),
        (starvla_frame(status="error", error=None), "answers with an error: nothing more is said"),
        (starvla_frame(ok=False, error="out of memory"), "'out of memory'"),
        (starvla_frame(request_id="6"), "answers another request"),
        (starvla_frame(data=None), "'data' of the answer is no map"),
        (starvla_frame(data={"text": "x"}), "neither 'actions' nor 'normalized_actions' but 'text'"),
        (starvla_frame(data={"actions": np.zeros((2, 5, 14))}), "'actions' has 2 chunks"),
        (OPENPI.encode([1]), "the answer is no map with names"),
        (b"\xc1", "cannot be read as MessagePack"),
    ],
)
def test_starvla_errors_are_one_sentence(frame: bytes, said: str) -> None:
    with pytest.raises(FineVLAError) as caught:
        read(StarVla(), frame)
    assert said in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert str(caught.value).startswith(WHERE)


def test_openpi_answer_without_actions_names_what_it_has() -> None:
    with pytest.raises(FineVLAError, match="the answer has no 'actions' but 'status', 'ok'"):
        read(OpenPi(), starvla_frame())


SOME = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([chunk(), chunk()[None], np.float32(2)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["actions", "data", "normalized_actions", "state", "server_timing", "infer_ms", "status", "ok", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(SOME, st.sampled_from([OpenPi(), StarVla()]))
def test_any_answer_is_a_chunk_or_one_sentence(value: Any, dialect: PolicyDialect) -> None:
    try:
        answer = read(dialect, OPENPI.encode(value))
    except FineVLAError as error:
        assert str(error).startswith(WHERE)
        assert "\n" not in str(error)
        return
    assert answer.actions.shape == (ROWS, WIDTH)


NAMES = ("env", "available_unnorm_keys", "default_unnorm_key", "request_id", "ok", "data", "error", "status")
NAMES += ("message", "kind", "unknown", "factors", "summary", "certainty", "is_checked", "server_s", "raw", "history")


def entries(*, most: int = 6) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES), SOME, max_size=most)


@given(entries())
def test_any_handshake_is_some_servers_or_one_sentence(metadata: dict[str, Any]) -> None:
    dialect = {"openpi": OpenPi(), "starvla": StarVla()}[recognise(metadata)]
    with contextlib.suppress(FineVLAError):
        dialect.check(metadata)


@given(entries(), entries(), st.booleans())
def test_any_understanding_is_read_or_one_sentence(inner: dict[str, Any], outer: dict[str, Any], is_ok: bool) -> None:
    frame = OPENPI.encode({"request_id": "7", "ok": is_ok, ("data" if is_ok else "error"): inner} | outer)
    with contextlib.suppress(FineVLAError, NotUnderstood, TargetAbsent):
        read_understanding(frame, WHERE, "7")


@pytest.mark.parametrize("says", ["a\x00b\x1b[31m\nc", "x" * 2000])
def test_what_a_server_says_to_the_operator_is_short_and_printable(says: str) -> None:
    words = [says] * 5000
    good = {"summary": says, "certainty": 1.0, "unknown": words}
    found = read_understanding(OPENPI.encode({"request_id": "7", "ok": True, "data": good}), WHERE, "7")
    bad = {"message": says, "kind": "not_understood", "unknown": words}
    with pytest.raises(NotUnderstood) as caught:
        read_understanding(OPENPI.encode({"request_id": "7", "ok": False, "error": bad}), WHERE, "7")
    for text, unknown in ((found.summary, found.unknown), (str(caught.value), caught.value.unknown)):
        assert 0 < len(text) <= 1000
        assert all(shown.isprintable() for shown in (text, *unknown))
        assert sum(map(len, unknown)) < 4000


ODD = (np.zeros(3), np.zeros(0), [np.zeros(2)], None, {}, b"x", "\x1b[31m\n" * 1000, True, 7)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("key", ["embodiment", "values", "dt_s", "policy", "horizon", "cameras"])
def test_odd_layout_of_a_server_is_refused_in_one_line(key: str, odd: object) -> None:
    manifest = SimpleNamespace(name="tabletop", horizon=16, cameras=("front",))
    said = {
        "embodiment": "cobotmagic",
        "values": ["a"],
        "dt_s": 0.1,
        "policy": "tabletop",
        "horizon": 16,
        "cameras": ["front"],
    }
    for layout in (said, said | {key: odd}):
        with pytest.raises(FineVLAError) if layout is not said else contextlib.nullcontext() as caught:
            check_layout(layout, ("a",), 0.1, "cobotmagic")
            check_same_bundle(layout, manifest)  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@given(entries())
def test_any_instruction_of_a_client_is_one_or_one_sentence(said: dict[str, Any]) -> None:
    with contextlib.suppress(FineVLAError):
        instruction_of(said)


def test_servers_are_told_apart_by_their_first_frame() -> None:
    assert recognise({}) == "openpi"
    assert recognise(OPENPI_METADATA) == "openpi"
    assert recognise(STARVLA_METADATA) == "starvla"
    assert recognise({"env": "starvla_policy_server"}) == "starvla"
    assert recognise({"available_unnorm_keys": []}) == "starvla"


def test_a_server_of_the_other_dialect_is_refused_at_once() -> None:
    OpenPi().check(OPENPI_METADATA)
    StarVla().check(STARVLA_METADATA)
    with pytest.raises(FineVLAError, match="choose the starvla dialect"):
        OpenPi().check(STARVLA_METADATA)
    with pytest.raises(FineVLAError, match="choose the openpi dialect"):
        StarVla().check(OPENPI_METADATA)


def test_a_model_that_does_not_know_the_robot_is_refused_at_once() -> None:
    with pytest.raises(FineVLAError, match="knows no unnorm_key 'aloha', it knows 'new_embodiment'"):
        StarVla("aloha").check(STARVLA_METADATA)
    mixed = {**STARVLA_METADATA, "available_unnorm_keys": ["oxe_bridge", "oxe_rt1"], "default_unnorm_key": None}
    with pytest.raises(FineVLAError, match="no unnorm_key chooses one of 'oxe_bridge', 'oxe_rt1'"):
        StarVla().check(mixed)
    StarVla("oxe_rt1").check(mixed)


def test_of_a_servers_traceback_only_the_last_line_is_shown() -> None:
    assert last_line(TRACEBACK) == "'KeyError: 'cam_high''"
    assert last_line("") == "nothing more is said"
    assert len(last_line("x" * 10_000_000)) < 300
    assert "\x1b" not in last_line("\x1b[31mred")
