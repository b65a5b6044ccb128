"""The board as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from ..data.board import Board, BoardEntry
from ..data.summaries import COUNTS, ESTIMATES
from .facts import Facts, about, best_first, counts, figures, people, plain, provenance, validated

SCHEMA = "tia2-leaderboard"
SCHEMA_VERSION = 2
"""2: `p_best` and `like_best` instead of `group`, `model_rank`, `model_id`, and what `provenance` says of itself."""

NOT_FOR_READERS = frozenset(("schema_version", "images", "scores_fingerprint", "items_kept"))
"""What a store says of a benchmark for itself."""
TEXTS = ("benchmark", "subset", "metric", "id", "entry", "model_id", "kind", "chips")
RANKS = ("rank", "rank_low", "rank_high", "model_rank", "p_best", "like_best")
CARD = ("licence", "training_data", "source", "tables")
PROVENANCE = (
    "votes", "benchmark_fingerprint", "votes_fingerprint", "seed", "resamples", "confidence", "tia2_version", "date",
    "permalink",
)  # fmt: skip
VALIDATED = ("validated_gain", "validated_kl", "validated_drop", "validated_runs")
COLUMNS = (*TEXTS, *RANKS, *ESTIMATES, *COUNTS, "coverage", *VALIDATED, *CARD, *PROVENANCE)

DANGEROUS = frozenset("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet take a cell for a formula; the wide ones in Japanese and Chinese settings."""


def to_csv(board: Board, scope: str | None = None, metric: str | None = None, page: str = "") -> str:
    """Return all figures as one long table: one row for each subset, metric and entry, best first, then people.

    Numbers have full precision, unknown ones are empty. Text that a spreadsheet would take for a formula has an
    apostrophe in front.

    Args:
        board: The board.
        scope: One of its scopes; all of them if None.
        metric: One of the metrics; all of them if None.
        page: Address of the board's page, if known.

    Returns:
        CSV with a header, in the columns of `COLUMNS`.

    Raises:
        UnknownNameError: The board has no such scope or metric.

    Example:
        >>> pandas.read_csv(io.StringIO(to_csv(board)))  # doctest: +SKIP
    """
    scopes, metrics = board.scopes if scope is None else [scope], board.metrics if metric is None else [metric]
    board.check(scope or board.scopes[0], metric or board.metrics[0])
    sink = io.StringIO()
    # Text is quoted always: a spreadsheet that splits at semicolons must not find a cell inside it.
    writer = csv.writer(sink, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(COLUMNS)
    common = provenance(board, scope or "", metric or "", page)
    entries = [{**_entry_cells(about(entry)), **_validated_cells(board, entry)} for entry in board.entries]
    for subset in scopes:
        counted = counts(board, subset)
        for name in metrics:
            fixed = {**common, "subset": subset, "metric": name}
            rows = [
                {**fixed, **cells, **number, **row}
                for cells, number, row in zip(entries, counted, figures(board, subset, name), strict=True)
            ]
            for row in best_first(rows):
                writer.writerow([_cell(row.get(column)) for column in COLUMNS])
            for who, estimate in people(board, subset, name).items():
                row = {**fixed, **estimate, "entry": who, "kind": "people"}
                writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return sink.getvalue()


def to_json(board: Board, page: str = "") -> str:
    """Return the whole board as JSON, every subset and metric, NaN as null; docs/leaderboard-api.md has the schema.

    Args:
        board: The board.
        page: Address of the board's page, if known.
    """
    rows = [{**about(entry), "validated": validated(board, entry), "subsets": {}} for entry in board.entries]
    for scope in board.scopes:
        by_metric = {metric: figures(board, scope, metric) for metric in board.metrics}
        for position, (row, number) in enumerate(zip(rows, counts(board, scope), strict=True)):
            metrics = {metric: by_entry[position] for metric, by_entry in by_metric.items()}
            row["subsets"][scope] = {"counts": number, "metrics": metrics}
    content = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "provenance": provenance(board, page=page),
        "benchmark": board.benchmark.model_dump(
            exclude={"schema_version", "images", "scores_fingerprint", "items_kept"}
        ),
        "metrics": board.metric_titles,
        "subsets": list(board.scopes),
        "people": {scope: _people(board, scope) for scope in board.scopes} if board.people is not None else None,
        "entries": rows,
        "problems": dict(board.problems),
    }
    return json.dumps(plain(content), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def neutral(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    Example:
        >>> neutral("=cmd|' /C calc'!A0"), neutral("1 - 2")
        ("'=cmd|' /C calc'!A0", '1 - 2')
    """
    text = text.replace("\x00", "")
    first = text.lstrip(" \u00a0\ufeff")[:1]
    return f"'{text}" if first in DANGEROUS and first else text


def _entry_cells(facts: Facts) -> Facts:
    kept = {name: facts[name] for name in ("id", "model_id", "kind", "coverage", "licence", "training_data", "source")}
    return {**kept, "entry": facts["name"], "chips": "; ".join(facts["chips"]), "tables": " ".join(facts["tables"])}


def _validated_cells(board: Board, entry: BoardEntry) -> Facts:
    return {f"validated_{name}": value for name, value in (validated(board, entry) or {}).items()}


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return neutral(value) if isinstance(value, str) else value


def _people(board: Board, scope: str) -> dict[str, dict[str, Any]]:
    estimates: dict[str, dict[str, Any]] = {}
    for metric in board.metrics:
        for who, estimate in people(board, scope, metric).items():
            estimates.setdefault(who, {})[metric] = estimate
    return estimates
