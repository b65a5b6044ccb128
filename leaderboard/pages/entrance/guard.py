"""What stands between visitors and the app: names that it is served under, headers, requests of scripts, uploads."""

from __future__ import annotations

import inspect
import ipaddress
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...submissions.limits import LIMITS, MIB
from .uploads import EACH, Uploads, visitor_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = "tia2.uploads"
"""Key of a request's scope under which handlers find the app's `Uploads`."""
HOSTS, PROXIES = "TIA2_HOSTS", "TIA2_PROXIES"
"""Variables that name, with commas between, hosts that the app is served under, and proxies in front of it."""
PRIVATE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""Where a Space's own proxies are, through which alone it is reached."""
LONGEST_BODY = MIB // 8
_CALL = re.compile(r".*/gradio_api/(?:call(?P<named>/v2)?|run)/(?P<endpoint>[^/]+)/?")
_UPLOAD = re.compile(r".*/gradio_api/upload/?")
_PREDICT = "predict"
"""What Gradio's own page calls when it asks without the queue."""


def headers() -> dict[bytes, bytes]:
    """Return the headers of every response: nothing is fetched from elsewhere, whatever got into a page."""
    frames = b"'self' https://huggingface.co" if os.environ.get("SPACE_ID") else b"'self'"
    policy = [
        b"default-src 'self' data: blob:",
        b"script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        b"style-src 'self' 'unsafe-inline'",
        b"object-src 'none'",
        b"base-uri 'self'",
        b"form-action 'self'",
        b"frame-ancestors " + frames,
    ]
    return {
        b"content-security-policy": b"; ".join(policy),
        b"referrer-policy": b"no-referrer",
        b"x-content-type-options": b"nosniff",
    }


def served_names(given: Sequence[str] = (), host: str | None = None) -> frozenset[str]:
    """Return the names that requests may ask for; addresses in digits are always among them.

    A page of somebody else's, whose name leads to this machine, could read the board otherwise.

    Args:
        given: Public names of the app.
        host: Name or address that it listens at.
    """
    machine = socket.gethostname()
    named = [*given, *os.environ.get(HOSTS, "").split(","), os.environ.get("SPACE_HOST", ""), host or ""]
    return frozenset(
        name.strip().lower().rstrip(".") for name in ("localhost", machine, f"{machine}.local", *named) if name.strip()
    )


@contextmanager
def trusting(proxies: Sequence[str]) -> Iterator[None]:
    """Let a server that is started in a block believe `X-Forwarded-For` of these proxies only.

    Args:
        proxies: Addresses or networks; with those that the environment names.
    """
    spaces = [PRIVATE] if os.environ.get("SPACE_ID") else []
    variable = "FORWARDED_ALLOW_IPS"  # uvicorn's, which believes this machine if there is none
    before = os.environ.get(variable)
    named = [*proxies, os.environ.get(PROXIES, ""), before or "", *spaces]
    os.environ[variable] = ",".join(part.strip() for part in named if part.strip()) or "nobody"
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


