"""Promises of the seal: only who holds the key is believed, once, and the key is one user's alone."""

import multiprocessing
import os
from pathlib import Path

import pytest

from finevla_core.errors import FineVLAError
from finevla_core.safety.message_seal import Signer, TrajectoryCheck, key_folder, load_key, seal_of

KEY, OTHER = b"k" * 32, b"o" * 32
BRIDGE, WATCHDOG = "/finevla/safety_bridge", "/finevla/safety_watchdog"
SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def check(own: Signer | None = None, **options: bool) -> TrajectoryCheck:
    return TrajectoryCheck(KEY, own or Signer(KEY, WATCHDOG), (BRIDGE, WATCHDOG), **options)


def test_sealed_trajectories_of_bridge_and_watchdog_are_no_strangers() -> None:
    own, bridge = Signer(KEY, WATCHDOG), Signer(KEY, BRIDGE)
    listener = check(own)
    for signer in (bridge, own, bridge, own):
        for controller in ("left", "right"):
            sender = listener.heard(controller, signer.trajectory(controller, b"x"), b"x", NOW, NOW)
            assert (sender.node, sender.why) == (signer.node, "")
            assert listener.is_own(sender) == (signer is own)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        WATCHDOG,
        BRIDGE + "#1#2#3",
        "#" * 3,
        "#" * 1000,
        f"{BRIDGE}#0000000000000000#1#" + "0" * 64,
        f"{BRIDGE}#0000000000000000#-1#" + "0" * 64,
        f"{BRIDGE}#0000000000000000#１#" + "0" * 64,
        f"{BRIDGE}#\ud800#1#\ud800",
        "n" * 10_000 + "#0#1#" + "0" * 64,
    ],
)
def test_a_name_alone_is_a_strangers(tag: str) -> None:
    assert check().heard("left", tag, b"x", NOW, NOW).why


def test_what_was_sealed_with_another_key_or_changed_or_moved_is_a_strangers() -> None:
    listener, bridge = check(), Signer(KEY, BRIDGE)
    assert "seal is wrong" in listener.heard("left", Signer(OTHER, BRIDGE).trajectory("left", b"x"), b"x", NOW, NOW).why
    assert "seal is wrong" in listener.heard("left", bridge.trajectory("left", b"x"), b"y", NOW, NOW).why
    assert "seal is wrong" in listener.heard("right", bridge.trajectory("left", b"x"), b"x", NOW, NOW).why
    for i, old in enumerate(parts := bridge.trajectory("left", b"x").split("#")):
        changed = [*parts[:i], old[:-1] + ("1" if old[-1] != "1" else "2"), *parts[i + 1 :]]
        assert "seal is wrong" in listener.heard("left", "#".join(changed), b"x", NOW, NOW).why
    assert not listener.heard("left", "#".join(parts), b"x", NOW, NOW).why


def test_other_nodes_with_the_key_may_not_command() -> None:
    assert "may not command" in check().heard("left", Signer(KEY, "/x").trajectory("left", b"x"), b"x", NOW, NOW).why


def test_copy_of_a_sealed_one_is_a_strangers() -> None:
    own, bridge = Signer(KEY, WATCHDOG), Signer(KEY, BRIDGE)
    listener = check(own)
    tags = [signer.trajectory("left", b"x") for signer in (bridge, own, bridge)]
    assert not any(listener.heard("left", tag, b"x", NOW, NOW).why for tag in tags)
    assert all("copy" in listener.heard("left", tag, b"x", NOW, NOW).why for tag in tags)


def test_restarted_bridge_and_watchdog_are_no_strangers_but_the_one_before_is() -> None:
    listener, first, second = check(), Signer(KEY, BRIDGE), Signer(KEY, BRIDGE)
    for signer in (first, first, second):
        assert not listener.heard("left", signer.trajectory("left", b"x"), b"x", NOW, NOW).why
    assert "two processes" in listener.heard("left", first.trajectory("left", b"x"), b"x", NOW, NOW).why
    assert not listener.heard("left", second.trajectory("left", b"x"), b"x", NOW, NOW).why


def test_recording_of_an_earlier_run_is_a_strangers() -> None:
    listener, bridge = check(), Signer(KEY, BRIDGE)
    tag = bridge.trajectory("left", b"x")
    assert "recording" in listener.heard("left", tag, b"x", NOW - 60 * SECOND, NOW).why
    assert not listener.heard("left", tag, b"x", NOW - SECOND, NOW).why


def test_second_bridge_is_a_stranger_to_a_bridge_and_a_second_watchdog_none_to_a_watchdog() -> None:
    bridge = check(Signer(KEY, BRIDGE))
    assert "another" in bridge.heard("left", Signer(KEY, BRIDGE).trajectory("left", b"x"), b"x", NOW, NOW).why
    watchdog = check(may_be_two=True)
    sender = watchdog.heard("left", Signer(KEY, WATCHDOG).trajectory("left", b"x"), b"x", NOW, NOW)
    assert not sender.why
    assert not watchdog.is_own(sender)


