"""TextNorm before or after pooling over frames: videos of the miniature world, judged frame by frame.

    python benchmarks/videos.py

Takes a minute and a half on one core.
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.metrics import roc_auc_score

import tia2
from tia2.frames import read_frames
from tia2.miniworld.prompts import benchmark_prompts
from tia2.miniworld.videos import video_benchmark
from tia2.rewards.frames import FramesReward

MODELS = ("mini-strong", "mini-web", "mini-countblind")
TEMPERATURES = (0.05, 0.02)


def main() -> None:
    """Print AUROC within prompts and over all videos, for each model, temperature and pool."""
    prompts = [prompt for listed in benchmark_prompts().values() for prompt in listed]
    benchmark = video_benchmark(prompts, per_prompt=6, frames=8, seed=3)
    labels, ids = benchmark.items["label"].to_numpy(), benchmark.items["prompt_id"].to_numpy()

    def within(values: np.ndarray) -> np.ndarray:
        return np.array([roc_auc_score(labels[ids == prompt], values[ids == prompt]) for prompt in np.unique(ids)])

    for name in MODELS:
        model = tia2.load_reward(name, device="cpu")
        rewards = []
        for index, row in benchmark.items.iterrows():
            texts = list(dict.fromkeys([row["prompt"], *row["contrastive_prompts"]]))
            rewards.append(model.score_matrix(read_frames(benchmark.image_bytes(index), 8), texts))
        for temperature in TEMPERATURES:
            for pool in ("mean", "min", "max"):
                plain = FramesReward(model, pool=pool)
                normalised = FramesReward(model, pool=pool, temperature=temperature)
                pooled = [plain.pooled(of_item) / temperature for of_item in rewards]
                values = {
                    "raw": np.array([row[0] for row in pooled]),
                    "after": np.array([row[0] - np.logaddexp.reduce(row) for row in pooled]),
                    "before": np.array([normalised.pooled(of_item)[0] for of_item in rewards]),
                }
                gain = within(values["before"]) - within(values["after"])
                draws = np.random.default_rng(0).integers(0, len(gain), (1000, len(gain)))
                low, high = np.quantile(gain[draws].mean(axis=1), [0.025, 0.975])
                figures = "  ".join(
                    f"{kind} {within(of).mean():.3f} / {roc_auc_score(labels, of):.3f}" for kind, of in values.items()
                )
                sys.stdout.write(f"{name} T={temperature} {pool}: {figures}  gain {low:+.3f} to {high:+.3f}\n")


if __name__ == "__main__":
    main()
