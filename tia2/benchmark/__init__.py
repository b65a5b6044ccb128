"""The benchmark: prompts, contrastive prompts, images and human votes, as a Hugging Face dataset.

Example:
    >>> from tia2.benchmark import prompt_set
    >>> prompt_set("a cat", ["two cats", "a cat", "two cats"])
    ['a cat', 'two cats']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tia2.benchmark.configs import CONFIGS, SUBSETS
from tia2.benchmark.prompt_sets import prompt_set

if TYPE_CHECKING:
    from tia2.benchmark.checking import check as check
    from tia2.benchmark.exporting import export as export
    from tia2.benchmark.exporting import push as push
    from tia2.benchmark.judgements.ratings import RatingScale as RatingScale
    from tia2.benchmark.loading import Benchmark as Benchmark
    from tia2.benchmark.loading import load as load
    from tia2.benchmark.making.make import make as make
    from tia2.benchmark.prompt_sets import with_contrastive_prompts as with_contrastive_prompts
    from tia2.benchmark.summary import summarise as summarise
    from tia2.benchmark.votes import human_score as human_score
    from tia2.benchmark.votes import is_aligned as is_aligned

_LAZY = {
    "Benchmark": "loading",
    "RatingScale": "judgements.ratings",
    "check": "checking",
    "export": "exporting",
    "human_score": "votes",
    "is_aligned": "votes",
    "load": "loading",
    "make": "making.make",
    "push": "exporting",
    "summarise": "summary",
    "with_contrastive_prompts": "prompt_sets",
}

__all__ = ["CONFIGS", "SUBSETS", "prompt_set", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"tia2.benchmark.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tia2.benchmark' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
