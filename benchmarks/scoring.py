"""Speed of scoring with every image and text encoded once against scoring pair by pair, as the models' own code does.

Run `python benchmarks/scoring.py` (`--help` for sizes; `--model clip` for one model). Full-size models with random
weights score one image with 33 prompts, and 20 images with the same 33 prompts. Both sides have the same weights,
images and prompts, and run in one process, on the same number of threads, in float32.

Pair by pair: the classes of transformers, one forward of the whole model for each pair, the image preprocessed for
each, as CLIP's, ImageReward's and LAVIS' own scoring does; texts padded to 77 (CLIP), 35 (ImageReward) or not at all
(LAVIS).
tia2: `score_matrix` for one image, `tia2.score` for the 20 images; the latter also decodes them.

The rewards of all pairs that both sides scored must be equal. The limit beside the ratios is that of the multiply-adds,
counted by torch on either side: what the ratio would be if all of them took the same time. On a CPU the ratio that
counts is that of the process's CPU time, which other programs on the machine disturb least; on one thread of an idle
machine it is that of the time that passes.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Its neighbours are imported, also where another program runs this one.
sys.path.append(str(Path(__file__).resolve().parent))

import argparse
import functools
import io
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import datasets
import numpy as np
import torch
from _scoring_models import CASES, Case
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

import tia2
from tia2.benchmark.columns import features
from tia2.rewards import CrossEncoder

TARGETS = {"clip": 20.0, "imagereward": 15.0, "blip2-itm": 10.0}
TOLERANCE = 1e-4
WHOLE_BENCHMARK = {"images": 27_500, "pairs": 571_300, "texts": 7_855}
"""TIA2: its images, all of their prompts and contrastive prompts, and how many of those differ."""

THINGS = ("airplane", "apple", "bench", "bird", "boat", "book", "car", "cat", "chair", "clock", "dog", "horse", "kite")
NUMBERS = ("two", "three", "four", "five")
COLOURS = ("red", "green", "blue", "yellow", "white", "black")
SIDE = 512
"""Of the images, as Stable Diffusion makes them."""


class Seconds(NamedTuple):
    """How long something took."""

    wall: float
    cpu: float

    def times(self, factor: float) -> Seconds:
        return Seconds(self.wall * factor, self.cpu * factor)


@dataclass(frozen=True)
class Row:
    """What one slice gave."""

    slice: str
    naive: Seconds
    ours: Seconds
    limit: float
    difference: float
    spread: float
    """Standard deviation of the rewards, beside which the difference is to be seen."""
    timed: int
    pairs: int

    def ratio(self, clock: str) -> float:
        return float(getattr(self.naive, clock) / getattr(self.ours, clock))


def make_prompts(count: int) -> list[str]:
    """Return distinct prompts in the manner of TIA2's composition subset: 8 to 12 words."""
    rng = np.random.Generator(np.random.PCG64(0))
    prompts: dict[str, None] = {}
    while len(prompts) < count:
        first, second = rng.choice(THINGS, 2, replace=False)
        number, other = rng.choice(NUMBERS, 2)
        colour = rng.choice(COLOURS)
        forms = (
            f"a realistic photo of {number} {colour} {first}s and a {second}",
            f"a realistic photo of a {first} and {number} {second}s",
            f"a realistic photo of {number} {first}s and {other} {colour} {second}s on grass",
        )
        prompts[forms[len(prompts) % len(forms)]] = None
    return list(prompts)


def make_images(count: int) -> list[Image.Image]:
    rng = np.random.Generator(np.random.PCG64(1))
    coarse = rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    return [Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for pixels in coarse]


def benchmark_of(images: Sequence[Image.Image], prompts: Sequence[str]) -> datasets.Dataset:
    """Return a benchmark of one prompt with these images and contrastive prompts, in memory."""

    def png(image: Image.Image) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "PNG")
        return stream.getvalue()

    rows = [
        {
            "item_id": f"slice/image_{number}",
            "subset": "slice",
            "prompt_id": "slice_0",
            "prompt": prompts[0],
            "image": {"bytes": png(image), "path": None},
            "votes": [1, 1, 0],
            "human_score": 2 / 3,
            "label": 1,
            "contrastive_prompts": list(prompts[1:]),
        }
        for number, image in enumerate(images)
    ]
    return datasets.Dataset.from_list(rows, features=features())


