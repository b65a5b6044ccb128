"""What scripts can ask the app for: named endpoints for `gradio_client` and plain HTTP; see docs/leaderboard-api.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import gradio as gr
from gradio.events import api

from tia2.errors import LeaderboardError, Tia2Error, unknown_name
from tia2.files import without_folders

from ..data.board import Board
from ..data.boards import Live
from ..exports.facts import about, best_first, counts, figures, people, plain, provenance, validated
from ..submissions.web import status_of
from ..views.pairs import comparison, verdict_of

LONGEST = 200
"""Characters of an argument; no name is longer."""
AT_ONCE = 4


def add_api(live: Live) -> dict[str, Callable[..., Any]]:
    """Register the endpoints: boards, leaderboard, entry, compare, prompts, submission. Call it inside `gr.Blocks`.

    Args:
        live: The boards.

    Returns:
        The functions by name.

    Example:
        >>> with gr.Blocks() as app:  # doctest: +SKIP
        ...     add_api(live)
    """

    def boards() -> list[dict[str, Any]]:
        """List the benchmarks: name, title, number of entries, prompts and items, subsets and metrics."""
        return [_summary(board) for board in live.boards.values()]

    def leaderboard(benchmark: str, subset: str = "", metric: str = "auroc") -> dict[str, Any]:
        """Rank all entries on one subset of a benchmark by one metric; an empty subset means the mean of all."""
        with _answering():
            board = _board(live, benchmark)
            return _leaderboard(board, _scope(board, subset), board.metric_called(_text("metric", metric)))

    def entry(benchmark: str, entry: str) -> dict[str, Any]:
        """Say all about one entry: its model card, settings and score tables, and its figures on every subset."""
        with _answering():
            return _entry(_board(live, benchmark), _text("entry", entry))

    def compare(benchmark: str, a: str, b: str, metric: str = "auroc") -> dict[str, Any]:
        """Compare two entries by one metric, paired, on every subset and prompt."""
        with _answering():
            board = _board(live, benchmark)
            result = comparison(
                board, _text("entry", a), _text("entry", b), board.metric_called(_text("metric", metric))
            )
            content: dict[str, Any] = plain({"verdict": verdict_of(result, result.main, board), **result.model_dump()})
            return content

    def prompts(benchmark: str, entry: str) -> list[dict[str, Any]]:
        """List every prompt of a benchmark with an entry's figures."""
        with _answering():
            return _prompts(_board(live, benchmark), _text("entry", entry))

    def submission(id: str) -> dict[str, Any]:  # noqa: A002
        """Say what became of a submission: its state, and the reason if it was rejected."""
        with _answering():
            return asdict(status_of(live.store, _text("id", id)))

    endpoints: tuple[Callable[..., Any], ...] = (boards, leaderboard, entry, compare, prompts, submission)
    for endpoint in endpoints:
        api(endpoint, api_name=endpoint.__name__, concurrency_limit=AT_ONCE, concurrency_id="api")
    return {endpoint.__name__: endpoint for endpoint in endpoints}


@contextmanager
def _answering() -> Iterator[None]:
    """Tell the caller what is wrong with a request; anything else stays an error of the server."""
    try:
        yield
    except Tia2Error as error:
        raise gr.Error(without_folders(str(error)), print_exception=False) from None


def _text(kind: str, value: Any) -> str:
    """Return an argument that is a text of sensible length; clients may send anything."""
    if not isinstance(value, str):
        raise LeaderboardError(f"Expected the {kind} as text, got {type(value).__name__}.")
    if len(value) > LONGEST:
        raise LeaderboardError(f"Expected the {kind} as at most {LONGEST} characters, got {len(value):,}.")
    return value


def _board(live: Live, name: Any) -> Board:
    boards = live.boards
    if _text("benchmark", name) not in boards:
        raise unknown_name("benchmark", name, boards)
    return boards[name]


def _scope(board: Board, name: Any) -> str:
    return _text("subset", name) or board.usual_scope


def _summary(board: Board) -> dict[str, Any]:
    record = board.benchmark
    return {
        "name": record.name,
        "title": record.title,
        "description": record.description,
        "simulated": record.simulated,
        "entries": len(board),
        "prompts": len(board.prompts),
        "items": record.items,
        "subsets": list(board.scopes),
        "metrics": board.metric_titles,
    }


def _leaderboard(board: Board, scope: str, metric: str) -> dict[str, Any]:
    rows = [
        {
            **{name: facts[name] for name in ("id", "name", "kind", "chips", "coverage", "licence", "training_data")},
            **numbers,
        }
        for facts, numbers in zip(map(about, board.entries), figures(board, scope, metric), strict=True)
    ]
    content: dict[str, Any] = plain(
        {
            "subset": scope,
            "metric": metric,
            "provenance": provenance(board),
            "entries": best_first(rows),
            "people": people(board, scope, metric),
        }
    )
    return content


def _entry(board: Board, name: str) -> dict[str, Any]:
    entry = board.entry(name)
    position = board.positions[entry.id]
    subsets = {
        scope: {
            "counts": counts(board, scope)[position],
            "metrics": {metric: figures(board, scope, metric, [position])[0] for metric in board.metrics},
        }
        for scope in board.scopes
    }
    content: dict[str, Any] = plain(
        {**about(entry), "validated": validated(board, entry), "subsets": subsets, "provenance": provenance(board)}
    )
    return content


def _prompts(board: Board, name: str) -> list[dict[str, Any]]:
    position = board.positions[board.entry(name).id]
    rows = [{str(column): value for column, value in row.items()} for row in board.prompts.to_dict("records")]
    content: list[dict[str, Any]] = plain(
        [
            {**row, "metrics": dict(zip(board.metrics, values, strict=True))}
            for row, values in zip(rows, board.figures[position].tolist(), strict=True)
        ]
    )
    return content
