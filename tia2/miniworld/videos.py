"""Scenes that move: videos of the miniature world, and its judge over their frames."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tia2.miniworld.grammar import contrastive_prompts, parse
from tia2.miniworld.judge import judge
from tia2.miniworld.renderer import Pixels, render
from tia2.miniworld.scenes import SIDE, Scene, sample_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tia2.benchmark import Benchmark

STEP = 2
"""The largest shift of a scene between two frames, in pixels."""


def moving_frames(scene: Scene, rng: np.random.Generator, count: int, fade: float = 0.0) -> list[Pixels]:
    """Draw a scene that drifts across a larger world, within the picture.

    Args:
        scene: The scene; its objects keep their places to each other, so that the prompt holds in every frame.
        rng: Source of direction and speed.
        count: Number of frames.
        fade: Share of contrast that is lost in the middle frame, from 0 to 1: a dip that makes single frames poor.

    Returns:
        Frames, each (64, 64, 3) uint8.
    """
    objects = scene.objects
    room = [
        (
            -min(getattr(entry, axis) - entry.radius for entry in objects) + 1,
            SIDE - max(getattr(entry, axis) + entry.radius for entry in objects) - 1,
        )
        for axis in ("x", "y")
    ]
    speed = rng.uniform(-STEP, STEP, size=2)
    frames = []
    for number in range(count):
        shift = [float(np.clip(pace * (number - count / 2), *limits)) for pace, limits in zip(speed, room, strict=True)]
        moved = tuple(replace(entry, x=entry.x + shift[0], y=entry.y + shift[1]) for entry in objects)
        pixels = render(replace(scene, objects=moved)).astype(float)
        loss = fade * np.sin(np.pi * (number + 0.5) / count)
        background = np.array(scene.background) * 255
        frames.append((pixels + (background - pixels) * loss).astype(np.uint8))
    return frames


def judge_frames(frames: Sequence[Pixels], prompt: str) -> float:
    """Return the share of frames that the judge accepts, from 0 to 1; a video shows its prompt if it is 1.

    Args:
        frames: Frames, each (64, 64, 3) uint8.
        prompt: A prompt of the miniature world.
    """
    return float(np.mean([judge(frame, prompt).accepted for frame in frames]))


def as_gif(frames: Sequence[Pixels]) -> bytes:
    """Return frames as an animated GIF, ten per second."""
    sink = io.BytesIO()
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(sink, "GIF", save_all=True, append_images=pictures[1:], duration=100, loop=0)
    return sink.getvalue()


def video_benchmark(prompts: Sequence[str], *, per_prompt: int = 8, frames: int = 16, seed: int = 0) -> Benchmark:
    """Make a benchmark of short videos: half show their prompt throughout, half turn into another scene on the way.

    The others begin as the prompt says and show a contrastive prompt from some frame on, so that single frames
    mislead. The human score is the share of frames that the judge accepts; a video is aligned if it is all of them.
    Contrast dips in the middle of each video, as motion and compression have it.

    Args:
        prompts: Prompts of the miniature world.
        per_prompt: Number of videos per prompt.
        frames: Number of frames per video.
        seed: Seed of all randomness.
    """
    from datasets import Dataset

    from tia2.benchmark import load
    from tia2.benchmark.columns import features

    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number, prompt in enumerate(prompts):
        contrastive = contrastive_prompts(prompt)
        for video in range(per_prompt):
            shown = moving_frames(sample_scene(parse(prompt), rng), rng, frames, rng.uniform(0, 0.5))
            if video % 2:
                other = str(rng.choice(contrastive))
                turn = int(rng.integers(frames // 4, frames))
                tail = moving_frames(sample_scene(parse(other), rng), rng, frames, rng.uniform(0, 0.5))
                shown = shown[:turn] + tail[turn:]
            file = as_gif(shown)
            share = judge_frames(shown, prompt)
            rows.append(
                {
                    "item_id": f"videos/{number}/{video}",
                    "subset": "videos",
                    "prompt_id": f"videos/{number}",
                    "prompt": prompt,
                    "image": {"bytes": file, "path": None},
                    "human_score": share,
                    "label": share == 1,
                    "contrastive_prompts": contrastive,
                }
            )
    kinds = features()
    chosen = {column: kinds[column] for column in rows[0]}
    return load(
        Dataset.from_list(rows, features=type(kinds)(chosen)),
        how_made={"label": "aligned if the judge accepts every frame"},
    )