def test_parts_of_a_seal_cannot_run_together() -> None:
    assert seal_of(KEY, "heartbeat", "ab", "c") != seal_of(KEY, "heartbeat", "a", "bc")
    assert seal_of(KEY, "heartbeat", "a") != seal_of(KEY, "trajectory", "a")


# The key


def test_key_is_made_once_and_is_this_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    key = load_key(folder, 7, "/lab/finevla")
    assert (len(key), load_key(folder, 7, "/lab/finevla")) == (32, key)
    assert load_key(folder, 8, "/lab/finevla") != key
    assert load_key(folder, 7, "/finevla") != key
    assert [oct(p.stat().st_mode & 0o777) for p in (folder, folder / "7-lab-finevla.key")] == ["0o700", "0o600"]
    assert len(list(folder.iterdir())) == 3


def _key(folder: Path) -> bytes:
    return load_key(folder, 0, "/finevla")


def test_all_who_come_at_the_same_time_get_the_same_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        for round_ in range(10):
            assert len(set(pool.map(_key, [tmp_path / str(round_)] * 8, chunksize=1))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_key_that_others_can_read_is_refused_in_one_sentence(tmp_path: Path, mode: int) -> None:
    load_key(tmp_path / "keys", 0, "/finevla")
    os.chmod(tmp_path / "keys" / "0-finevla.key", mode)
    with pytest.raises(FineVLAError, match=r"^the key of the safety nodes: .*0-finevla\.key is not this user's alone"):
        load_key(tmp_path / "keys", 0, "/finevla")


def test_folder_in_which_others_can_put_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    os.chmod(tmp_path / "keys", 0o777)
    with pytest.raises(FineVLAError, match="not this user's alone"):
        load_key(tmp_path / "keys", 0, "/finevla")


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    load_key(tmp_path, 0, "/finevla")
    (tmp_path / "0-finevla.key").write_bytes(content)
    with pytest.raises(FineVLAError, match="damaged"):
        load_key(tmp_path, 0, "/finevla")


def test_link_to_a_key_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path / "a", 0, "/finevla")
    (tmp_path / "b").mkdir(mode=0o700)
    (tmp_path / "b" / "0-finevla.key").symlink_to(tmp_path / "a" / "0-finevla.key")
    with pytest.raises(FineVLAError, match="cannot be used"):
        load_key(tmp_path / "b", 0, "/finevla")


def test_keys_are_where_the_environment_says() -> None:
    assert key_folder({"FINEVLA_KEY_DIR": "/a", "XDG_RUNTIME_DIR": "/b", "HOME": "/c"}) == Path("/a")
    assert key_folder({"XDG_RUNTIME_DIR": "/b", "HOME": "/c"}) == Path("/b/finevla")
    assert key_folder({"HOME": "/c"}) == Path("/c/.finevla/keys")


def test_who_lives_by_other_words_needs_no_stamp() -> None:
    own, watchdog, other = Signer(KEY, BRIDGE), Signer(KEY, WATCHDOG), Signer(KEY, WATCHDOG)
    listener = check(own)
    assert "no stamp" in listener.heard("left", watchdog.trajectory("left", b"x"), b"x", 0, NOW).why
    listener.meet(WATCHDOG, watchdog.instance)
    assert not listener.heard("left", watchdog.trajectory("left", b"x"), b"x", 0, NOW).why
    assert "no stamp" in listener.heard("left", other.trajectory("left", b"x"), b"x", 0, NOW).why
    listener.meet(WATCHDOG, other.instance)  # it was started again
    assert not listener.heard("left", other.trajectory("left", b"x"), b"x", 0, NOW).why
    assert "two processes" in listener.heard("left", watchdog.trajectory("left", b"x"), b"x", NOW, NOW).why
    listener.meet(WATCHDOG, watchdog.instance)
    assert "two processes" in listener.heard("left", watchdog.trajectory("left", b"x"), b"x", NOW, NOW).why
    listener.meet(BRIDGE, "another")
    assert listener.is_own(listener.heard("left", own.trajectory("left", b"x"), b"x", 0, NOW))


def test_a_stop_of_another_watchdog_without_a_stamp_may_be_a_recording() -> None:
    own, other = Signer(KEY, WATCHDOG), Signer(KEY, WATCHDOG)
    listener = check(own, may_be_two=True)
    assert not listener.heard("left", other.trajectory("left", b"x"), b"x", NOW, NOW).why
    assert "no stamp" in listener.heard("left", other.trajectory("left", b"x"), b"x", 0, NOW).why
    assert not listener.heard("left", own.trajectory("left", b"x"), b"x", 0, NOW).why
