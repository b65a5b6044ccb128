"""The About tab: what the words mean, how to cite, and what the figures were computed from."""

from __future__ import annotations

from html import escape

import gradio as gr

from tia2._version import __version__

from ...data.board import Board
from ...data.boards import Live
from ...data.index import SEED
from ...views.formats import figure
from ..markup import facts, table
from ..parts import Tab

CITE = """\
@inproceedings{kim2024confidence,
  title     = {Confidence-aware Reward Optimization for Fine-tuning Text-to-Image Models},
  author    = {Kim, Kyuyoung and Jeong, Jongheon and An, Minyong and Ghavamzadeh, Mohammad and
               Dvijotham, Krishnamurthy and Shin, Jinwoo and Lee, Kimin},
  booktitle = {International Conference on Learning Representations},
  year      = {2024},
  note      = {arXiv:2404.01863}
}
"""
DEFINITIONS = {
    "reward model": "scores an image and a text; the number it gives is the reward.",
    "human score and label": "the mean of an item's votes, unsure counted as 0.5; aligned where it is above 0.5.",
    "metrics": "computed within each prompt, over its images: AUROC, AUPRC and AP@k compare values with labels, "
    "Spearman ρ and Kendall τ-b with human scores. Prompts whose labels are all equal are left out.",
    "figure of a subset": "the mean over its prompts. overall is the mean of the subsets.",
    "interval": "95 %, a bootstrap over prompts, the same resamples for every entry.",
    "pooled": "the same metric over all items of a subset at once: can rewards of different prompts be compared?",
    "ranks": "the ranks that an entry has in 95 % of the resamples.",
    "group": "entries that share a letter are not separable at 5 %, corrected for the number of comparisons. Among "
    "more than 40 entries a letter stands for a run of neighbours, and two entries without a common one may be "
    "inseparable too.",
    "raw": "the reward itself.",
    "TextNorm": "the prompt's share in a softmax over the prompt and its contrastive prompts. Its temperature is fixed "
    "beforehand, or chosen by cross-validation over prompts (cv).",
    "ensemble": "the mean of several models' TextNorm values; UR subtracts their variance, times a penalty.",
    "oracle": "settings chosen for each prompt on the labels that judge it: an upper bound, never a result, "
    "without a rank.",
    "noise ceiling": "what a scorer would reach that knows each image's true share of yes votes, judged by the "
    "votes there are.",
    "one human annotator": "one vote as the value, judged against the others on the same item.",
    "as published": "figures from a publication; no score table stands behind them, so they could not be recomputed.",
    "not complete": "values are missing for some items: shown apart, never ranked.",
}


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    terms = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in DEFINITIONS.items())
    gr.HTML('<div class="tia2-prose"><h2>How to cite</h2><p>The benchmark comes from:</p></div>')
    gr.Code(CITE, language=None, label="BibTeX", interactive=False, show_line_numbers=False, buttons=["copy"])
    gr.HTML(
        '<div class="tia2-prose"><p>Name the date and the fingerprints below with a figure from this page, and cite '
        "the models that you name: Board → BibTeX has the entries that their authors gave.</p></div>"
    )
    provenance = gr.HTML()
    gr.HTML(f'<div class="tia2-prose"><h2>What the words mean</h2><dl>{terms}</dl></div>')
    gr.HTML(
        '<div class="tia2-prose"><h2>Licence</h2><p>The software is under Apache-2.0. Score tables, models and data '
        "are under the licences that their cards state. What a card says is what its authors declare.</p></div>"
    )

    def render(benchmark: str) -> list[str]:
        return [provenance_of(live.board(benchmark))]

    return Tab("about", [], render, [provenance])


def provenance_of(board: Board) -> str:
    """Return what a board's figures were computed from, as HTML."""
    record = board.benchmark
    made = [
        ("benchmark", f"{escape(record.title)} (<code>{escape(record.name)}</code>)"),
        ("votes", "simulated" if record.simulated else "from people"),
        ("fingerprint of the items", f"<code>{escape(record.fingerprint)}</code>"),
        ("fingerprint of the votes", f"<code>{escape(record.votes_fingerprint)}</code>"),
        ("size", f"{len(board.prompts):,} prompts, {int(board.prompts['used'].sum()):,} of them with both labels; "
                 f"{record.items:,} items"),
        ("entries", f"{len(board):,}, {len(board.ranked):,} of them ranked"),
        ("intervals", f"{board.index.resamples:,} resamples, seed {SEED}"),
        ("computed with", f"tia2 {escape(__version__)}"),
    ]  # fmt: skip
    if board.problems:
        made.append(("not shown", f"{len(board.problems):,} entries that can't be evaluated"))
    people = ""
    if board.people:
        rows = [
            [scope, figure(one.agreement.alpha), figure(one.ceiling["auroc"].mean), figure(one.annotator["auroc"].mean)]
            for scope, one in board.people.items()
            if "auroc" in one.ceiling and "auroc" in one.annotator
        ]
        headers = ["subset", "Krippendorff's alpha", "noise ceiling, AUROC", "one annotator, AUROC"]
        people = table("How well people agree with each other", headers, rows)
    return f'<div class="tia2-prose"><h2>What stands behind the figures</h2></div>{facts(made)}{people}'
