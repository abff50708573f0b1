"""What is wrong with a keystore: signatures, dates, modes, domain, and processes without an enclave or without a right."""

import stat
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from finevla_core.errors import FineVLAError
from finevla_tools.security_keystore import AUTHORITIES, ENCLAVES, PRIVATE, PUBLIC, enclave_path
from finevla_tools.security_map import Member
from finevla_tools.security_permissions import dds_topics
from finevla_tools.security_smime import verify

LARGEST = 1_000_000
MAKE_ANEW = "make a new keystore"


def problems(folder: Path, namespace: str, domain: int, members: Mapping[str, Member]) -> list[str]:
    """A sentence for everything that is wrong; raises `FineVLAError` if there is no keystore at all."""
    if not (folder / ENCLAVES).is_dir():
        raise FineVLAError(f"'{folder}' is no keystore: it has no folder '{ENCLAVES}'; see 'finevla security create'")
    check = _Check(folder, domain)
    return [*check.modes(), *check.authorities(), *check.governance(), *check.enclaves(namespace, members)]


def last_day(folder: Path) -> datetime:
    """Return when the first authority certificate expires; a new keystore is needed before."""
    return min(_validity(_certificate(folder / PUBLIC / f"{name}.cert.pem"))[1] for name in AUTHORITIES).replace(
        tzinfo=UTC
    )


class _Check:
    def __init__(self, folder: Path, domain: int) -> None:
        self.folder, self.domain, self.now = folder, domain, datetime.now(UTC)
        self.is_other_domain = False  # the whole keystore is for another one, which is said once

    def modes(self) -> Iterator[str]:
        """What others may read or write that they must not."""
        secrets = [
            self.folder / PRIVATE,
            *(self.folder / PRIVATE).glob("*"),
            *self.folder.rglob(f"{ENCLAVES}/**/key.pem"),
        ]
        for path in secrets:
            if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
                wanted = 0o700 if path.is_dir() else 0o600
                yield f"{path}: others may open it (mode {mode:04o}); chmod {wanted:04o} it, or make new keys if they did"
        for path in [self.folder, *self.folder.rglob("*")]:
            if not path.is_symlink() and path.stat().st_mode & 0o022:
                yield f"{path}: others may change it (mode {stat.S_IMODE(path.stat().st_mode):04o}); chmod go-w it"

    def authorities(self) -> Iterator[str]:
        """The certificates of those who sign."""
        for name in AUTHORITIES:
            path = self.folder / PUBLIC / f"{name}.cert.pem"
            yield from self._try(path, partial(self._authority, path))

    def governance(self) -> Iterator[str]:
        """The rules of the domain."""
        path = self.folder / ENCLAVES / "governance.p7s"
        yield from self._try(path, lambda: self._governance(self._document(path)))

    def enclaves(self, namespace: str, members: Mapping[str, Member]) -> Iterator[str]:
        """Every enclave that there is, and every process that has none."""
        root = self.folder / ENCLAVES
        there = {f"/{key.parent.relative_to(root)}": key.parent for key in sorted(root.rglob("key.pem"))}
        wanted = {enclave_path(namespace, name): member for name, member in members.items()}
        for path, folder in there.items():
            yield from self._enclave(path, folder, wanted.get(path), namespace)
        for path in sorted(set(wanted) - set(there)):
            yield f"{path}: this process has no enclave; {MAKE_ANEW}"

    def _enclave(self, path: str, folder: Path, member: Member | None, namespace: str) -> Iterator[str]:
        yield from self._try(folder / "cert.pem", lambda: self._identity(path, folder))
        file = folder / "permissions.p7s"
        yield from self._try(file, lambda: self._permissions(path, self._document(file), member, namespace))
        for name in (*(f"{PUBLIC}/{name}.cert.pem" for name in AUTHORITIES), f"{ENCLAVES}/governance.p7s"):
            original, copy = self.folder / name, folder / Path(name).name
            yield from self._try(copy, lambda a=original, b=copy: self._same(a, b))  # type: ignore[misc]

    def _try(self, path: Path, look: Callable[[], Iterator[str]]) -> Iterator[str]:
        """What `look` finds, each with the file's name; also that it cannot be read."""
        try:
            for problem in look():
                yield f"{path}: {problem}"
        except FileNotFoundError:
            yield f"{path}: the file is missing; {MAKE_ANEW}"
        except FineVLAError as error:
            yield f"{path}: {error}; {MAKE_ANEW}"
        except (OSError, ValueError, TypeError, ET.ParseError) as error:
            yield f"{path}: it cannot be read ({type(error).__name__}); {MAKE_ANEW}"

    def _authority(self, path: Path) -> Iterator[str]:
        certificate = _certificate(path)
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            yield f"it is no authority's certificate; {MAKE_ANEW}"
        yield from self._dates(*_validity(certificate), "the authority")

    def _identity(self, path: str, folder: Path) -> Iterator[str]:
        certificate = _certificate(folder / "cert.pem")
        authority = _certificate(self.folder / PUBLIC / f"{AUTHORITIES[0]}.cert.pem")
        names = [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if names != [path]:
            yield f"it is of {', '.join(map(str, names)) or 'nobody'}, not of {path}; {MAKE_ANEW}"
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, ValueError, TypeError):
            yield f"it was not signed by this keystore's authority; {MAKE_ANEW}"
        key = serialization.load_pem_private_key(_read(folder / "key.pem"), None)
        if _der(key.public_key()) != _der(certificate.public_key()):
            yield f"it does not belong to the key beside it; {MAKE_ANEW}"
        yield from self._dates(*_validity(certificate), "the certificate")

    def _document(self, path: Path) -> ET.Element:
        """What was signed; `.xml` beside it is for people, and must say the same."""
        document = verify(_read(path), _certificate(self.folder / PUBLIC / f"{AUTHORITIES[1]}.cert.pem"))
        plain = path.with_suffix(".xml")
        if plain.exists() and _read(plain).replace(b"\r\n", b"\n") != document:
            raise FineVLAError(f"{plain.name} was changed, but what counts is what was signed before")
        return ET.fromstring(document)

    def _governance(self, root: ET.Element) -> Iterator[str]:
        rules = root.findall("domain_access_rules/domain_rule")
        self.is_other_domain = not any(_covers(rule, self.domain) for rule in rules)
        if self.is_other_domain:
            yield f"it is not for ROS domain {self.domain}; set ROS_DOMAIN_ID to that of the keystore, or {MAKE_ANEW}"
        loose = {"allow_unauthenticated_participants": "false", "enable_join_access_control": "true"}
        loose |= {"enable_read_access_control": "true", "enable_write_access_control": "true"}
        for name, value in loose.items():
            if any(
                (found.text or "").strip().lower() not in (value, str(int(value == "true")))
                for found in root.iter(name)
            ):
                yield f"{name} is not {value}: strangers are let in; {MAKE_ANEW}"

    def _permissions(self, path: str, root: ET.Element, member: Member | None, namespace: str) -> Iterator[str]:
        grants = [g for g in root.findall("permissions/grant") if g.findtext("subject_name") == f"CN={path}"]
        if len(grants) != 1:
            yield f"it has {len(grants)} grants for {path}, not one; {MAKE_ANEW}"
            return
        begin, end = (
            datetime.fromisoformat(grants[0].findtext(f"validity/{n}", "")) for n in ("not_before", "not_after")
        )
        yield from self._dates(begin, end, "the permission")
        if grants[0].findtext("default") != "DENY":
            yield f"what it does not name is allowed; {MAKE_ANEW}"
        rules = [rule for rule in grants[0].findall("allow_rule") if _covers(rule, self.domain)]
        if not rules and not self.is_other_domain:
            yield f"it is not for ROS domain {self.domain}; set ROS_DOMAIN_ID to that of the keystore, or {MAKE_ANEW}"
        if rules and member is not None:
            yield from _differences(rules, member, namespace)

    def _same(self, original: Path, copy: Path) -> Iterator[str]:
        if _read(original) != _read(copy):
            yield f"it is not the same as {original}; {MAKE_ANEW}"

    def _dates(self, begin: datetime, end: datetime, whose: str) -> Iterator[str]:
        begin, end = (day if day.tzinfo else day.replace(tzinfo=UTC) for day in (begin, end))
        if self.now < begin:
            yield f"{whose} is not valid before {begin:%Y-%m-%d %H:%M} UTC; set this computer's clock"
        elif end <= self.now:
            yield f"{whose} has expired on {end:%Y-%m-%d %H:%M} UTC; {MAKE_ANEW}"


