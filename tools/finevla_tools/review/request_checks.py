"""Who may ask the review server, and what a request may say: checked once, here."""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from finevla_core.errors import FineVLAError
from finevla_tools.review.review_store import CHANGEABLE, Edit
from finevla_tools.serve.command import is_loopback

MAX_BODY = 1 << 20
MAX_EDITS = 500  # of one request: splitting a step of a long episode changes many rows
MAX_DIGITS = 18  # of a whole number: what a database holds
MAX_TEXT = 4000
COOKIE = "finevla_review"
NEW = (*CHANGEABLE, "dimension", "slot")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class AccessCheck:
    """Checks every request. Without a token only pages of this very machine come in."""

    token: str

    def refusal(self, request: web.Request) -> str:
        """Why a request is refused, or nothing."""
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        try:
            name, page = urlsplit(f"//{host}").hostname or "", urlsplit(origin or "").netloc
        except ValueError:
            return "the Host or the Origin header is damaged"
        if not self.token and not is_loopback(name):  # a name of another's that was pointed at this machine
            return f"'{name[:60]}' is not a name of this machine; open http://127.0.0.1 and the port"
        if origin is not None and page != host:
            return "the request comes from a page of another origin"
        is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
        if not is_ours and (request.method != "GET" or request.path != "/"):  # a link to the page itself is no harm
            return "the request comes from a page of another site"
        if request.method not in ("GET", "HEAD") and request.content_type != "application/json":
            return "changes are sent as application/json"
        return ""

    def knows(self, request: web.Request) -> bool:
        """Whether the request has the token, if one is needed."""
        if not self.token:
            return True
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        given = bearer if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")
        return self.same(given)

    def same(self, given: str) -> bool:
        """Compare with the token in constant time."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; raises `FineVLAError`."""
    try:
        said = json.loads(await request.text(), parse_constant=_no_constant, parse_int=_whole)
        json.dumps(said, ensure_ascii=False).encode()  # which half a character cannot be
    except UnicodeEncodeError:
        raise FineVLAError("the request holds half a character (a lone surrogate)") from None
    except (ValueError, RecursionError) as error:
        raise FineVLAError(f"the request is not JSON: {str(error)[:100]}") from None
    if not isinstance(said, dict):
        raise FineVLAError("the request must be a JSON object")
    return said


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """A number of the query from 0 to `most`; raises `FineVLAError`."""
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text) or int(text) > most:
        raise FineVLAError(f"{name} is '{text[:40]}'; give a number from 0 to {most}")
    return int(text)


def person(name: object) -> str:
    """A reviewer's name; raises `FineVLAError`."""
    if not isinstance(name, str) or not (name := " ".join(name.split())):
        raise FineVLAError("the request names no reviewer; say who you are")
    if len(name) > 60 or not name.isprintable():
        raise FineVLAError("a reviewer's name has at most 60 printable characters")
    return name


def text(said: Mapping[str, Any], name: str, most: int = 64) -> str:
    """A short string of a request that is not empty; raises `FineVLAError`."""
    found = said.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= most:
        raise FineVLAError(f"{name} must be a text of 1 to {most} characters")
    return found


def edits(said: Mapping[str, Any]) -> list[Edit]:
    """The edits of a request; raises `FineVLAError` for what cannot be one."""
    listed = said.get("edits")
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_EDITS:
        raise FineVLAError(f"edits must be a list of 1 to {MAX_EDITS}")
    return [_edit(one) for one in listed]


def _edit(one: object) -> Edit:
    if not isinstance(one, dict) or not isinstance(changes := one.get("changes"), dict) or not changes:
        raise FineVLAError("every edit is an object with item, version and changes")
    item, version = one.get("item", ""), one.get("version", 0)
    if not isinstance(item, str) or len(item) > 64 or type(version) is not int or version < 0:
        raise FineVLAError("item must be a text and version a number from 0 on")
    for name, value in changes.items():
        if name not in (CHANGEABLE if item else NEW):
            raise FineVLAError(f"{str(name)[:40]} cannot be changed")
        if name in ("from_s", "to_s"):
            good = isinstance(value, int | float) and not isinstance(value, bool)
        elif name == "step":
            good = type(value) is int and 0 <= value <= 10_000
        else:
            good = isinstance(value, str) and len(value) <= MAX_TEXT and "\x00" not in value
        if not good:
            raise FineVLAError(f"{name} cannot be {str(value)[:40]!r}")
    if not item and (missing := {"from_s", "to_s", "value", "dimension", "slot"} - set(changes)):
        raise FineVLAError(f"a new item needs {', '.join(sorted(missing))}")
    return Edit(item, version, changes)


def versions(said: Mapping[str, Any]) -> dict[str, int]:
    """Versions by item of a verdict; raises `FineVLAError`."""
    found = said.get("versions")
    if not isinstance(found, dict) or not all(type(v) is int for v in found.values()):
        raise FineVLAError("versions must be an object of numbers by item")
    return found


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
