"""Judges that a run didn't have, applied to the images that it kept."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

from tia2.errors import FinetuneError

from ..runner.state import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..settings.rewards import EntrySettings


class KeptImageScorer:
    """Scores kept images by the judges that other runs had.

    Args:
        folders: The runs whose judges are wanted.
        device: Where reward models run.
    """

    def __init__(self, folders: Sequence[RunFolder], device: str = "cpu") -> None:
        self.device = device
        self._entries = {name: entry for folder in folders for name, entry in judge_entries(folder).items()}

    def values(self, folder: RunFolder, epochs: Sequence[int], judge: str) -> list[NDArray[np.float64]]:
        """Return a judge's value of each image that a run kept.

        Args:
            folder: The run that kept the images.
            epochs: Epochs of its evaluations.
            judge: Name of a judge of any of the runs.

        Returns:
            One array per epoch, in the order of the evaluation's rows.

        Raises:
            FinetuneError: The judge isn't an entry, or needs contrastive prompts that the run doesn't have.
        """
        from ..rewards.online import OnlineRewards
        from ..training.prompts import load_prompts

        if judge not in self._entries:
            raise FinetuneError(f"{judge} is an entry of none of the runs.")
        # The contrastive prompts are the run's own, which need not be those of the run that brought the judge.
        contrastive = load_prompts(folder.settings().prompts).contrastive
        rewards = OnlineRewards({judge: self._entries[judge]}, contrastive, self.device)
        values = []
        for epoch in epochs:
            frame = folder.evaluation(epoch)
            images = [Image.open(io.BytesIO(png)) for png in frame["image"]]
            values.append(rewards.values(images, frame["prompt"].tolist())[judge])
        return values


def judge_entries(folder: RunFolder) -> dict[str, EntrySettings]:
    """Return the entries among a run's judges, by the name that its curves give them.

    Args:
        folder: The run's folder.
    """
    settings = folder.settings().reward
    entries = {"proxy": settings.proxy, **{f"watch{number}": entry for number, entry in enumerate(settings.watch)}}
    names: dict[str, str] = folder.facts()["judges"]
    return {names[role]: entry for role, entry in entries.items() if role in names}
