"""What is scored, as plain data that goes to any machine: names, paths and options, never a model or an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.scoring.plan import ScoringOptions

if TYPE_CHECKING:
    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel


@dataclass(frozen=True)
class Framewise:
    """How a reward of single images scores videos; `tia2.rewards.frames.FramesReward` says what each field does."""

    frames: int
    pool: str = "mean"
    temperature: float | None = None


@dataclass(frozen=True)
class Job:
    """A benchmark to score with a reward model. Every path is absolute, and every machine sees the same file there.

    Attributes:
        reward: Specification of the reward model: a name, or FILE.py:NAME.
        benchmark: Name or path of the benchmark, as `tia2.benchmark.load` takes it.
        spec: Specification of the reward that the manifest records; None for `reward`.
        reward_options: Further arguments of `load_reward`.
        benchmark_options: Further arguments of `tia2.benchmark.load`.
        contrastive: File of contrastive prompts that replace the benchmark's.
        framewise: Pooling over frames; None for images.
        options: Options of the run.

    Example:
        >>> job = Job("mini-web", "mini")
        >>> job.load_benchmark().name
        'mini'
    """

    reward: str
    benchmark: str
    spec: str | None = None
    reward_options: Mapping[str, Any] = field(default_factory=dict)
    benchmark_options: Mapping[str, Any] = field(default_factory=dict)
    contrastive: Path | None = None
    framewise: Framewise | None = None
    options: ScoringOptions = field(default_factory=ScoringOptions)

    def load_benchmark(self) -> Benchmark:
        """Load the benchmark."""
        from tia2.benchmark import load, with_contrastive_prompts

        benchmark = load(self.benchmark, **self.benchmark_options)
        return benchmark if self.contrastive is None else with_contrastive_prompts(benchmark, self.contrastive)

    def load_reward(self) -> RewardModel:
        """Load the reward model."""
        from tia2.rewards import load_reward
        from tia2.rewards.frames import FramesReward

        model, pooled = load_reward(self.reward, **self.reward_options), self.framewise
        if pooled is None:
            return model
        return FramesReward(model, frames=pooled.frames, pool=pooled.pool, temperature=pooled.temperature)