def _differences(rules: list[ET.Element], member: Member, namespace: str) -> Iterator[str]:
    """Rights that the process needs and lacks, and rights that it has and must not have."""
    for kind, wanted in zip(("publish", "subscribe"), dds_topics(member.rights, namespace), strict=True):
        given = {topic.text or "" for rule in rules for topic in rule.findall(f"{kind}/topics/topic")}
        if lacking := sorted(set(wanted) - given):
            yield f"it may not {kind} {_some(lacking)}, which this version of the stack needs; {MAKE_ANEW}"
        if more := sorted(given - set(wanted)):
            yield f"it may {kind} {_some(more)}, which it has no business with; {MAKE_ANEW}"


def _some(names: list[str]) -> str:
    return names[0][:60] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _covers(rule: ET.Element, domain: int) -> bool:
    """Whether a rule's list of domains has this one."""
    ids = [int(found.text or "-1") for found in rule.findall("domains/id")]
    ranges = [(r.findtext("min"), r.findtext("max")) for r in rule.findall("domains/id_range")]
    return domain in ids or any(int(low or 0) <= domain <= int(high or domain) for low, high in ranges)


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(_read(path))


def _validity(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    """First and last moment; apt's library (41) has them without a time zone only, newer ones warn of that."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return certificate.not_valid_before, certificate.not_valid_after


def _der(key: object) -> bytes:
    encode = getattr(key, "public_bytes")  # noqa: B009 - of every kind of key there is
    return bytes(encode(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise FineVLAError(f"it is larger than {LARGEST} bytes")
    return content
