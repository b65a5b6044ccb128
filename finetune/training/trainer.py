"""What a method of training is to a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from tia2.progress import Progress

from ..policy.model import DiffusionModel
from ..rewards.online import Judges
from ..settings.run import RunSettings
from .optimiser import Optimiser
from .processes import Processes
from .prompts import PromptSplit


class Trainer(ABC):
    """A method: what one epoch does, and what it must remember between epochs.

    Every random choice comes from the run's seed, the epoch and the sample's number, so that an epoch depends on
    nothing but the state that it began with.

    Args:
        model: The policy.
        settings: The run's settings.
        prompts: The prompts.
        judges: The proxy and those that watch.
        optimiser: The optimiser of the policy's weights.
        processes: The processes that share the work.
    """

    def __init__(
        self,
        model: DiffusionModel,
        settings: RunSettings,
        prompts: PromptSplit,
        judges: Judges,
        optimiser: Optimiser,
        processes: Processes | None = None,
    ) -> None:
        self.model = model
        self.settings = settings
        self.prompts = prompts
        self.judges = judges
        self.optimiser = optimiser
        self.processes = processes or Processes()

    @property
    @abstractmethod
    def epochs(self) -> int:
        """Epochs in all."""

    @abstractmethod
    def epoch(self, number: int, report: Progress) -> dict[str, float]:
        """Train for one epoch.

        Args:
            number: The epoch, from 1.
            report: Called with what is done, how much of it, and how much there is.

        Returns:
            What the journal keeps of it.

        Raises:
            FinetuneError: A reward or a gradient isn't finite, or memory ran out; the weights are as the last update
                left them.
        """

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the optimiser's state: nothing, unless the method says otherwise."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        del state
