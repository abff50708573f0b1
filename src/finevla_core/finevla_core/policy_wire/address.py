"""A policy server's address and the key that it is shown, looked at once; the key never stands in a text."""

import os
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from finevla_core.errors import FineVLAError, quoted

MAX_TOKEN = 4096  # characters; servers refuse longer headers


@dataclass(frozen=True)
class ServerAddress:
    """`url` as it is connected to, `where` as a sentence names it, without a query; the rest for sentences about them."""

    url: str = field(repr=False)
    where: str
    host: str
    port: int
    secure: bool
    token_env: str
    token: str = field(repr=False)

    @classmethod
    def of(cls, url: str, token_env: str = "") -> Self:
        """Return a checked address with the key from the environment; raises `FineVLAError` for what cannot be right."""
        try:
            parts = urlsplit(url)
            has_credentials, scheme = parts.username is not None or parts.password is not None, parts.scheme
            port = parts.port
        except ValueError as error:
            raise FineVLAError(f"the policy server's address {quoted(url)} is none: write ws://host:port") from error
        if has_credentials:
            raise FineVLAError(
                "the policy server's address has a user or a password in it, which logs would show: "
                "put the key into an environment variable and name that"
            )
        shown = url.partition("?")[0]
        if scheme in ("http", "https"):
            rest = shown.partition("://")[2]
            raise FineVLAError(
                f"{quoted(shown)} is a web page's address: a policy server's is {'ws' if scheme == 'http' else 'wss'}://{rest}"
            )
        if scheme not in ("ws", "wss") or not parts.hostname or parts.fragment:
            raise FineVLAError(
                f"the policy server's address {quoted(shown)} is none: write ws://host:port, or wss:// for TLS"
            )
        try:
            parse_uri(url)
        except (InvalidURI, ValueError) as error:
            raise FineVLAError(f"the policy server's address {quoted(shown)} is none: write ws://host:port") from error
        secure = scheme == "wss"
        token = _token(token_env) if token_env else ""
        where = f"policy server {shown if len(shown) <= 100 else shown[:100] + '...'}"
        return cls(url, where, parts.hostname, port or (443 if secure else 80), secure, token_env, token)

    @property
    def headers(self) -> dict[str, str]:
        """What is sent beside the request to connect."""
        return {"Authorization": f"Api-Key {self.token}"} if self.token else {}


def _token(name: str) -> str:
    token = os.environ.get(name, "").strip()
    if not token:
        raise FineVLAError(f"the environment variable {quoted(name)} with the policy server's key is not set or empty")
    if len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable():
        raise FineVLAError(
            f"the environment variable {quoted(name)} holds no key: one line of ASCII characters is needed"
        )
    return token
