"""The app: files of the page, and what its scripts ask for.

It is an app of our own on Starlette, and not of Gradio's, though Gradio brings Starlette along: Gradio's pages hold the
names and paths of their files, need inline scripts, send every key press through a queue, and can't take an answer
while the connection is lost. Here the browser holds the next images already, every vote has an id before it is sent,
and the policy of contents lets nothing run that isn't one of the four files below.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tia2.errors import StudyError, Tia2Error
from tia2.people.page.protection import Protection
from tia2.people.quality import StudyState, state_of
from tia2.people.store.items import RaterQueue, StudyRater
from tia2.people.store.pictures import TYPES
from tia2.people.store.study import IMAGES, Study

if TYPE_CHECKING:
    from starlette.requests import Request

_FILES = {
    "/": ("vote.html", "text/html"),
    "/owner": ("owner.html", "text/html"),
    "/vote.js": ("vote.js", "text/javascript"),
    "/owner.js": ("owner.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
MOST_AHEAD = 12
"""Items that a page may hold in advance."""
Handler = Callable[["Request"], Awaitable[Response]]


def page_app(study: Study, names: frozenset[str], *, join: bool = False) -> Starlette:
    """Return the app of a study.

    Args:
        study: The study.
        names: Host names that it is served under.
        join: Whether anybody who reaches the page may become a rater under a new name.
    """
    page = _Page(study, join)
    routes = [Route(path, _file(*file)) for path, file in _FILES.items()]
    routes += [
        Route("/api/study", page.about),
        Route("/api/join", page.join, methods=["POST"]),
        Route("/api/queue", page.of_rater(page.queue)),
        Route("/api/picture/{assignment}/{number:int}", page.of_rater(page.picture)),
        Route("/api/vote", page.of_rater(page.vote), methods=["POST"]),
        Route("/api/undo", page.of_rater(page.undo), methods=["POST"]),
        Route("/api/owner", page.owner),
        Route("/api/owner/picture/{item:int}/{number:int}", page.owner_picture),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Protection, names=names)])


def _file(name: str, media_type: str) -> Handler:
    content = files("tia2.people.page").joinpath("assets").joinpath(name).read_bytes()

    async def send(request: Request) -> Response:
        del request
        return Response(content, media_type=f"{media_type}; charset=utf-8")

    return send


def _refused(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)


class _Page:
    """The answers to what the page's scripts ask."""

    def __init__(self, study: Study, join: bool) -> None:
        self.study, self.can_join = study, join
        # Votes at which the owner was last advised, and the advice.
        self._advised: tuple[int, str | None] = (-1, None)
        self._advising = threading.Lock()

    def _bearer(self, request: Request) -> StudyRater | str | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return self.study.bearer(token) if kind == "Bearer" and token else None

    def of_rater(self, handle: Callable[[Request, StudyRater, Any], Response]) -> Handler:
        """Return what handles a rater's requests, in a thread, and refuses everybody else's."""

        async def checked(request: Request) -> Response:
            rater = await run_in_threadpool(self._bearer, request)
            if not isinstance(rater, StudyRater):
                return _refused(401, "This link is not valid: ask whoever sent it for another.")
            body = None
            if request.method == "POST":
                try:
                    body = json.loads(await request.body())
                except (ValueError, RecursionError):
                    return _refused(422, "Expected JSON.")
                if not isinstance(body, dict):
                    return _refused(422, "Expected a JSON object.")
            try:
                return await run_in_threadpool(handle, request, rater, body)
            except StudyError as error:
                return _refused(422, str(error))

        return checked

    async def about(self, request: Request) -> Response:
        """Say what everybody may know of the study."""
        del request
        settings = self.study.settings
        return JSONResponse(
            {
                "name": settings.name,
                "guide": settings.guide,
                "kind": settings.question.kind,
                "choices": [choice._asdict() for choice in settings.question.choices],
                "break_every": settings.break_every,
                "join": self.can_join,
            }
        )

    async def join(self, request: Request) -> Response:
        """Make a new rater, where that is allowed; a name that is taken stays its owner's."""
        if not self.can_join:
            return _refused(403, "This study is for invited people.")
        try:
            name = json.loads(await request.body())["name"]
            rater = await run_in_threadpool(self.study.add_rater, name, new=True)
        except StudyError as error:
            return _refused(422, str(error))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _refused(422, 'Expected JSON: {"name": …}.')
        return JSONResponse({"token": rater.token})

    def queue(self, request: Request, rater: StudyRater, body: Any) -> Response:
        """Say what waits for a rater."""
        del body
        ahead = request.query_params.get("ahead", "1")
        number = int(ahead) if ahead.isdecimal() and len(ahead) < 4 else 1
        queue = self.study.queue(rater, min(max(number, 1), MOST_AHEAD))
        return JSONResponse(self._queue(queue))

    def _queue(self, queue: RaterQueue) -> dict[str, Any]:
        question = self.study.settings.question
        return {
            "done": queue.done,
            "last": queue.last,
            "items": [
                {
                    "id": assignment.id,
                    "prompt": assignment.prompt,
                    "texts": list(assignment.texts),
                    "images": assignment.images,
                    "asked": [
                        {"aspect": aspect, "sentence": question.sentence(aspect)} for aspect in assignment.aspects
                    ],
                }
                for assignment in queue.assignments
            ],
        }

    def picture(self, request: Request, rater: StudyRater, body: Any) -> Response:
        """Send an image under no name."""
        del body
        params = request.path_params
        path = self.study.picture(rater, params["assignment"], params["number"])
        return Response(path.read_bytes(), media_type=TYPES[path.suffix])

    def vote(self, request: Request, rater: StudyRater, body: Any) -> Response:
        """Keep a vote."""
        del request
        seconds = body.get("seconds")
        took = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
        kept = self.study.vote(rater, str(body.get("assignment")), body.get("answer"), str(body.get("id", "")), took)
        return JSONResponse({"kept": kept})

    def undo(self, request: Request, rater: StudyRater, body: Any) -> Response:
        """Take a vote back."""
        del request
        return JSONResponse({"undone": self.study.undo(rater, str(body.get("id", "")))})

    async def owner(self, request: Request) -> Response:
        """Say to the owner how the study goes."""
        if await run_in_threadpool(self._bearer, request) != "owner":
            return _refused(403, "This is for the study's owner.")
        return JSONResponse(await run_in_threadpool(self._state))

    def _state(self) -> dict[str, Any]:
        state = state_of(self.study)
        prompts = {
            item.number: (item.prompt, item.key) for item in self.study.items_of([d.number for d in state.disputed])
        }
        return {**_written(state, self.study.settings.name, prompts), "advice": self._advice(state.votes)}

    def _advice(self, votes: int) -> str | None:
        """Say of a study of pairs whether it can stop; again when there are one percent more votes."""
        if self.study.settings.question.kind != "pair" or not votes:
            return None
        if self._advised[0] < 0:
            self._advise(votes)
        elif not self._advised[0] <= votes < 1.01 * self._advised[0] + 1:
            # It takes a second where there are many votes; until then the owner reads what was said before.
            threading.Thread(target=self._advise, args=(votes,), daemon=True).start()
        return self._advised[1]

    def _advise(self, votes: int) -> None:
        from tia2.people.verdict.decide import advice_so_far
        from tia2.people.verdict.study_pairs import study_pairs

        if not self._advising.acquire(blocking=False):
            return  # It is being computed.
        try:
            self._advised = (votes, advice_so_far(study_pairs(self.study)).reason)
        except (Tia2Error, sqlite3.Error):
            # A study that doesn't say which models its pairs are of, of which nothing counts yet, or closed meanwhile.
            self._advised = (votes, None)
        finally:
            self._advising.release()

    async def owner_picture(self, request: Request) -> Response:
        """Send the owner an image of an item."""
        if await run_in_threadpool(self._bearer, request) != "owner":
            return _refused(403, "This is for the study's owner.")
        items = await run_in_threadpool(self.study.items_of, [request.path_params["item"]])
        number = request.path_params["number"]
        if not items or not 0 <= number < len(items[0].images):
            return _refused(404, "There is no such image.")
        path = self.study.folder / IMAGES / items[0].images[number]
        return FileResponse(path, media_type=TYPES[path.suffix])


def _written(state: StudyState, name: str, prompts: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """Return a state as JSON, null in the place of what isn't known."""

    def number(value: float) -> float | None:
        return round(float(value), 4) if math.isfinite(value) else None

    return {
        "name": name,
        "votes": state.votes,
        "wanted": state.wanted,
        "finished": state.finished,
        "items": state.items,
        "per_hour": state.per_hour,
        "alpha": {aspect: number(alpha) for aspect, alpha in state.alpha.items()},
        "alpha_without": {aspect: number(alpha) for aspect, alpha in state.alpha_without.items()},
        "times": state.times,
        "alphas": [number(alpha) for alpha in state.alphas],
        "raters": [
            {key: number(value) if isinstance(value, float) else value for key, value in rater._asdict().items()}
            for rater in state.raters
        ],
        "disputed": [
            {**disputed._asdict(), "prompt": prompts[disputed.number][0], "key": prompts[disputed.number][1]}
            for disputed in state.disputed
        ],
    }
