"""What there is to say of each contrastive prompt: how often it out-scores its prompt, and what repeats what."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.entries import Entries
from tia2.evaluation.metrics import auroc
from tia2.evaluation.panel import Panel
from tia2.prompts.rules.meaning import meaning

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

HIGH = 0.4
"""A contrastive prompt that out-scores the prompt on this share of the aligned images may say the same."""
FEW = 3
"""With fewer aligned images than this, the share says nothing."""
ALIKE = 0.01
"""Rewards of two texts are alike when they differ by less than this share of the standard deviation of the leads."""
HARM = 0.02
"""A contrastive prompt without which AUROC is higher by this much is worth a look."""


@dataclass(frozen=True)
class Measured:
    """How texts fare against their prompt; texts are in columns, the prompt itself in column 0.

    Attributes:
        counts: Numbers of images of each prompt: aligned, and others; shape (2, prompts).
        shares: Share of the aligned, the other, and all images on which a text out-scores the prompt; NaN where there
            is no text or no such image; shape (models, 3, prompts, texts).
        margins: Mean lead of the prompt in units of the temperature, shape (models, prompts, texts).
        removal: Change of TextNorm's AUROC without the text, same shape.
        alike: Whether the rewards of two texts are alike for every model, shape (prompts, texts, texts).
        temperatures: Documented temperatures, by position of the model, of those that have one.
        texts: Texts of every prompt, its own first.
    """

    counts: NDArray[np.intp]
    shares: Floats
    margins: Floats
    removal: Floats
    alike: NDArray[np.bool_]
    temperatures: dict[int, float]
    texts: list[list[str]]

    @property
    def able(self) -> list[int]:
        """The models with a default temperature."""
        return list(self.temperatures)

    @classmethod
    def of(cls, panel: Panel, entries: Entries) -> Measured:
        """Measure every contrastive prompt with every reward model.

        Args:
            panel: Panel of the items that all models scored.
            entries: Models whose reward depends on the text.
        """
        first = panel.positions[:, 0]
        there = entries.tables[0].mask[first]
        groups = np.stack([panel.mask & panel.labels, panel.mask & ~panel.labels, panel.mask])
        counts = groups.sum(axis=2)
        shares = np.full((len(entries), 3, *there.shape), np.nan)
        margins, removal = np.full((2, len(entries), *there.shape), np.nan)
        alike = there[:, :, None] & there[:, None, :]
        temperatures = {
            number: float(documented)
            for number, table in enumerate(entries.tables)
            if (documented := table.manifest.reward.card.default_temperature) is not None
        }
        for number, table in enumerate(entries.tables):
            rewards = np.where(
                panel.mask[:, :, None] & there[:, None, :], table.rewards[panel.positions].astype(np.float64), 0.0
            )
            leads = rewards - rewards[:, :, :1]
            won = np.where(leads > 0, 1.0, np.where(leads == 0, 0.5, 0.0))
            with np.errstate(divide="ignore", invalid="ignore"):
                means = np.einsum("gpi,pit->gpt", groups.astype(np.float64), won) / counts[:, :, None]
            shares[number] = np.where(there, means, np.nan)
            real = panel.mask[:, :, None] & there[:, None, 1:]
            alike &= _alike(rewards, ALIKE * float(leads[:, :, 1:][real].std()))
            if number in temperatures:
                scaled = leads / temperatures[number]
                lead = np.where(panel.mask[:, :, None], scaled, 0).sum(axis=1) / counts[2][:, None]
                margins[number] = np.where(there, -lead, np.nan)
                removal[number] = _removal(panel, scaled, there)
        texts = [list(entries.items["texts"].iloc[position]) for position in first]
        return cls(counts[:2], shares, margins, removal, alike, temperatures, texts)

    def frame(self, panel: Panel, entries: Entries) -> pd.DataFrame:
        """Return one row a contrastive prompt, with averages over models and each model's own figures."""
        import pandas as pd

        rows, columns = np.nonzero(np.isfinite(self.shares[0, 2]))
        rows, columns = rows[columns > 0], columns[columns > 0]
        about = panel.prompts.iloc[rows].reset_index(drop=True)
        models = len(entries)

        def over_models(values: Floats) -> Floats:
            of_texts = values[:, rows, columns]
            finite = np.isfinite(of_texts)
            models_with = np.where(finite.any(axis=0), finite.sum(axis=0), np.nan)
            means: Floats = np.where(finite, of_texts, 0).sum(axis=0) / models_with
            return means

        aligned, other, every = (over_models(self.shares[:, kind]) for kind in range(3))
        content: dict[str, Any] = {
            "subset": about["subset"],
            "prompt_id": about["prompt_id"],
            "prompt": about["prompt"],
            "contrastive_prompt": [self.texts[row][column] for row, column in zip(rows, columns, strict=True)],
            "aligned": aligned,
            "not_aligned": other,
            "all": every,
            "n_aligned": self.counts[0, rows],
            "n_not_aligned": self.counts[1, rows],
            "margin": over_models(self.margins),
            "removal": over_models(self.removal),
        }
        if models > 1:
            for number, name in enumerate(entries.names):
                content[f"aligned: {name}"] = self.shares[number, 0, rows, columns]
                content[f"not_aligned: {name}"] = self.shares[number, 1, rows, columns]
                content[f"removal: {name}"] = self.removal[number, rows, columns]
        frame: pd.DataFrame = pd.DataFrame({**content, "row": rows, "column": columns})
        return frame


