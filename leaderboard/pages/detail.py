"""What the Board tab says of one entry: its card as text, where it comes from, and its figures on every subset."""

from __future__ import annotations

from collections import Counter
from html import escape

from tia2.evaluation.metrics import METRICS

from ..data.board import Board, BoardEntry
from ..data.records import Cost
from ..views.formats import NO_VALUE, figure, interval, share
from .markup import facts, note, safe_link, table

HINT = "Select a row, or choose an entry above, to see its card, its settings and its figures on every subset."


def detail(board: Board, name: str | None, scope: str) -> str:
    """Return what is known of an entry, as HTML in which everything that others wrote is escaped.

    Args:
        board: The board.
        name: The entry's id; None or an unknown one for a hint.
        scope: Whose distribution of the counts is told.
    """
    if not name or name not in board.place:
        return note(HINT)
    entry = board.entry(name)
    heading = f'<h2 class="tia2-h2">{escape(entry.name)}</h2>'
    return (
        f'<section aria-label="Details">{heading}{facts(_facts(board, entry, scope))}{_figures(board, entry)}</section>'
    )


def _facts(board: Board, entry: BoardEntry, scope: str) -> list[tuple[str, str]]:
    pairs = [("entry", f"<code>{escape(entry.id)}</code>"), ("what", escape(" · ".join(entry.chips)))]
    if entry.source:
        pairs.append(("source", safe_link(entry.source)))
    if entry.listing is not None:
        card = entry.listing.card
        pairs += [
            ("description", escape(card.description or NO_VALUE)),
            ("training data", escape(card.training_data)),
            ("licence", escape(card.licence)),
            *([("contact", safe_link(card.contact))] if card.contact else []),
            *([("paper", safe_link(card.paper))] if card.paper else []),
            *([("cost, as declared", escape(_cost(card.cost)))] if card.cost else []),
            *([("cite", f"<code>{escape(card.cite)}</code>")] if card.cite else []),
            (
                "added",
                escape(f"{entry.listing.added}{f', by {entry.listing.added_by}' if entry.listing.added_by else ''}"),
            ),
            ("score tables", " ".join(f"<code>{escape(digest[:12])}</code>" for digest in entry.listing.tables)),
        ]
    settings = _plain(board.index.result(entry.key).entry.settings)
    if settings:
        pairs.append(("settings", escape(settings)))
    counts = dict(
        zip(("prompts", "prompts_used"), board.counts[board.place[entry.id], board.scopes.index(scope)], strict=False)
    )
    if counts["prompts"] == counts["prompts"]:
        pairs.append(
            ("prompts", escape(f"{counts['prompts']:.0f} in {scope}, {counts['prompts_used']:.0f} with both labels"))
        )
    pairs.append(("items with a value", share(entry.coverage)))
    return pairs


def _figures(board: Board, entry: BoardEntry) -> str:
    number = board.place[entry.id]
    rows = []
    for metric, about in METRICS.items():
        cells = [
            interval(*(float(board.estimate(scope, metric, what)[number]) for what in ("mean", "low", "high")))
            for scope in board.scopes
        ]
        rows.append([about.title, *cells])
    pooled = [figure(float(board.estimate(scope, "auroc", "pooled")[number])) for scope in board.scopes]
    rows.append(["AUROC, pooled", *pooled])
    return table("Mean over prompts, with 95 % intervals", ["metric", *board.scopes], rows)


def _cost(cost: Cost) -> str:
    parts = []
    if cost.items_per_second is not None:
        where = f" on {cost.device}" if cost.device else ""
        parts.append(f"{cost.items_per_second:,.4g} items a second{where}")
    if cost.macs is not None:
        parts.append(f"{cost.macs:.3g} multiply-accumulates an image and text")
    return "; ".join(parts) or NO_VALUE


def _plain(value: object) -> str:
    """Return settings in words.

    Example:
        >>> _plain({"setting": "cv", "chosen": [{"factor": 2.0}, {"factor": 2.0}, {"factor": 0.5}]})
        'setting cv, chosen factor 2 (2 times); factor 0.5'
    """
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, (list, tuple)):
        times = Counter(map(_plain, value))
        return "; ".join(text if count == 1 else f"{text} ({count} times)" for text, count in times.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
