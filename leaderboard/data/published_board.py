"""The paper's own figures as they come with tia2: numbers, without the prompts and votes that they are about.

So the first board that anybody sees has the real benchmark, with no network. Prompts are named by digits of their
text's digest; `tia2 leaderboard import-published` fetches texts and votes, and computes the same figures from the
released files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.benchmark.fingerprints import difference
from tia2.errors import LeaderboardError
from tia2.evaluation.result import Result
from tia2.evaluation.summary import OVERALL
from tia2.files import json_of, write_atomically

from .records import BenchmarkRecord
from .store import Store

if TYPE_CHECKING:
    from tia2.benchmark import Benchmark

ASSET = "assets/tia2-published.json.gz"
TITLE = "TIA2"
DESCRIPTION = "27,500 images of 550 prompts in three subsets, each judged by three people."
DIGITS = 12


def add_published_board(store: Store) -> BenchmarkRecord:
    """Put TIA2 and the figures released with the paper into a store, from the numbers that come with tia2.

    Args:
        store: The store; its own copy of TIA2 stays as it is.

    Raises:
        LeaderboardError: The store can't be written to.
    """
    content = json_of(gzip.decompress((files("tia2.leaderboard") / ASSET).read_bytes()).decode())
    record = BenchmarkRecord.model_validate(content["benchmark"])
    kept = next((taken for taken in store.benchmarks if not difference(taken, record)), None)
    if kept is not None:
        return kept
    path = store.folder / "benchmarks" / f"{record.name}.json"
    write_atomically(path, f"{record.model_dump_json(indent=1)}\n".encode(), LeaderboardError)
    for result in content["results"]:
        store.add_published(Result.model_validate(result))
    return record


def published_asset(benchmark: Benchmark, results: Sequence[Result]) -> bytes:
    """Return the numbers that come with tia2, from the benchmark and its published results.

    Args:
        benchmark: TIA2.
        results: Its results, as `tia2.evaluation.published` returns them.
    """
    record = BenchmarkRecord.of(benchmark, TITLE, description=DESCRIPTION, items_kept=False)
    content = {
        "benchmark": record.model_dump(mode="json"),
        "results": [_without_texts(result.model_dump(mode="json")) for result in results],
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def prompt_name(prompt: str) -> str:
    """Return what stands for a prompt whose text isn't there.

    Example:
        >>> prompt_name("two red circles")
        'prompt bb1a3e95d07d'
    """
    return f"prompt {hashlib.sha256(prompt.encode()).hexdigest()[:DIGITS]}"


def outline_of_published(store: Store, benchmark: BenchmarkRecord) -> dict[str, Any]:
    """Return scopes, prompts and people of a benchmark whose items aren't kept, from its published results.

    Args:
        store: The store.
        benchmark: One of its benchmarks.
    """
    for path in store.published.values():
        result = Result.load(path)
        if difference(result.benchmark, benchmark):
            continue
        prompts = result.prompts
        subsets = list(dict.fromkeys(prompt.subset for prompt in prompts))
        aligned = np.array([prompt.aligned for prompt in prompts])
        names = ("subset", "prompt_id", "prompt", "items")
        columns = {name: [getattr(prompt, name) for prompt in prompts] for name in names}
        return {
            "scopes": [*subsets, *([OVERALL] if len(subsets) > 1 else [])],
            "prompts": {**columns, "aligned": aligned.tolist(), "used": ((aligned > 0) & (aligned < 1)).tolist()},
            "people": result.people,
        }
    return {"scopes": [], "prompts": {}, "people": None}


def _without_texts(result: dict[str, Any]) -> dict[str, Any]:
    prompts = [{**prompt, "prompt": prompt_name(prompt["prompt"])} for prompt in result["prompts"]]
    return {**result, "prompts": prompts}
