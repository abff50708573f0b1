"""Promises of `finevla security`: a keystore as SROS 2 expects it, whole or not at all, and every fault of one is named."""

import re
import signal
import stat
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finevla_core.embodiment import Embodiment
from finevla_tools import cli, security_check, security_keystore
from finevla_tools.security_check import problems
from finevla_tools.security_keystore import create
from finevla_tools.security_map import Rights, members

ENCLAVE_FILES = {
    *("cert.pem", "key.pem", "identity_ca.cert.pem", "permissions_ca.cert.pem"),
    *("governance.p7s", "permissions.p7s", "permissions.xml"),
}
# The published schemas (OMG DDS Security 1.1), as far as these documents use them: the children of an element, in order.
KIND = "NONE|SIGN|ENCRYPT|SIGN_WITH_ORIGIN_AUTHENTICATION|ENCRYPT_WITH_ORIGIN_AUTHENTICATION"
KINDS = (
    *("discovery_protection_kind", "liveliness_protection_kind", "rtps_protection_kind"),
    "metadata_protection_kind",
)
SWITCHES = (
    *("allow_unauthenticated_participants", "enable_join_access_control", "enable_discovery_protection"),
    *("enable_liveliness_protection", "enable_read_access_control", "enable_write_access_control"),
)
DOMAINS = {"domains": "id+", "id": r"=\d+"}
PERMISSIONS = DOMAINS | {
    "dds": "permissions",
    "permissions": "grant+",
    "grant": "subject_name validity (allow_rule|deny_rule)+ default",
    "validity": "not_before not_after",
    "allow_rule": "domains publish* subscribe* relay*",
    "publish": "topics",
    "subscribe": "topics",
    "topics": "topic+",
    "subject_name": "=CN=.+",
    "topic": "=.+",
    "default": "=ALLOW|DENY",
    **dict.fromkeys(("not_before", "not_after"), r"=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)?"),
}
GOVERNANCE = DOMAINS | {
    "dds": "domain_access_rules",
    "domain_access_rules": "domain_rule+",
    "domain_rule": "domains allow_unauthenticated_participants enable_join_access_control discovery_protection_kind "
    "liveliness_protection_kind rtps_protection_kind topic_access_rules",
    "topic_access_rules": "topic_rule+",
    "topic_rule": "topic_expression enable_discovery_protection enable_liveliness_protection "
    "enable_read_access_control enable_write_access_control metadata_protection_kind data_protection_kind",
    "topic_expression": "=.+",
    "data_protection_kind": "=NONE|SIGN|ENCRYPT",
    **dict.fromkeys(KINDS, f"={KIND}"),
    **dict.fromkeys(SWITCHES, "=true|false|0|1"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, robot: Embodiment) -> Path:
    """A keystore that is not changed."""
    folder = tmp_path_factory.mktemp("security") / "keys"
    create(folder, "finevla", 0, members(robot))
    return folder


@pytest.fixture
def keystore(tmp_path: Path, robot: Embodiment) -> Path:
    """A keystore to be damaged."""
    create(tmp_path / "keys", "finevla", 0, members(robot))
    return tmp_path / "keys"


def check_structure(element: ET.Element, schema: dict[str, str]) -> None:
    """Fails unless the element and all below are as the schema says."""
    rule = schema[element.tag]
    if rule.startswith("="):
        assert re.fullmatch(rule[1:], element.text or ""), f"{element.tag} is {element.text!r}"
        assert not len(element)
        return
    children = "".join(f"{child.tag} " for child in element)
    pattern = re.sub(r"\w+", lambda word: f"(?:{word[0]}\\s)", rule).replace(" ", "")
    assert re.fullmatch(pattern, children), f"{element.tag} has {children}"
    for child in element:
        check_structure(child, schema)


def openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_layout_is_that_of_sros2_and_secrets_are_closed(made: Path, robot: Embodiment) -> None:
    authority = {"ca", "identity_ca", "permissions_ca"}
    assert {p.name for p in (made / "public").iterdir()} == {f"{name}.cert.pem" for name in authority}
    assert {p.name for p in (made / "private").iterdir()} == {f"{name}.key.pem" for name in authority}
    assert {p.name for p in (made / "enclaves").iterdir()} == {"governance.xml", "governance.p7s", "finevla"}
    enclaves = made / "enclaves" / "finevla"
    assert {p.name for p in enclaves.iterdir()} == set(members(robot))
    assert all({p.name for p in enclave.iterdir()} == ENCLAVE_FILES for enclave in enclaves.iterdir())
    for path in (made, *made.rglob("*")):
        assert path.exists(), f"{path} leads nowhere"
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_keystore_can_be_moved(keystore: Path, robot: Embodiment) -> None:
    moved = keystore.rename(keystore.with_name("elsewhere"))
    assert problems(moved, "finevla", 0, members(robot)) == []


def test_documents_are_as_the_published_schemas_have_them(made: Path) -> None:
    check_structure(ET.parse(made / "enclaves" / "governance.xml").getroot(), GOVERNANCE)
    for path in (made / "enclaves").rglob("permissions.xml"):
        root = ET.parse(path).getroot()
        check_structure(root, PERMISSIONS)
        enclave = f"/{path.parent.relative_to(made / 'enclaves')}"
        assert root.find("permissions/grant").get("name") == enclave
        assert root.findtext("permissions/grant/subject_name") == f"CN={enclave}"
        assert root.findtext("permissions/grant/default") == "DENY"


def test_structure_check_notices(made: Path) -> None:
    root = ET.parse(made / "enclaves" / "finevla" / "policy" / "permissions.xml").getroot()
    rule = root.find("permissions/grant/allow_rule")
    rule.append(rule.find("domains"))
    with pytest.raises(AssertionError, match="allow_rule has"):
        check_structure(root, PERMISSIONS)


def test_openssl_verifies_certificates_and_signatures(made: Path) -> None:
    authority = str(made / "public" / "identity_ca.cert.pem")
    for enclave in (made / "enclaves" / "finevla").iterdir():
        openssl("verify", "-CAfile", authority, str(enclave / "cert.pem"))
        for name in ("permissions.p7s", "governance.p7s"):
            signer = str(enclave / "permissions_ca.cert.pem")
            openssl("smime", "-verify", "-text", "-in", str(enclave / name), "-CAfile", signer)


@pytest.mark.parametrize(("namespace", "enclave"), [("", "/policy"), ("/lab/one/", "/lab/one/policy")])
def test_any_namespace_and_domain(tmp_path: Path, robot: Embodiment, namespace: str, enclave: str) -> None:
    assert enclave in create(tmp_path / "keys", namespace, 17, members(robot))
    assert problems(tmp_path / "keys", namespace.strip("/"), 17, members(robot)) == []
    text = (tmp_path / "keys" / "enclaves" / enclave[1:] / "permissions.xml").read_text()
    assert "<id>17</id>" in text
    assert f"<topic>rt{enclave}/status</topic>" in text
    assert "<topic>rt/rosout</topic>" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "{there}"), "exists already"),
        (("create", "/proc/finevla/keys"), "cannot be written"),
        (("create", "{new}", "--domain", "233"), "'233' is no ROS domain; give a number from 0 to 232"),
        (("create", "{new}", "--domain=-1"), "is no ROS domain"),
        (("create", "{new}", "--domain", "zero"), "'zero' is no ROS domain"),
        (("create", "{new}", "--domain", "9" * 5000), "is no ROS domain"),
        (("create", "{new}", "--namespace", "a b"), "'a b' is no namespace"),
        (("create", "{new}", "--namespace", "a/../b"), "is no namespace"),
        (("create", "{new}", "--namespace", "n" * 50), "too long for a certificate"),
        (("create", "{new}", "--namespace", "n" * 5000), "is no namespace"),
        (("create", "{new}", "--days", "0"), "cannot be valid for 0 days"),
        (("create", "{new}", "--robot", "nobody"), "robot 'nobody' is not at"),
        (("check", "{new}"), "is no keystore"),
        (("check", "{there}"), "is no keystore"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    there, new = tmp_path / "there", tmp_path / "new"
    there.mkdir()
    given_words = [word.format(there=there, new=new) for word in words]
    assert cli.main(["security", *given_words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert len(error) < 400
    assert list(tmp_path.iterdir()) == [there]


@pytest.mark.parametrize("writes", [0, 1, 5, 30])
def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    write, left = security_keystore._write, [writes]

    def interrupted(path: Path, content: bytes) -> None:
        if not left[0]:
            signal.raise_signal(signal.SIGINT)
        left[0] -= 1
        write(path, content)

    monkeypatch.setattr(security_keystore, "_write", interrupted)
    assert cli.main(["security", "create", str(tmp_path / "keys")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_create_tells_what_to_do_and_check_is_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    assert cli.main(["security", "create", str(keys), "--namespace", "lab", "--domain", "5"]) == 0
    said = capsys.readouterr().out
    assert f"finevla up security:={keys} namespace:=lab" in said
    assert "export ROS_SECURITY_ENCLAVE_OVERRIDE=/lab/operator" in said
    assert cli.main(["security", "check", str(keys), "--namespace", "lab", "--domain", "5"]) == 0
    assert "all is well" in capsys.readouterr().out
    assert cli.main(["security", "check", str(keys), "--domain", "5"]) == 1
    assert "/finevla/policy: this process has no enclave" in capsys.readouterr().out


def _swap(keystore: Path) -> None:
    a, b = (keystore / "enclaves" / "finevla" / name for name in ("recorder", "operator"))
    for suffix in ("xml", "p7s"):
        (a / f"permissions.{suffix}").write_bytes((b / f"permissions.{suffix}").read_bytes())


def _replace(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(keystore: Path) -> None:
        path = keystore / "enclaves" / name
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new))

    return change


def _remove(name: str) -> Callable[[Path], None]:
    return lambda keystore: (keystore / name).unlink()


def _mode(name: str, mode: int) -> Callable[[Path], None]:
    return lambda keystore: (keystore / name).chmod(mode)


def _copy(name: str, to: str) -> Callable[[Path], None]:
    return lambda keystore: (keystore / to).write_bytes((keystore / name).read_bytes()) and None


POLICY, MOTION = "enclaves/finevla/policy", "enclaves/finevla/motion"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_mode("private", 0o755), "private: others may open it (mode 0755); chmod 0700"),
        (_mode("private/ca.key.pem", 0o640), "ca.key.pem: others may open it"),
        (_mode(f"{POLICY}/key.pem", 0o604), "policy/key.pem: others may open it"),
        (_mode("public", 0o770), "public: others may change it"),
        (_mode("enclaves/governance.p7s", 0o666), "governance.p7s: others may change it"),
        (_replace("finevla/policy/permissions.p7s", b"DENY", b"ALLOW"), "permissions.p7s: its text was changed after"),
        (_replace("finevla/policy/permissions.xml", b"DENY", b"ALLOW"), "permissions.xml was changed, but what counts"),
        (_replace("governance.p7s", b">false<", b">true<"), "governance.p7s: its text was changed after"),
        (_swap, "recorder/permissions.p7s: it has 0 grants for /finevla/recorder"),
        (_copy(f"{POLICY}/key.pem", f"{MOTION}/key.pem"), "motion/cert.pem: it does not belong to the key beside it"),
        (_copy(f"{POLICY}/cert.pem", f"{MOTION}/cert.pem"), "motion/cert.pem: it is of /finevla/policy, not of"),
        (_remove(f"{POLICY}/cert.pem"), "policy/cert.pem: the file is missing"),
        (_remove(f"{POLICY}/permissions.p7s"), "policy/permissions.p7s: the file is missing"),
        (_remove(f"{POLICY}/governance.p7s"), "policy/governance.p7s: the file is missing"),
        (_remove(f"{POLICY}/key.pem"), "/finevla/policy: this process has no enclave"),
        (_remove("public/ca.cert.pem"), "identity_ca.cert.pem: the file is missing"),
        (_replace("finevla/policy/cert.pem", b"M", b"\0"), "policy/cert.pem: it cannot be read"),
    ],
)
def test_every_fault_is_named(keystore: Path, robot: Embodiment, damage: Callable[[Path], None], said: str) -> None:
    damage(keystore)
    found = problems(keystore, "finevla", 0, members(robot))
    assert any(said in problem for problem in found), found
    assert not any("\n" in problem for problem in found)


def test_another_authority_is_not_believed(keystore: Path, made: Path, robot: Embodiment) -> None:
    (keystore / "public" / "ca.cert.pem").write_bytes((made / "public" / "ca.cert.pem").read_bytes())
    found = problems(keystore, "finevla", 0, members(robot))
    assert sum("was not signed by this keystore's authority" in problem for problem in found) == 1 + 2 * len(
        members(robot)
    )


def test_dates_and_domain_are_looked_at(made: Path, robot: Embodiment, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        shift = timedelta()

        @classmethod
        def now(cls, tz=None) -> datetime:
            return datetime.now(tz) + cls.shift

    monkeypatch.setattr(security_check, "datetime", Clock)
    Clock.shift = timedelta(days=3651)
    found = problems(made, "finevla", 0, members(robot))
    assert any("identity_ca.cert.pem: the authority has expired on" in problem for problem in found)
    assert any("policy/cert.pem: the certificate has expired" in problem for problem in found)
    assert any("policy/permissions.p7s: the permission has expired" in problem for problem in found)
    Clock.shift = timedelta(days=-400)
    assert all("not valid before" in problem for problem in problems(made, "finevla", 0, members(robot)))
    Clock.shift = timedelta()
    (only,) = problems(made, "finevla", 9, members(robot))
    assert "it is not for ROS domain 9" in only


def test_keystore_of_another_version_is_told_by_its_rights(tmp_path: Path, robot: Embodiment) -> None:
    known = members(robot)
    older = replace(known["policy"], usual=replace(known["policy"].usual, publishes=("policy/status",)))
    create(tmp_path / "keys", "finevla", 0, known | {"policy": older})
    found = problems(tmp_path / "keys", "finevla", 0, known)
    assert found
    assert all("policy/permissions.p7s: it may not publish rt/" in problem for problem in found)
    stronger = replace(known["recorder"], sometimes=Rights(publishes=("left_arm_controller/joint_trajectory",)))
    create(tmp_path / "more", "finevla", 0, {"recorder": stronger})
    found = problems(tmp_path / "more", "finevla", 0, {"recorder": known["recorder"]})
    assert any("it may publish rt/finevla/left_arm_controller/joint_trajectory" in problem for problem in found)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_survived(made: Path, robot: Embodiment, tmp_path: Path, data: st.DataObject) -> None:
    """A file of the policy's enclave is anything at all."""
    name = data.draw(st.sampled_from(sorted(ENCLAVE_FILES - {"governance.p7s"})))
    original = (made / POLICY / name).read_bytes()
    cut = data.draw(st.integers(0, len(original)))
    other = tmp_path / "keys"
    if not other.exists():
        create(other, "finevla", 0, {"policy": members(robot)["policy"]})
    path = other / POLICY / name
    before = path.read_bytes()
    try:
        path.write_bytes(before[:cut] + data.draw(st.binary(max_size=60)))
        found = problems(other, "finevla", 0, {"policy": members(robot)["policy"]})
        assert all("\n" not in problem for problem in found)
    finally:
        path.write_bytes(before)
