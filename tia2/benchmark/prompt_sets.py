"""Prompt sets: the prompts that TextNorm compares a prompt with, and a benchmark with others than it came with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import BenchmarkError
from tia2.files import json_of

if TYPE_CHECKING:
    from tia2.benchmark.loading import Benchmark


def prompt_set(prompt: str, contrastive: Iterable[str]) -> list[str]:
    """Return X: the prompt first, then its contrastive prompts, each text once.

    Released contrastive prompts hold duplicates, and one holds its own prompt; X is a set.

    Args:
        prompt: The prompt.
        contrastive: Its contrastive prompts.

    Returns:
        Distinct texts in order, the prompt at position 0.

    Example:
        >>> prompt_set("a cat", ["two cats", "a cat", "a dog", "two cats"])
        ['a cat', 'two cats', 'a dog']
    """
    return list(dict.fromkeys([prompt, *contrastive]))


def with_contrastive_prompts(
    benchmark: Benchmark, sets: Mapping[str, Sequence[str]] | str | os.PathLike[str]
) -> Benchmark:
    """Return a benchmark whose contrastive prompts are replaced; images and votes stay.

    Args:
        benchmark: The benchmark.
        sets: Contrastive prompts by prompt, or a JSON file of them, as `tia2 prompts contrast --out` writes it. Sets of
            prompts that the benchmark doesn't hold are left aside.

    Returns:
        A benchmark of another fingerprint. A file's name becomes part of its name.

    Raises:
        BenchmarkError: The file can't be read or holds something else, or a prompt of the benchmark has no set.

    Example:
        >>> from datasets import Dataset
        >>> from tia2.benchmark import load
        >>> row = {"item_id": "a/0", "subset": "a", "prompt_id": "a/0", "prompt": "a cat", "votes": [1, 1, 0]}
        >>> changed = with_contrastive_prompts(load(Dataset.from_list([row])), {"a cat": ["two cats"]})
        >>> changed.items["contrastive_prompts"].tolist()
        [['two cats']]
    """
    from datasets import List, Value

    from tia2.benchmark.items import check_contrastive
    from tia2.benchmark.loading import Benchmark

    name = benchmark.name
    if not isinstance(sets, Mapping):
        path = Path(sets).expanduser()
        name = f"{name} + {path.stem}"
        sets = _read(path)
    prompts = benchmark.items["prompt"].tolist()
    missing = [prompt for prompt in dict.fromkeys(prompts) if prompt not in sets]
    if missing:
        raise BenchmarkError(
            f"{len(missing)} prompts of {benchmark.name} have no contrastive prompts in what was given, the first is "
            f"{missing[0]!r}; an empty list says that a prompt has none."
        )
    checked = {
        prompt: check_contrastive(sets[prompt], f"Prompt {prompt!r} in what was given")
        for prompt in dict.fromkeys(prompts)
    }
    column = [checked[prompt] for prompt in prompts]
    for prompt, texts in checked.items():
        if not "".join(texts).isascii() and any(_is_cut(text) for text in texts):
            raise BenchmarkError(f"A contrastive prompt of {prompt!r} holds half a character (a surrogate).")
    dataset = benchmark.dataset
    if "contrastive_prompts" in dataset.column_names:
        dataset = dataset.remove_columns("contrastive_prompts")
    extended = dataset.add_column("contrastive_prompts", column, feature=List(Value("string")))
    return Benchmark(extended, name, benchmark.how_made, benchmark.scale)


def _is_cut(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _read(path: Path) -> dict[str, list[str]]:
    try:
        content: Any = json_of(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchmarkError(f"Can't read contrastive prompts from {path}: {error.strerror or error}.") from None
    except ValueError as error:
        raise BenchmarkError(f"{path} holds no contrastive prompts: it isn't JSON ({error}).") from None
    if not isinstance(content, dict) or not all(
        isinstance(texts, list) and all(isinstance(text, str) and text for text in texts) for texts in content.values()
    ):
        raise BenchmarkError(
            f"{path} holds no contrastive prompts: expected a JSON object from prompts to lists of texts, as "
            "`tia2 prompts contrast --out` writes it."
        )
    return content
