"""Promises of the signatures: openssl and this reader agree on what is genuine, and nothing else is taken for it."""

import contextlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_tools.security_smime import sign, verify

DOCUMENT = b'<?xml version="1.0"?>\n<dds>\n  <permissions name="\xc3\xa9"/>\n</dds>\n'
Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def authority() -> Authority:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(x509.BasicConstraints(True, 1), critical=True)
    return builder.sign(key, hashes.SHA256()), key


OURS, OTHERS = authority(), authority()
SIGNED = sign(DOCUMENT, *OURS)


def openssl(folder: Path, signed: bytes, certificate: x509.Certificate) -> bytes | None:
    """What openssl reads of a signed file; None if it refuses it."""
    (folder / "signed.p7s").write_bytes(signed)
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    command = ["openssl", "smime", "-verify", "-text", "-in", "signed.p7s", "-CAfile", "ca.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.stdout.replace(b"\r\n", b"\n") if done.returncode == 0 else None


def test_what_is_signed_is_verified_here_and_by_openssl(tmp_path: Path) -> None:
    assert verify(SIGNED, OURS[0]) == DOCUMENT
    assert openssl(tmp_path, SIGNED, OURS[0]) == DOCUMENT


def test_what_openssl_signed_is_verified(tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(DOCUMENT)
    (tmp_path / "ca.pem").write_bytes(OURS[0].public_bytes(serialization.Encoding.PEM))
    none = serialization.NoEncryption()
    key = OURS[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)
    (tmp_path / "key.pem").write_bytes(key)
    command = ["openssl", "smime", "-sign", "-text", "-in", "document", "-signer", "ca.pem", "-inkey", "key.pem"]
    signed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert verify(signed, OURS[0]) == DOCUMENT
    with pytest.raises(FineVLAError, match="not signed by"):
        verify(signed, OTHERS[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.replace(b"permissions", b"permission_"), "changed after it was signed"),
        (lambda s: s.replace(b"text/plain", b"text/other"), "changed after it was signed"),
        (lambda _: sign(DOCUMENT, *OTHERS), "not signed by"),
        (lambda s: s[: len(s) // 2], "no S/MIME"),
        (lambda _: DOCUMENT, "no S/MIME"),
        (lambda _: b"", "no S/MIME"),
    ],
)
def test_what_is_not_genuine_is_refused_with_the_reason(tmp_path: Path, change, reason: str) -> None:
    forged = change(SIGNED)
    with pytest.raises(FineVLAError, match=reason):
        verify(forged, OURS[0])
    assert openssl(tmp_path, forged, OURS[0]) != DOCUMENT


def test_what_is_too_large_is_not_read() -> None:
    with pytest.raises(FineVLAError, match="larger than"):
        verify(SIGNED + b"x" * 2_000_000, OURS[0])


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_changed_byte_changes_the_document(at: int, by: int) -> None:
    forged = SIGNED[:at] + bytes([SIGNED[at] ^ by]) + SIGNED[at + 1 :]
    with contextlib.suppress(FineVLAError):
        assert verify(forged, OURS[0]) == DOCUMENT  # a byte that is not signed, as of the words before the first part


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400), st.integers(0, len(SIGNED)))
def test_anything_is_refused_in_one_sentence(junk: bytes, at: int) -> None:
    for forged in (junk, SIGNED[:at] + junk):
        try:
            assert verify(forged, OURS[0]) == DOCUMENT
        except FineVLAError as error:
            assert "\n" not in str(error)
