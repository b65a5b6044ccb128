"""The HTTP server of an entry's values."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError, Tia2Error

from ..rewards.online import OnlineRewards
from ..settings.rewards import EntrySettings
from .messages import JSON, Question, answer, read_question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 1 << 30
"""Bytes of the largest request."""
_ROLE = "entry"


class RewardService:
    """An entry that scores images of any prompts, one request at a time.

    Contrastive prompts of a prompt come with the request, or are made by rule when the prompt is first seen.

    Args:
        entry: The entry.
        device: Where its reward models run.

    Raises:
        Tia2Error: A reward model can't be loaded, or the entry can't be made of it.
    """

    def __init__(self, entry: EntrySettings, device: str | None = None) -> None:
        self._contrastive: dict[str, tuple[str, ...]] = {}
        self._rewards = OnlineRewards({_ROLE: entry}, self._contrastive, device)
        # Models aren't made for several threads at once, and one after the other loses nothing on one device.
        self._lock = threading.Lock()

    def values(self, question: Question) -> NDArray[np.float64]:
        """Return the value of each image, shape (images,).

        Raises:
            Tia2Error: A prompt has no contrastive prompts, or a reward isn't finite.
        """
        with self._lock:
            self._admit(question.prompts, question.contrastive)
            return self._rewards.values(question.images, question.prompts)[_ROLE]

    def _admit(self, prompts: Sequence[str], given: Mapping[str, tuple[str, ...]]) -> None:
        fresh: dict[str, tuple[str, ...]] = {}
        for prompt in dict.fromkeys(prompts):
            wanted = given.get(prompt) or self._contrastive.get(prompt) or by_rule(prompt)
            if self._contrastive.get(prompt) != wanted:
                fresh[prompt] = wanted
        if fresh:
            self._contrastive.update(fresh)
            self._rewards.admit(self._contrastive)


def by_rule(prompt: str) -> tuple[str, ...]:
    """Return the contrastive prompts of a prompt by rule, none where no rule applies."""
    from tia2.calibration import contrastive_prompts
    from tia2.errors import PromptError

    try:
        return tuple(contrastive_prompts(prompt))
    except PromptError:
        return ()


def make_server(
    service: RewardService, host: str = "127.0.0.1", port: int = 0, token: str | None = None
) -> ThreadingHTTPServer:
    """Return a server that answers POST /score and GET /health; call `serve_forever` on it.

    Args:
        service: Who scores.
        host: Address to listen at. Anything but the loopback needs a token.
        port: Port to listen at; 0 for a free one.
        token: Secret that requests must bring as "Authorization: Bearer TOKEN"; None for no secret.

    Raises:
        FinetuneError: The address can't be had, or is open to the network without a token.
    """
    if token is None and host not in ("127.0.0.1", "::1", "localhost"):
        raise FinetuneError(f"Listening at {host} lets everybody on the network use this machine: give a --token.")
    handler = type("Handler", (_Handler,), {"service": service, "token": token})
    try:
        return ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise FinetuneError(f"Can't listen at {host}:{port}: {error.strerror or error}.") from None


class _Handler(BaseHTTPRequestHandler):
    service: RewardService
    token: str | None
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Say that the server is there."""
        if self.path == "/health":
            self._send(HTTPStatus.OK, b'{"status": "ok"}', JSON)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is POST /score and GET /health.")

    def do_POST(self) -> None:
        """Score."""
        body = self._body()
        if body is None:
            return
        if self.path != "/score":
            self._refuse(HTTPStatus.NOT_FOUND, "There is POST /score and GET /health.")
            return
        try:
            question = read_question(body, self.headers.get("Content-Type", ""))
            values = self.service.values(question)
        except Tia2Error as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        self._send(HTTPStatus.OK, *answer(values, self.headers.get("Accept", "")))

    def _body(self) -> bytes | None:
        """Return the request's body, or refuse the request."""
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        # In constant time, so that a token can't be guessed letter by letter.
        if self.token is not None and not hmac.compare_digest(given.encode(), self.token.encode()):
            self.close_connection = True
            self._refuse(HTTPStatus.UNAUTHORIZED, "The token is missing or wrong: Authorization: Bearer TOKEN.")
            return None
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST:
            self.close_connection = True
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Expected a Content-Length of at most {LONGEST:,} bytes."
            )
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._send(status, json.dumps({"error": sentence}).encode(), JSON)

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Write no line per request."""
