"""What every answer of the page carries, and which requests are refused before anything looks at them."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_BODY = 64 * 1024
HOSTS = "TIA2_HOSTS"
"""Variable that names hosts which the page is served under, with commas between, as for the leaderboard."""


def served_names(given: Sequence[str], host: str) -> frozenset[str]:
    """Return the names that requests may ask for; addresses in digits are always among them.

    The leaderboard's entrance has the same rule; to import it would be to import Gradio, which takes seconds.

    Args:
        given: Public names of the page.
        host: Name or address that it listens at.
    """
    machine = socket.gethostname()
    named = [*given, *os.environ.get(HOSTS, "").split(","), os.environ.get("SPACE_HOST", ""), host]
    return frozenset(
        name.strip().lower().rstrip(".") for name in ("localhost", machine, f"{machine}.local", *named) if name.strip()
    )


def headers() -> list[tuple[bytes, bytes]]:
    """Return the headers of every answer: nothing is asked of anybody else, nothing is kept, nothing runs inline."""
    frames = b"https://huggingface.co" if os.environ.get("SPACE_ID") else b"'none'"
    policy = [
        b"default-src 'none'",
        b"script-src 'self'",
        b"style-src 'self'",
        b"img-src 'self' blob:",
        b"connect-src 'self'",
        b"base-uri 'none'",
        b"form-action 'none'",
        b"frame-ancestors " + frames,
    ]
    return [
        (b"content-security-policy", b"; ".join(policy)),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


class Protection:
    """Refuse other host names and long bodies, and add the headers.

    Args:
        app: The app behind it.
        names: Host names that it is served under; addresses in digits are always among them.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self.app, self.names, self.headers = app, names, headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self.headers]}
            await send(message)

        given = {bytes(key): bytes(value).decode("latin-1") for key, value in scope["headers"]}
        length = given.get(b"content-length", "0")
        if not self._is_served(given.get(b"host", "")):
            # A page of somebody else's, whose name leads to this machine, could vote otherwise.
            text = f"The study is not served under this name: its owner can add it with --public-host or {HOSTS}."
            await PlainTextResponse(text, 421)(scope, receive, with_headers)
        elif b"transfer-encoding" in given or not length.isdecimal() or int(length) > LONGEST_BODY:
            await PlainTextResponse("The request is too long.", 413)(scope, receive, with_headers)
        else:
            await self.app(scope, receive, with_headers)

    def _is_served(self, host: str) -> bool:
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.rpartition(":")[0] or host
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower().rstrip(".") in self.names
        return True
