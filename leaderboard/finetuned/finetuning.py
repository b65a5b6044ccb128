"""What the board takes from `tia2.finetune`, all of it here.

Type checkers and import-linter know that package by its folder, programs by the name that `setup.cfg` maps it to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from finetune.bon.curves import GoldCurve
    from finetune.report.content import make_report
    from finetune.report.records import Report
    from finetune.runner.parts import TEST, total_kl
    from finetune.runner.run import Run
    from finetune.runner.state import RunFolder
    from finetune.settings.rewards import JUDGE, EntrySettings
    from finetune.settings.run import RunSettings, checked, load_settings
    from tia2.evaluation.values import Values
else:
    from tia2.finetune.report.content import make_report
    from tia2.finetune.report.records import Report
    from tia2.finetune.runner.parts import TEST, total_kl
    from tia2.finetune.runner.state import RunFolder
    from tia2.finetune.settings.rewards import JUDGE, EntrySettings
    from tia2.finetune.settings.run import RunSettings, checked, load_settings

__all__ = [
    "JUDGE",
    "TEST",
    "EntriesAgain",
    "EntrySettings",
    "RunFolder",
    "RunReport",
    "RunSettings",
    "best_of_n_gold",
    "checked_settings",
    "judged",
    "load_settings",
    "make_report",
    "mean_best_of_n",
    "prompts_by_fall",
    "run_class",
    "total_kl",
    "write_run_report",
]

RunReport = Report
"""The board has reports of its own."""
checked_settings = checked


def prompts_by_fall(report: RunReport) -> list[str]:
    """Return the prompts of a report by how far their gold fell after the peak, the worst first."""
    return [prompt for prompt, _ in report.peaks[0].falling_prompts] if report.peaks else list(report.prompts)


def run_class() -> type[Run]:
    """Return `tia2.finetune.Run`, which needs PyTorch and diffusers."""
    if TYPE_CHECKING:
        from finetune.runner.run import Run as Trained
    else:
        from tia2.finetune.runner.run import Run as Trained
    return Trained


def write_run_report(folder: RunFolder) -> None:
    """Write a run's report into its folder: a page, pictures, and its numbers.

    Raises:
        FinetuneError: A file is damaged, or the folder can't be written to.
    """
    if TYPE_CHECKING:
        from finetune.report.writing import write_report
    else:
        from tia2.finetune.report.writing import write_report
    write_report(folder)


def judged(images: Sequence[Image.Image], prompts: Sequence[str]) -> NDArray[np.float64]:
    """Return the exact judge's verdicts, 1 or 0, shape (images,).

    Raises:
        FinetuneError: A prompt or an image isn't of the miniature world.
    """
    if TYPE_CHECKING:
        from finetune.rewards.online import accepted
    else:
        from tia2.finetune.rewards.online import accepted
    return accepted(images, prompts)


class EntriesAgain:
    """A run's entries, loaded again to score its kept images.

    Args:
        entries: The entries by their roles in the run.
        settings: The run's settings, whose prompts are read.

    Raises:
        Tia2Error: A reward model or the prompts can't be had.
    """

    def __init__(self, entries: Mapping[str, EntrySettings], settings: RunSettings) -> None:
        if TYPE_CHECKING:
            from finetune.rewards.online import OnlineRewards
            from finetune.training.prompts import load_prompts
        else:
            from tia2.finetune.rewards.online import OnlineRewards
            from tia2.finetune.training.prompts import load_prompts
        prompts = load_prompts(settings.prompts)
        self.prompts = {"train": prompts.train, "held-out": prompts.held_out}
        self.rewards = OnlineRewards(entries, prompts.contrastive, "cpu")


def mean_best_of_n(proxy: NDArray[np.float64], gold: NDArray[np.float64], n: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the expected gold of the best of n by a proxy, per prompt and n, as `tia2.finetune.best_of_n` does.

    Args:
        proxy: Numbers to choose by, shape (prompts, items).
        gold: Trusted judgements, same shape.
        n: Numbers of images to choose from.
    """
    if TYPE_CHECKING:
        from finetune.bon.estimator import best_of_n
    else:
        from tia2.finetune.bon.estimator import best_of_n
    return best_of_n(proxy, gold, n)


def best_of_n_gold(values: Values, resamples: int) -> dict[str, GoldCurve]:
    """Return people's mean score of the best of n by an entry, by subset.

    Args:
        values: The entry's values.
        resamples: Number of resamples behind every interval.

    Raises:
        ResultError: The benchmark has too few images per prompt, or items without a human score.
    """
    if TYPE_CHECKING:
        from finetune.bon.curves import gold_curves
    else:
        from tia2.finetune.bon.curves import gold_curves
    return gold_curves(values, resamples)
