"""The board as a table for a paper."""

from __future__ import annotations

import math
import re

from tia2.figures.text import clean

from ..data.board import Board
from ..data.store import slug
from ..views.formats import brackets, in_tex
from .facts import SIMULATED, Facts, about, best_first, figures, people, provenance

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    "…": r"\ldots{}",
    # In names of metrics and settings; pdfLaTeX has no such letters.
    "ρ": r"$\rho$",
    "τ": r"$\tau$",
    "λ": r"$\lambda$",
}
BEST = r"\textsuperscript{*}"
HEAD = r"""% By tia2 {version}, {date}, benchmark {benchmark}, items {items}, votes {votes}. {permalink}
% Needs \usepackage[T1]{{fontenc}}, array and booktabs; names that aren't in Latin script need LuaLaTeX or XeLaTeX.
"""
COLUMNS = r"@{}r>{\raggedright\arraybackslash}p{0.31\textwidth}ll@{}"
"""Fits the 345 pt of article's text, in footnotesize, with a minus sign before every figure."""


def to_latex(board: Board, scope: str, metric: str, top: int | None = None, page: str = "") -> str:
    """Return a booktabs table: ranks, entries, figures with intervals and groups, upper bounds, people.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.
        top: Largest number of ranked entries, and of upper bounds; all if None.
        page: Address of the board's page, if known.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rows = best_first(
        {**about(entry), **values} for entry, values in zip(board.entries, figures(board, scope, metric), strict=True)
    )
    # Among them, last and without a rank, published results that are older than the metric.
    ranked = [row for row in rows if row["kind"] == "entry"][:top]
    bounds = [row for row in rows if row["kind"] == "upper bound"][:top]
    title = escaped(board.metric_titles[metric])
    common = provenance(board, scope, metric, page)
    where = "the mean of all subsets" if scope == "overall" else escaped(scope)
    blocks = [[_line(row) for row in ranked], [_line(row, bound=True) for row in bounds]]
    blocks.append([_people_line(who, values) for who, values in people(board, scope, metric).items()])
    body = "\n\\midrule\n".join("\n".join(block) for block in blocks if block)
    return (
        HEAD.format(
            version=common["tia2_version"],
            date=common["date"],
            benchmark=escaped(board.benchmark.name),
            items=common["benchmark_fingerprint"][:16],
            votes=common["votes_fingerprint"][:16],
            permalink=common["permalink"],
        )
        + "\\begin{table}\n\\centering\n\\footnotesize\n\\setlength{\\tabcolsep}{4pt}\n"
        + f"\\caption{{Agreement with people, {title}, {escaped(board.benchmark.title)}, {where}. "
        + "Brackets hold 95\\,\\% intervals over prompts. "
        + f"Entries with {BEST} are the best or not separable from it at 5\\,\\%, corrected for the models. "
        + (r"\textsuperscript{\dag} Upper bound: settings chosen on the test labels, no result. " if bounds else "")
        + "Pooled: over all items at once. "
        + ("The votes are simulated. " if common["votes"] == SIMULATED else "")
        + f"{common['date']}, votes {common['votes_fingerprint'][:8]}.}}\n"
        + f"\\label{{tab:{slug(f'tia2 {board.benchmark.name} {scope} {metric}')}}}\n"
        + f"\\begin{{tabular}}{{{COLUMNS}}}\n\\toprule\n"
        + f"Rank & Entry & {title} & Pooled \\\\\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def escaped(text: str) -> str:
    r"""Return a text as TeX shows it literally, on one line; quotes and other characters stay as they are.

    Example:
        >>> escaped(r"50% \input{x}")
        '50\\% \\textbackslash{}input\\{x\\}'
    """
    return re.sub(r"(?<=-)-", "{}-", "".join(SPECIAL.get(char, char) for char in clean(text)))


def _line(row: Facts, bound: bool = False) -> str:
    name = escaped(row["name"]) + (r"\textsuperscript{\dag}" if bound else "")
    letters = BEST if row["like_best"] else ""
    rank = str(row["rank"] or "--")
    return rf"{rank} & {name} & {_figure(row, '', letters)} & {_figure(row, 'pooled')} \\"


def _people_line(who: str, estimate: dict[str, float]) -> str:
    return rf"-- & People: {who} & {_figure(estimate, '')} & {_figure(estimate, 'pooled')} \\"


def _figure(row: Facts, prefix: str, letters: str = "") -> str:
    names = ("pooled", "pooled_low", "pooled_high") if prefix else ("mean", "low", "high")
    mean, low, high = (row[name] for name in names)
    if math.isnan(mean):
        return in_tex(mean)
    return " ".join(filter(None, (f"{in_tex(mean)}{letters}", brackets(low, high, in_tex))))
