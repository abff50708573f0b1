"""Sign a result with ed25519, and check that nobody changed it since; the key is the user's own."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from finevla_core.errors import FineVLAError

ALGORITHM = "ed25519"
MAKE = "make one with 'openssl genpkey -algorithm ed25519 -out steer.pem'"


def canonical(body: dict[str, Any]) -> bytes:
    """Return what is signed of a result: its JSON with sorted names and nothing between them."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sign_result(body: dict[str, Any], key_file: Path) -> dict[str, str]:
    """Return the signature of a result's body with the private key of a file; raises `FineVLAError` for what is no key."""
    key = read_private_key(key_file)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {
        "algorithm": ALGORITHM,
        "public_key": base64.b64encode(raw).decode(),
        "value": base64.b64encode(key.sign(canonical(body))).decode(),
    }


def check_signature(body: dict[str, Any], signature: dict[str, str]) -> str:
    """Return the fingerprint of the key that signed the body; raises `FineVLAError` if it was changed since."""
    if signature.get("algorithm") != ALGORITHM:
        raise FineVLAError(f"its signature is not of {ALGORITHM}")
    try:
        raw, value = (base64.b64decode(signature[name], validate=True) for name in ("public_key", "value"))
        Ed25519PublicKey.from_public_bytes(raw).verify(value, canonical(body))
    except InvalidSignature as error:
        raise FineVLAError("it was changed after it was signed, or its signature is another file's") from error
    except (KeyError, TypeError, ValueError) as error:
        raise FineVLAError("its signature is damaged") from error
    return fingerprint(raw)


def fingerprint(raw: bytes) -> str:
    """Return the SHA-256 of a public key's 32 bytes, by which people compare it."""
    return hashlib.sha256(raw).hexdigest()


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read an ed25519 key from PEM or OpenSSH's format, without a password; raises `FineVLAError`."""
    try:
        data = path.read_bytes()
        is_ssh = b"OPENSSH PRIVATE KEY" in data
        key = (serialization.load_ssh_private_key if is_ssh else serialization.load_pem_private_key)(data, None)
    except OSError as error:
        raise FineVLAError(f"key '{path}' cannot be read ({error.strerror}); {MAKE}") from error
    except TypeError as error:
        raise FineVLAError(f"key '{path}' has a password, which nobody is there to type; {MAKE}") from error
    except Exception as error:  # of cryptography's many
        raise FineVLAError(f"'{path}' is no private key; {MAKE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FineVLAError(f"key '{path}' is no {ALGORITHM} key; {MAKE}")
    return key


def read_public_fingerprint(path: Path) -> str:
    """Return the fingerprint of a public ed25519 key in PEM or OpenSSH's format; raises `FineVLAError`."""
    try:
        data = path.read_bytes()
        is_ssh = data.startswith(b"ssh-")
        key = (serialization.load_ssh_public_key if is_ssh else serialization.load_pem_public_key)(data)
    except OSError as error:
        raise FineVLAError(f"key '{path}' cannot be read ({error.strerror})") from error
    except Exception as error:  # of cryptography's many
        raise FineVLAError(
            f"'{path}' is no public key; make it with 'openssl pkey -in steer.pem -pubout -out steer.pub'"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise FineVLAError(f"key '{path}' is no {ALGORITHM} key")
    return fingerprint(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