def suspicions(frame: pd.DataFrame, measured: Measured, names: list[str]) -> pd.DataFrame:
    """Return what is suspicious of each row of `Measured.frame`.

    Args:
        frame: That frame.
        measured: Measurements that the frame was made from.
        names: Names of the models.

    Returns:
        paraphrase ("text", "rewards" or ""), duplicate_of, duplicate_by ("text", "rewards" or ""), check (the reasons
        in words) and severity (0 is the worst), on the same index.
    """
    import pandas as pd

    keys = [[(meaning(text), letters(text)) for text in texts] for texts in measured.texts]
    rows = []
    for row, column, aligned, removal, number in zip(
        frame["row"], frame["column"], frame["aligned"], frame["removal"], frame["n_aligned"], strict=True
    ):
        key, reasons = keys[row][column], []
        by_models = measured.shares[:, 0, row, column]
        many = int((by_models >= HIGH).sum())
        paraphrase = ""
        if _same(key, keys[row][0]):
            paraphrase = "text"
            reasons.append("says the same as the prompt")
        elif number >= FEW and 2 * many > len(names):
            paraphrase = "rewards"
            reasons.append(
                f"out-scores the prompt on {100 * aligned:.0f} % of aligned images ({many} of {len(names)} models)"
            )
        by, other = _repeats(keys[row], measured.alike[row], column)
        if by:
            same = "same words as" if by == "text" else "same rewards as"
            reasons.append(f"{same} {measured.texts[row][other]!r}")
        if removal >= HARM:
            reasons.append(f"AUROC {removal:+.3f} without it")
        severity = 0 if paraphrase == "text" else 1 if paraphrase else 2 if by else 3 if removal >= HARM else 4
        rows.append((paraphrase, measured.texts[row][other] if by else "", by, "; ".join(reasons), severity))
    columns = ["paraphrase", "duplicate_of", "duplicate_by", "check", "severity"]
    table: pd.DataFrame = pd.DataFrame(rows, columns=columns, index=frame.index)
    return table


def letters(text: str) -> str:
    """Return the letters and digits of a text, whatever its case, spaces and punctuation.

    Example:
        >>> letters("A T-shirt.") == letters("a t shirt")
        True
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _same(key: tuple[Any, str], other: tuple[Any, str]) -> bool:
    return key[0] == other[0] or (key[1] != "" and key[1] == other[1])


def _repeats(keys: list[tuple[Any, str]], alike: NDArray[np.bool_], column: int) -> tuple[str, int]:
    """Return how a text repeats an earlier contrastive prompt, and which; by its words if it does so."""
    for other in range(1, column):
        if _same(keys[column], keys[other]):
            return "text", other
    # A text with the prompt's own rewards repeats the prompt: column 0 counts here.
    same = np.flatnonzero(alike[column, :column])
    return ("rewards", int(same[0])) if len(same) else ("", 0)


def _alike(rewards: Floats, tolerance: float) -> NDArray[np.bool_]:
    """Return whether two texts' rewards differ by no more than this for every image, shape (prompts, texts, texts)."""
    prompts, _, texts = rewards.shape
    alike = np.empty((prompts, texts, texts), np.bool_)
    for text in range(texts):
        alike[:, text] = np.abs(rewards - rewards[:, :, text : text + 1]).max(axis=1) <= tolerance
    return alike


def _removal(panel: Panel, scaled: Floats, there: NDArray[np.bool_]) -> Floats:
    """Return the change of TextNorm's AUROC without each text, from its rewards' leads over the prompt."""
    items = panel.mask
    with np.errstate(over="ignore"):
        terms = np.where(there[:, None, :], np.exp(scaled), 0.0)
    # Sums of the terms before and after each: subtracting one from the total would lose the small ones.
    before, after = np.cumsum(terms, axis=2), np.cumsum(terms[:, :, ::-1], axis=2)[:, :, ::-1]
    labels, mask = panel.labels, None if items.all() else items

    def figures(total: Floats) -> Floats:
        return auroc(labels, 1 / total, mask)

    whole = figures(before[:, :, -1])
    changes = np.full(there.shape, np.nan)
    for text in range(1, there.shape[1]):
        rest = before[:, :, text - 1] + (after[:, :, text + 1] if text + 1 < there.shape[1] else 0.0)
        changes[:, text] = np.where(there[:, text], figures(rest) - whole, np.nan)
    return changes