def seconds(work: Callable[[], Any], runs: int = 1) -> tuple[Seconds, Any]:
    """Return the medians over some runs, and what the last one returned."""
    wall, cpu = [], []
    for _ in range(runs):
        before, busy = time.perf_counter(), time.process_time()
        returned = work()
        wall.append(time.perf_counter() - before)
        cpu.append(time.process_time() - busy)
    return Seconds(statistics.median(wall), statistics.median(cpu)), returned


def multiply_adds(work: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 2


def multiply_adds_of(case: Case, image: Image.Image, prompts: Sequence[str]) -> tuple[float, float, float]:
    """Return those of one pair, of one image, and of the prompts: once (dual encoders) or for each image."""
    reward: Any = case.reward
    pair = multiply_adds(lambda: case.naive(image, prompts[0]))
    of_image = multiply_adds(lambda: reward.encode_images([image]))
    encoded = reward.encode_images([image])
    of_texts = multiply_adds(lambda: reward.score_matrix(encoded, prompts))
    return pair, of_image, of_texts


def one_by_one(
    case: Case, images: Sequence[Image.Image], prompts: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> list[float]:
    return [case.naive(images[row], prompts[column]) for row, column in pairs]


def compare(
    case: Case, images: Sequence[Image.Image], prompts: Sequence[str], options: argparse.Namespace
) -> list[Row]:
    """Time both slices on both sides."""
    reward: Any = case.reward
    crosses = isinstance(reward, CrossEncoder)
    # Counting runs everything once, so that neither side is timed cold; loading and its digest are on neither side.
    pair, of_image, of_texts = multiply_adds_of(case, images[0], prompts)
    _ = reward.fingerprint
    giga = [count / 1e9 for count in (pair, of_image, of_texts)]
    each = "for each image" if crosses else "once"
    print(f"\n{case.title}, {reward.parameters / 1e6:.0f} M weights")
    counts = f"{giga[0]:.1f} G per pair; {giga[1]:.1f} G per image, {giga[2]:.1f} G the prompts {each}"
    print(f"multiply-adds: {counts}", flush=True)
    dataset = benchmark_of(images, prompts)
    rows = []
    for count in dict.fromkeys((1, len(images))):
        every = [(row, column) for row in range(count) for column in range(len(prompts))]
        sample = options.pairs if count > 1 or options.sample_first else len(every)
        chosen = [every[position] for position in sorted({round(at) for at in np.linspace(0, len(every) - 1, sample)})]
        naive, theirs = seconds(functools.partial(one_by_one, case, images, prompts, chosen))
        if count == 1:
            ours, rewards = seconds(lambda: reward.score_matrix(images[:1], prompts), runs=3)
        else:
            ours, table = seconds(lambda: tia2.score(reward, dataset))
            rewards = table.rewards[:, [table.items["texts"][0].index(prompt) for prompt in prompts]]
        gap = max(abs(float(rewards[position]) - value) for position, value in zip(chosen, theirs, strict=True))
        texts = of_texts * count if crosses else of_texts
        rows.append(
            Row(
                slice=f"{count} x {len(prompts)}",
                naive=naive.times(len(every) / len(chosen)),
                ours=ours,
                limit=pair * len(every) / (of_image * count + texts),
                difference=gap,
                spread=float(np.std(rewards)),
                timed=len(chosen),
                pairs=len(every),
            )
        )
    return rows


def project(case: Case, images: Sequence[Image.Image], prompts: Sequence[str], row: Row) -> str:
    """Say how long the whole benchmark would take, by the time of images, pairs and texts on the slice."""
    reward: Any = case.reward
    if isinstance(reward, CrossEncoder):
        encoded = reward.encode_images(images)
        spent, _ = seconds(lambda: reward.score_matrix(encoded, prompts))
        per_pair, per_text = spent.wall / len(images) / len(prompts), 0.0
    else:
        spent, _ = seconds(lambda: reward.encode_texts(prompts))
        per_pair, per_text = 0.0, spent.wall / len(prompts)
    per_image = max(0.0, row.ours.wall - spent.wall) / len(images)
    whole = WHOLE_BENCHMARK
    total = per_image * whole["images"] + per_pair * whole["pairs"] + per_text * whole["texts"]
    return (
        f"{len(images) / row.ours.wall:.1f} items/s; {whole['images']:,} images with {whole['pairs']:,} pairs would "
        f"take {total / 3600:.1f} h"
    )


def report(rows: Sequence[Row], target: float | None, clock: str) -> bool:
    """Print the rows and return whether the target is met with equal rewards."""
    print(f"{'':18}{'time that passes':^30} {'CPU time':^28}")
    sides = f"{'pair by pair':>13}{'tia2':>9}{'ratio':>8}"
    print(f"{'images x prompts':18}{sides}{sides}{'limit':>8}{'largest difference':>20}{'spread':>9}")
    for row in rows:
        wall = f"{row.naive.wall:13.1f}{row.ours.wall:9.2f}{row.ratio('wall'):7.1f}x"
        cpu = f"{row.naive.cpu:13.1f}{row.ours.cpu:9.2f}{row.ratio('cpu'):7.1f}x"
        timed = f"  (pair by pair: {row.timed} of {row.pairs} timed)" if row.timed < row.pairs else ""
        print(f"{row.slice:18}{wall}{cpu}{row.limit:7.1f}x{row.difference:20.1e}{row.spread:9.1e}{timed}")
    equal = all(row.difference <= TOLERANCE for row in rows)
    if not equal:
        print(f"FAILED: the rewards differ by more than {TOLERANCE:.0e}")
    met = target is None or all(row.ratio(clock) >= target for row in rows)
    if target is not None:
        print(f"target {target:.0f}x of {clock} time: {'met' if met else 'MISSED'}")
    return equal and met


def main() -> int:
    parser = argparse.ArgumentParser(description="Time scoring with everything encoded once against pair by pair.")
    parser.add_argument("--model", choices=list(CASES), action="append", help="which models; all if not given")
    parser.add_argument("--images", type=int, default=20, help="images of the second slice")
    parser.add_argument("--prompts", type=int, default=33)
    parser.add_argument("--pairs", type=int, default=12, help="pairs to time where pair by pair would take too long")
    parser.add_argument("--sample-first", action="store_true", help="time a sample of the first slice's pairs, too")
    parser.add_argument("--blip2-depth", type=int, default=39, help="layers of BLIP-2's image tower")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tiny", action="store_true", help="two layers per tower and no target, to try this program")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    on_cpu = options.device.startswith("cpu")
    torch.set_grad_enabled(False)
    datasets.disable_progress_bars()

    images, prompts = make_images(options.images), make_prompts(options.prompts)
    print(f"device {options.device}, torch threads {torch.get_num_threads()}, torch {torch.__version__}, float32")
    print(f"{SIDE}x{SIDE} images; prompts of {min(map(words, prompts))} to {max(map(words, prompts))} words")
    failed = False
    for name in options.model or list(CASES):
        with tempfile.TemporaryDirectory(prefix="tia2-scoring-") as folder:
            case = CASES[name](Path(folder) / name, prompts, options.device, options)
            rows = compare(case, images, prompts, options)
            failed |= not report(rows, None if options.tiny else TARGETS[name], "cpu" if on_cpu else "wall")
            if not on_cpu:
                print(project(case, images, prompts, rows[-1]))
            del case
    return int(failed)


def words(prompt: str) -> int:
    return len(re.findall(r"\w+", prompt))


if __name__ == "__main__":
    raise SystemExit(main())
