"""The keystore that SROS 2 expects, with an enclave for every process of the stack; appears whole or not at all.

Layout and contents are those of `ros2 security`, so its commands work on it, too.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from finevla_core.errors import FineVLAError
from finevla_ros.namespaces import checked_namespace
from finevla_tools.security_map import Member
from finevla_tools.security_permissions import DAYS, checked_domain, governance, permissions
from finevla_tools.security_smime import sign
from finevla_tools.work.staged_output import Staged

PUBLIC, PRIVATE, ENCLAVES = "public", "private", "enclaves"
AUTHORITIES = ("identity_ca", "permissions_ca")  # one and the same here, as SROS 2 makes it
SECRET_FILE, SECRET_FOLDER = 0o600, 0o700
_EARLIER = timedelta(days=1)  # a robot whose clock is a little behind takes the keys all the same
_LONGEST_NAME = 64  # of a certificate's holder (RFC 5280)


def create(folder: Path, namespace: str, domain: int, members: Mapping[str, Member], days: int = DAYS) -> list[str]:
    """Write a keystore at `folder`, valid for `days`; returns its enclaves.

    Raises `FineVLAError` if the folder exists or cannot be written, or for a namespace, domain or days that cannot be.
    """
    namespace, domain = checked_namespace(namespace), checked_domain(domain)
    if not 1 <= days <= DAYS:
        raise FineVLAError(f"keys cannot be valid for {days} days; give 1 to {DAYS}")
    paths = {enclave_path(namespace, name): member for name, member in members.items()}
    if longest := next((path for path in paths if len(path) > _LONGEST_NAME), None):
        raise FineVLAError(f"'{longest}' is too long for a certificate ({_LONGEST_NAME}); give a shorter namespace")
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        with Staged(folder) as made:
            writer = _Writer(made, now - _EARLIER, now + timedelta(days=days))
            writer.write_authority(domain)
            for path, member in paths.items():
                writer.write_enclave(path, member, namespace, domain)
    except OSError as error:
        raise FineVLAError(f"'{folder}' cannot be written: {error.strerror or error}") from error
    return list(paths)


def enclave_path(namespace: str, name: str) -> str:
    """The enclave of a process, which is its node's full name."""
    return f"/{namespace}/{name}".replace("//", "/")


class _Writer:
    def __init__(self, root: Path, begin: datetime, end: datetime) -> None:
        self.root, self.begin, self.end = root, begin, end
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("finevlaCA")
        self.certificate = self._certificate(self.name, self.key, x509.BasicConstraints(True, 1))

    def write_authority(self, domain: int) -> None:
        """The authority that signs everything, and the rules of the domain."""
        for name in (PUBLIC, PRIVATE, ENCLAVES):
            self._folder(name)
        _write(self.root / PRIVATE / "ca.key.pem", _pem(self.key))
        _write(self.root / PUBLIC / "ca.cert.pem", self.certificate.public_bytes(serialization.Encoding.PEM))
        for name in AUTHORITIES:
            (self.root / PRIVATE / f"{name}.key.pem").symlink_to("ca.key.pem")
            (self.root / PUBLIC / f"{name}.cert.pem").symlink_to("ca.cert.pem")
        self._write_signed(self.root / ENCLAVES / "governance", governance(domain))

    def write_enclave(self, path: str, member: Member, namespace: str, domain: int) -> None:
        """Key, certificate and permissions of one process."""
        folder = self._folder(ENCLAVES + path)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(_name(path), key, x509.BasicConstraints(False, None))
        _write(folder / "key.pem", _pem(key))
        _write(folder / "cert.pem", certificate.public_bytes(serialization.Encoding.PEM))
        self._write_signed(
            folder / "permissions", permissions(path, member.rights, namespace, domain, self.begin, self.end)
        )
        for name in (*(f"{PUBLIC}/{name}.cert.pem" for name in AUTHORITIES), f"{ENCLAVES}/governance.p7s"):
            target = self.root / name
            (folder / target.name).symlink_to(os.path.relpath(target, folder))

    def _folder(self, name: str) -> Path:
        """A folder of the keystore; every one above it is as closed, whatever the umask says."""
        folder = self.root / name
        for path in (self.root, *reversed(folder.relative_to(self.root).parents), folder.relative_to(self.root)):
            (self.root / path).mkdir(mode=SECRET_FOLDER, exist_ok=True)
        return folder

    def _write_signed(self, path: Path, document: bytes) -> None:
        _write(path.with_suffix(".xml"), document)
        _write(path.with_suffix(".p7s"), sign(document, self.certificate, self.key))

    def _certificate(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, constraints: x509.BasicConstraints
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name)
        builder = builder.serial_number(x509.random_serial_number()).public_key(key.public_key())
        builder = builder.not_valid_before(self.begin).not_valid_after(self.end)
        return builder.add_extension(constraints, critical=constraints.ca).sign(self.key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """A new file that nobody else can read, not even for a moment."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_FILE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