class Guard:
    """Refuses what no honest visitor asks for, in a sentence, and adds headers to every response.

    Args:
        app: The app behind it.
        names: Host names that it is served under.
        endpoints: Functions that scripts call, by name.
        uploads: Visitors' files.
    """

    def __init__(
        self, app: ASGIApp, *, names: frozenset[str], endpoints: Mapping[str, Callable[..., Any]], uploads: Uploads
    ) -> None:
        self.app = app
        self.names = names
        self.endpoints = {name: inspect.signature(function).parameters for name, function in endpoints.items()}
        self.uploads = uploads
        self.headers = list(headers().items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope[UPLOADS] = self.uploads

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self.headers]}
            await send(message)

        host = _header(scope, b"host")
        if host and not self._is_served(host):
            sentence = (
                "This leaderboard is not served under this name: its maintainer can add it with --public-host or "
                f"{HOSTS}."
            )
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await _refuse(guarded, 421, sentence)
        elif scope["type"] == "http" and scope["method"] == "POST" and _UPLOAD.fullmatch(scope["path"]):
            await self._upload(scope, receive, guarded)
        elif (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and (call := _CALL.fullmatch(scope["path"])) is not None
            and call["endpoint"] != _PREDICT
        ):
            await self._call(scope, receive, guarded, call["endpoint"], call["named"] is not None)
        else:
            await self.app(scope, receive, guarded)

    def _is_served(self, host: str) -> bool:
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.rpartition(":")[0] or host
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower().rstrip(".") in self.names
        return True

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = visitor_of(scope["client"][0] if scope.get("client") else None)
        length = _header(scope, b"content-length")
        size = int(length) if length.isdecimal() and len(length) < 16 else LIMITS.upload
        if not self.uploads.admit(visitor, size):
            await _refuse(send, 429, f"One visitor may upload {EACH // MIB} MiB per day: try again tomorrow.")
            return
        body, status = bytearray(), 0

        async def remembering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and len(body) < LONGEST_BODY:
                body.extend(message.get("body", b""))
                if status == 200 and not message.get("more_body", False):
                    # Before the visitor knows the path, so that nobody is faster.
                    for path in _paths(bytes(body)):
                        self.uploads.add(visitor, path)
            await send(message)

        await self.app(scope, receive, remembering)

    async def _call(self, scope: Scope, receive: Receive, send: Send, endpoint: str, named: bool) -> None:
        if endpoint not in self.endpoints:
            listed = ", ".join(f"/{name}" for name in self.endpoints)
            await _refuse(send, 404, f"There is no endpoint of this name; there are {listed}.")
            return
        body = await _body(receive)
        if body is None:
            await _refuse(send, 413, f"Expected at most {LONGEST_BODY // 1024} KiB of arguments.")
            return
        parameters = self.endpoints[endpoint]
        arguments, problem = _arguments(endpoint, parameters, body, named)
        if problem is not None:
            await _refuse(send, 422, problem)
            return
        content = json.dumps(arguments).encode()
        lengths = {b"content-length": str(len(content)).encode()}
        changed = {**scope, "headers": [(key, lengths.get(key, value)) for key, value in scope["headers"]]}
        sent = False

        async def replayed() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": content, "more_body": False}

        await self.app(changed, replayed, send)


def _arguments(
    endpoint: str, parameters: Mapping[str, inspect.Parameter], body: bytes, named: bool
) -> tuple[dict[str, Any], str | None]:
    """Return a request with defaults where it is silent, or say in one sentence what is wrong with it."""
    required = [name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    optional = [name for name in parameters if name not in required]
    takes = f"/{endpoint} needs {', '.join(required) or 'no argument'}" + (
        f", and takes {', '.join(optional)}" if optional else ""
    )
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}, f"Expected JSON; {takes}."
    data = content if named else content.get("data") if isinstance(content, dict) else None
    if named and isinstance(data, dict):
        missing = [name for name in required if name not in data]
        unknown = [name for name in data if name not in parameters and name != "oauth_token"]
        if missing or unknown:
            return {}, f"{takes}; {'got no ' + missing[0] if missing else 'got another argument'}."
        return data, None
    if data is None and not required:
        data = []
    if not isinstance(data, list):
        form = '{"argument": …}' if named else '{"data": […]}'
        return {}, f"Expected arguments as {form}; {takes}."
    if not len(required) <= len(data) <= len(parameters):
        return {}, f"{takes}; got {len(data)} argument{'' if len(data) == 1 else 's'}."
    defaults = [parameters[name].default for name in list(parameters)[len(data) :]]
    rest = {key: value for key, value in content.items() if key != "data"} if isinstance(content, dict) else {}
    return {**rest, "data": [*data, *defaults]}, None


async def _body(receive: Receive) -> bytes | None:
    """Return a request's body; None if it is too long."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body.extend(message.get("body", b""))
        if len(body) > LONGEST_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _paths(body: bytes) -> list[str]:
    try:
        paths = json.loads(body)
    except ValueError:
        return []
    return [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []


def _header(scope: Scope, name: bytes) -> str:
    return next((bytes(value).decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _refuse(send: Send, status: int, sentence: str) -> None:
    content = (json.dumps({"error": sentence}, ensure_ascii=False) + "\n").encode()
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": content})
