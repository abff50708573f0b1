"""Promises of the connection to a policy server: each fault one sentence, no answer taken for another's, and it comes back."""

import datetime
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from played_policy_server import OPENPI_METADATA, PATIENCE_S, ROWS, WIDTH, PlayedPolicyServer, plain_server

from finevla_core.errors import FineVLAError
from finevla_core.policy_wire import connection as connection_module
from finevla_core.policy_wire import websocket_link as link_module
from finevla_core.policy_wire.connection import PolicyConnection, PolicyConnectionError
from finevla_core.policy_wire.server_dialects import OpenPi, StarVla

TOKEN = "sk-very-secret-0123456789"
SHORT_S = 0.2  # for what will not be answered
Connect = Callable[..., PolicyConnection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(url, ...)`; everything is closed again."""
    made: list[PolicyConnection] = []
    before = set(threading.enumerate())  # of other tests

    def make(url: str, *args: Any, **options: Any) -> PolicyConnection:
        made.append(PolicyConnection(url, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
    new = [thread for thread in threading.enumerate() if thread.name == "policy link" and thread not in before]
    assert not [thread for thread in new if not _ends(thread)]


def _ends(thread: threading.Thread) -> bool:
    thread.join(PATIENCE_S)
    return not thread.is_alive()


def frame(**extra: object) -> bytes:
    return OpenPi().request({"cam_high": np.zeros((3, 4, 4), np.uint8)}, np.zeros(14), "reach", extra, "1")


def ask(connection: PolicyConnection, timeout_s: float = PATIENCE_S) -> float:
    """The number that the played server put into its chunk: how many requests it had got before."""
    got = connection.request(frame(), timeout_s)
    return float(OpenPi().answer(got, connection.where, "1", (ROWS, WIDTH)).actions[0, 0])


def fault(connection: PolicyConnection, timeout_s: float = PATIENCE_S) -> str:
    """The one sentence of a request that fails."""
    with pytest.raises(PolicyConnectionError) as caught:
        ask(connection, timeout_s)
    text = str(caught.value)
    assert text.startswith(connection.where)
    assert "\n" not in text
    assert "Traceback" not in text
    assert TOKEN not in text
    assert len(text) < 400
    return text


def until_answered(connection: PolicyConnection) -> float:
    """The first answer after a fault, however long the delay is."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask(connection)
        except PolicyConnectionError:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)


def test_requests_are_answered_one_after_the_other(connect: Connect) -> None:
    with PlayedPolicyServer() as server:
        connection = connect(server.url)
        assert connection.metadata is None
        assert connection.connect(PATIENCE_S) == OPENPI_METADATA == connection.metadata
        assert [ask(connection) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert server.connections == 1
        assert server.asked[0]["images"]["cam_high"].shape == (3, 4, 4)


def test_starvla_and_the_fork_are_answered(connect: Connect) -> None:
    for play, normalised in (("starvla", False), ("fork", True)):
        with PlayedPolicyServer(play) as server:
            dialect = StarVla("new_embodiment")
            connection = connect(server.url, check=dialect.check)
            asked = dialect.request({"head": np.zeros((4, 4, 3), np.uint8)}, None, "reach", {}, "9")
            answer = dialect.answer(connection.request(asked, PATIENCE_S), connection.where, "9", (ROWS, WIDTH))
            assert answer.is_normalised == normalised


@pytest.mark.parametrize(
    ("play", "said"),
    [
        ("traceback", "has failed at this request and says 'KeyError: 'cam_high'': see its own log"),
        ("too large", "has sent a frame of more than 100000 bytes"),
        ("closes", "has closed the connection (code 1001, 'going down')"),
        ("unplugged", "has gone away without a word"),
    ],
)
def test_a_server_that_fails_is_named_and_comes_back(connect: Connect, play: str, said: str) -> None:
    with PlayedPolicyServer(play) as server:
        connection = connect(server.url, max_answer_bytes=100_000)
        assert said in fault(connection)
        assert connection.metadata is None
        server.play = "openpi"
        assert until_answered(connection) == 1
        assert ask(connection) == 2


@pytest.mark.parametrize(
    ("play", "said"), [("garbage", "cannot be read"), ("nan", "has nan"), ("other shape", "7 values")]
)
def test_an_answer_that_is_no_chunk_leaves_the_connection_as_it_is(connect: Connect, play: str, said: str) -> None:
    with PlayedPolicyServer(play) as server:
        connection = connect(server.url)
        for _ in range(2):
            with pytest.raises(FineVLAError, match=said):
                ask(connection)
        server.play = "openpi"
        assert ask(connection) == 2
        assert server.connections == 1


def test_a_late_answer_is_never_taken_for_the_next_requests(connect: Connect) -> None:
    with PlayedPolicyServer("late") as server:
        connection = connect(server.url)
        connection.connect(PATIENCE_S)
        assert "has not answered within 0.2 s" in fault(connection, SHORT_S)
        server.play = "openpi"
        server.release.set()
        assert until_answered(connection) == 1
        assert [ask(connection) for _ in range(3)] == [2, 3, 4]
        assert server.connections == 2


def test_a_second_answer_to_one_request_is_not_taken_for_the_next_ones(connect: Connect) -> None:
    with PlayedPolicyServer("twice") as server:
        connection = connect(server.url)
        assert ask(connection) == 0
        assert server.answered.wait(PATIENCE_S)
        server.play = "openpi"
        # The second frame is behind the first on the same wire: it is there at the latest when a word after it is.
        link = connection._link
        assert link is not None
        assert link._socket is not None
        assert link._socket.ping().wait(PATIENCE_S)
        assert "has sent a frame that nothing asked for" in fault(connection)
        assert until_answered(connection) == 1


def test_a_request_ends_in_time_when_the_network_takes_nothing(connect: Connect) -> None:
    with PlayedPolicyServer("deaf") as server:
        connection = connect(server.url)
        connection.connect(PATIENCE_S)
        with pytest.raises(PolicyConnectionError, match="has not answered within"):
            connection.request(bytes(1 << 26), SHORT_S)


def test_a_server_lost_between_two_requests_costs_neither(connect: Connect) -> None:
    with PlayedPolicyServer() as server:
        connection = connect(server.url)
        assert ask(connection) == 0
        server.close_connections()
        while connection.metadata is not None:
            time.sleep(0.005)
        assert ask(connection) == 1
        assert server.connections == 2


def test_a_server_that_is_started_again_is_found_again(connect: Connect) -> None:
    with PlayedPolicyServer() as server:
        connection = connect(server.url)
        assert ask(connection) == 0
    assert "refuses connections" in fault(connection) or "gone away" in fault(connection)
    with PlayedPolicyServer(port=server.port):
        assert until_answered(connection) == 0


def test_a_server_that_comes_back_with_another_model_is_refused(connect: Connect) -> None:
    def check(metadata: Any) -> None:
        if metadata != OPENPI_METADATA:
            raise FineVLAError("it serves another policy")

    with PlayedPolicyServer() as server:
        connection = connect(server.url, check=check)
        assert ask(connection) == 0
    with PlayedPolicyServer("starvla", port=server.port) as other:
        deadline_s = time.monotonic() + PATIENCE_S
        while "it serves another policy" not in fault(connection):
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        assert other.asked == []


def test_the_delay_doubles_and_a_request_before_it_fails_at_once(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(connection_module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    with PlayedPolicyServer(status=500) as server:
        connection = connect(server.url)
        text = fault(connection)
        for number, delay_s in enumerate((0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0), 1):
            now_s[0] += delay_s - 0.01
            assert fault(connection) == text
            assert server.tried == number
            now_s[0] += 0.02
            assert fault(connection) == text
            assert server.tried == number + 1
        server.status = 0
        now_s[0] += 2.0
        assert ask(connection) == 0
        server.play = "closes"
        assert "code 1001" in fault(connection)
        now_s[0] += 0.11  # the first delay again
        server.play = "openpi"
        assert ask(connection) == 2


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, "answers HTTP 200 and no websocket"),
        (404, "answers HTTP 404 and no websocket"),
        (302, "redirects to another address (HTTP 302)"),
        (401, "wants a key (HTTP 401)"),
        (403, "wants a key (HTTP 403)"),
    ],
)
def test_what_answers_http_is_named(connect: Connect, status: int, said: str) -> None:
    with PlayedPolicyServer(status=status) as server:
        assert said in fault(connect(server.url))


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("hello", "begins with a text, 'hello'"),
        (b"\xc1", "cannot be read as MessagePack"),
        (b"\x90", "first frame is no map with names"),
    ],
)
def test_a_websocket_of_another_protocol_is_named(connect: Connect, first: bytes | str, said: str) -> None:
    with PlayedPolicyServer(first=first) as server:
        assert said in fault(connect(server.url))


def test_a_websocket_that_says_nothing_is_named_and_closed_in_time(connect: Connect) -> None:
    with PlayedPolicyServer(first=b"") as server, ThreadPoolExecutor(1) as pool:
        assert "has not said what it serves within 0.2 s" in fault(connect(server.url, connect_timeout_s=SHORT_S))
        connection = connect(server.url, connect_timeout_s=PATIENCE_S)
        tried = server.connections
        waiting = pool.submit(ask, connection)
        while server.connections == tried:
            time.sleep(0.005)
        connection.close()
        with pytest.raises(PolicyConnectionError, match="has been closed here"):
            waiting.result(PATIENCE_S)


def test_other_protocols_are_named(connect: Connect) -> None:
    with plain_server(b"SSH-2.0-OpenSSH_9.6\r\n") as port:
        assert "what answers there is no websocket" in fault(connect(f"ws://127.0.0.1:{port}"))
        assert "does not speak TLS" in fault(connect(f"wss://127.0.0.1:{port}"))
    with plain_server(b"") as port:
        said = fault(connect(f"ws://127.0.0.1:{port}", connect_timeout_s=SHORT_S))
        assert "does not answer within 0.2 s" in said


def test_a_host_that_is_not_there_is_named(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refuses connections: is it running" in fault(connect(f"ws://127.0.0.1:{port}"))
    assert "'no-such-host.invalid' is no known name" in fault(connect("ws://no-such-host.invalid:8000"))

    def unreachable(*_: object, **__: object) -> None:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(link_module.socket, "create_connection", unreachable)
    assert "cannot be reached (No route to host)" in fault(connect("ws://10.0.0.9:8000"))


def test_a_caller_does_not_wait_for_a_network_that_hangs(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    lookup, ordinary = threading.Event(), socket.create_connection

    def hang(*args: Any, **options: Any) -> socket.socket:
        assert lookup.wait(PATIENCE_S)
        return ordinary(*args, **options)

    monkeypatch.setattr(link_module.socket, "create_connection", hang)
    with PlayedPolicyServer() as server:
        connection = connect(server.url)
        for _ in range(3):
            assert "is not connected yet after 0.2 s" in fault(connection, SHORT_S)
        lookup.set()
        assert ask(connection) == 0
        assert server.connections == 1


def test_a_failure_that_nobody_waited_for_is_told_to_the_next(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = threading.Event()

    def refuse(*_: object, **__: object) -> None:
        assert lookup.wait(PATIENCE_S)
        raise ConnectionRefusedError

    monkeypatch.setattr(link_module.socket, "create_connection", refuse)
    connection = connect("ws://127.0.0.1:9")
    assert "is not connected yet" in fault(connection, SHORT_S)
    lookup.set()
    assert "refuses connections" in fault(connection)


def test_close_from_another_thread_ends_a_request_that_waits(connect: Connect) -> None:
    with PlayedPolicyServer("late") as server, ThreadPoolExecutor(1) as pool:
        connection = connect(server.url)
        waiting = pool.submit(ask, connection)
        assert server.received.wait(PATIENCE_S)
        with pytest.raises(FineVLAError, match="one request at a time"):
            ask(connection)
        connection.close()
        with pytest.raises(PolicyConnectionError, match="has been closed here"):
            waiting.result(PATIENCE_S)
        assert "has been closed here" in fault(connection)
        connection.close()


def test_close_while_it_connects_ends_a_request_that_waits(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, lookup = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        begun.set()
        assert lookup.wait(PATIENCE_S)
        raise ConnectionRefusedError

    monkeypatch.setattr(link_module.socket, "create_connection", hang)
    with ThreadPoolExecutor(1) as pool:
        connection = connect("ws://127.0.0.1:9")
        waiting = pool.submit(ask, connection)
        assert begun.wait(PATIENCE_S)
        connection.close()
        with pytest.raises(PolicyConnectionError, match="has been closed here"):
            waiting.result(PATIENCE_S)
        lookup.set()


def test_the_key_is_sent_and_never_shown(
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("POLICY_KEY", TOKEN)
    with PlayedPolicyServer(token=TOKEN) as server:
        connection = connect(server.url, "POLICY_KEY")
        assert ask(connection) == 0
        assert TOKEN not in repr(connection.address)
        assert "wants a key (HTTP 401)" in fault(connect(server.url))
        server.token = "another"
        assert "refuses the key (HTTP 401): check the environment variable 'POLICY_KEY'" in fault(
            connect(server.url, "POLICY_KEY")
        )
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_key_that_is_none_is_refused_before_anything_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLICY_KEY", raising=False)
    with pytest.raises(FineVLAError, match="environment variable 'POLICY_KEY' with the policy server's key is not set"):
        PolicyConnection("ws://gpu:8000", "POLICY_KEY")
    for key in ("a\r\nHost: elsewhere", "ключ", "x" * 5000):
        monkeypatch.setenv("POLICY_KEY", key)
        with pytest.raises(FineVLAError, match="holds no key") as caught:
            PolicyConnection("ws://gpu:8000", "POLICY_KEY")
        assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://gpu:8000/x?key=1", "is a web page's address: a policy server's is ws://gpu:8000/x"),
        ("https://gpu", "a policy server's is wss://gpu"),
        ("gpu:8000", "write ws://host:port"),
        ("", "write ws://host:port"),
        ("ws://", "write ws://host:port"),
        ("ws://gpu:port", "write ws://host:port"),
        ("ws://gpu:99999", "write ws://host:port"),
        ("ws://gpu:8000/#part", "write ws://host:port"),
        ("ws://[::1", "write ws://host:port"),
        ("tcp://gpu:8000", "write ws://host:port"),
        (f"ws://user:{TOKEN}@gpu:8000", "user or a password"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(url: str, said: str) -> None:
    with pytest.raises(FineVLAError) as caught:
        PolicyConnection(url)
    assert said in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_what_is_behind_the_question_mark_is_not_shown() -> None:
    assert PolicyConnection(f"ws://gpu:8000/policy?key={TOKEN}").where == "policy server ws://gpu:8000/policy"


def test_a_proxy_of_the_environment_is_not_asked(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with PlayedPolicyServer() as server:
        assert ask(connect(server.url)) == 0


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gpu")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "gpu.pem"
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_tls_is_spoken_to_servers_that_this_machine_trusts_alone(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with PlayedPolicyServer("late", tls=context) as server:
        assert "has a certificate that is not trusted here" in fault(connect(server.url))
        said = fault(connect(server.url.replace("wss", "ws")))
        assert "no websocket" in said or "gone away" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        connection = connect(server.url)
        connection.connect(PATIENCE_S)
        assert "has not answered" in fault(connection, SHORT_S)
        server.play = "openpi"
        server.release.set()
        assert until_answered(connection) == 1
