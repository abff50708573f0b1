"""S/MIME as SROS 2 signs its documents: `multipart/signed`, text and a detached PKCS #7 signature by the permissions CA.

`cryptography` signs but does not verify such files; the few fields that verifying needs are read here. The verdicts are
tested against openssl's.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from finevla_core.errors import FineVLAError

_LARGEST = 1_000_000
_SEQUENCE, _SET, _OCTETS = 0x30, 0x31, 0x04
_ATTRIBUTES = 0xA0  # of a signer, and the content's wrapper
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_SHA256 = bytes.fromhex("608648016503040201")


def sign(document: bytes, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The document and its signature in one file, as `permissions.p7s` is."""
    options = [pkcs7.PKCS7Options.Text, pkcs7.PKCS7Options.DetachedSignature]
    builder = pkcs7.PKCS7SignatureBuilder().set_data(document).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.SMIME, options)


def verify(signed: bytes, authority: x509.Certificate) -> bytes:
    """The document, with line ends as `\\n`; raises `FineVLAError` with the reason if `authority` did not sign it so."""
    try:
        content, signature = _parts(signed)
        signer = _signer(signature)
        _verify_signer(signer, content, authority)
    except (ValueError, IndexError, StopIteration, binascii.Error) as error:
        raise error if isinstance(error, FineVLAError) else FineVLAError("it is no S/MIME file") from error
    return content.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n")


def _parts(signed: bytes) -> tuple[bytes, bytes]:
    """The signed part as it was signed (with its header, lines ended by CRLF) and the signature in DER."""
    if len(signed) > _LARGEST:
        raise FineVLAError(f"it is larger than {_LARGEST} bytes")
    text = signed.replace(b"\r\n", b"\n")
    header = re.match(rb"(?:[^\n]+\n)*?Content-Type: multipart/signed;[^\n]*(?:\n[ \t][^\n]*)*", text)
    boundary = header and re.search(rb'boundary="([^"\n]{1,200})"', header[0])
    if not boundary:
        raise FineVLAError("it is no S/MIME file")
    parts = text.split(b"\n--" + boundary[1])
    if len(parts) != 4 or not parts[1].startswith(b"\n") or not parts[3].startswith(b"--"):
        raise FineVLAError("it is no S/MIME file of one text and one signature")
    encoded = parts[2].partition(b"\n\n")[2]
    return parts[1][1:].replace(b"\n", b"\r\n"), base64.b64decode(b"".join(encoded.split()), validate=True)


def _signer(der: bytes) -> list[tuple[int, bytes, bytes]]:
    """The fields of the one signer: version, who, digest's algorithm, attributes, signature's algorithm, signature."""
    content_info = list(_fields(_field(der, _SEQUENCE)))
    wrapped = next(body for tag, body, _ in content_info if tag == _ATTRIBUTES)
    signed_data = list(_fields(_field(wrapped, _SEQUENCE)))
    signers = list(_fields(signed_data[-1][1])) if signed_data[-1][0] == _SET else []
    if len(signers) != 1 or signers[0][0] != _SEQUENCE:
        raise FineVLAError("it does not have exactly one signer")
    return list(_fields(signers[0][1]))


def _verify_signer(signer: list[tuple[int, bytes, bytes]], content: bytes, authority: x509.Certificate) -> None:
    digest_algorithm, attributes, signature = signer[2], signer[3], signer[5]
    if next(_fields(digest_algorithm[1]))[1] != _SHA256 or attributes[0] != _ATTRIBUTES or signature[0] != _OCTETS:
        raise FineVLAError("its signature is of a kind that SROS 2 does not make")
    told = [_digest(body) for _, body, _ in _fields(attributes[1]) if next(_fields(body))[1] == _MESSAGE_DIGEST]
    if len(told) != 1 or not hmac.compare_digest(told[0], hashlib.sha256(content).digest()):
        raise FineVLAError("its text was changed after it was signed")
    # What is signed are the attributes as a SET, not with the tag that they have in the file (RFC 5652, 5.4).
    message = bytes([_SET]) + attributes[2][1:]
    key = authority.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature[1], message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature[1], message, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise FineVLAError("its authority has a key of a kind that SROS 2 does not make")
    except InvalidSignature as error:
        raise FineVLAError("it was not signed by this keystore's authority") from error


def _digest(attribute: bytes) -> bytes:
    values = list(_fields(list(_fields(attribute))[1][1]))
    return values[0][1] if len(values) == 1 and values[0][0] == _OCTETS else b""


def _field(der: bytes, tag: int) -> bytes:
    """The body of the first field, which must be of this kind."""
    found, body, _ = next(_fields(der), (0, b"", b""))
    if found != tag:
        raise FineVLAError("it is no PKCS #7 signature")
    return body


def _fields(der: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Fields of DER one after the other: tag, body, and all of it; raises `FineVLAError` where it is cut short."""
    at = 0
    while at < len(der):
        begin, tag, length = at, der[at], der[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(der[at : at + count])
            at += count
        if at + length > len(der):
            raise FineVLAError("it is cut short")
        yield tag, der[at : at + length], der[begin : at + length]
        at += length
