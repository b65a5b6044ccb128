"""The prompts that a run trains on and is judged by, with what TextNorm compares each of them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tia2.errors import FinetuneError

from ..settings.prompts import Contrast, PromptSettings


@dataclass(frozen=True)
class PromptSplit:
    """Prompts for training and for evaluation.

    Attributes:
        train: Prompts that are trained on.
        held_out: Prompts that are only evaluated.
        contrastive: The contrastive prompts of each of both.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    contrastive: Mapping[str, tuple[str, ...]]


def load_prompts(settings: PromptSettings) -> PromptSplit:
    """Read a run's prompts.

    Raises:
        FinetuneError: A position isn't there, a prompt is in both parts, or there is nothing to train on.
        Tia2Error: The benchmark or file can't be read.
    """
    contrastive = _prompts(settings)
    texts = list(contrastive)
    if not texts:
        raise FinetuneError("There are no prompts to train on.")
    train = _picked(texts, settings.train if settings.train is not None else _others(texts, settings.held_out), "train")
    held_out = _picked(texts, settings.held_out, "held_out")
    both = sorted(set(train) & set(held_out))
    if both:
        raise FinetuneError(f"{both[0]!r} is both trained on and held out: leave it out of one of the two.")
    if not train:
        raise FinetuneError("There are no prompts to train on: all are held out.")
    chosen = {text: contrastive[text] for text in (*train, *held_out)}
    return PromptSplit(train, held_out, chosen)


def rows_by_prompt(prompts: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each prompt's samples, prompts in the order of their first sample.

    Args:
        prompts: The prompt of each sample.

    Example:
        >>> rows_by_prompt(["a cat", "a dog", "a cat"])
        {'a cat': [0, 2], 'a dog': [1]}
    """
    rows: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows.setdefault(prompt, []).append(row)
    return rows


def _others(texts: Sequence[str], held_out: Sequence[int]) -> tuple[int, ...]:
    return tuple(position for position in range(len(texts)) if position not in set(held_out))


def _picked(texts: Sequence[str], positions: Sequence[int], field: str) -> tuple[str, ...]:
    beyond = [position for position in positions if position >= len(texts)]
    if beyond:
        raise FinetuneError(
            f"prompts.{field} names position {beyond[0]}, and there are {len(texts)} prompts, 0 to {len(texts) - 1}."
        )
    return tuple(dict.fromkeys(texts[position] for position in positions))


def _prompts(settings: PromptSettings) -> dict[str, tuple[str, ...]]:
    if settings.benchmark is not None:
        sets = _of_benchmark(settings.benchmark, settings.subset)
        if settings.contrast == "benchmark":
            return sets
        texts = list(sets)
    elif settings.file is not None:
        from tia2.prompts.prompt_files import read_prompts

        texts = list(dict.fromkeys(read_prompts(Path(settings.file))))
    else:
        texts = list(dict.fromkeys(settings.texts))
    return {text: _contrastive(text, settings.contrast) for text in texts}


def _of_benchmark(name: str, subset: str | None) -> dict[str, tuple[str, ...]]:
    from tia2.benchmark import load

    items: Any = load(name).items
    if subset is not None:
        from tia2.errors import unknown_name

        subsets = list(dict.fromkeys(items["subset"]))
        if subset not in subsets:
            raise unknown_name("subset", subset, subsets)
        items = items[items["subset"] == subset]
    first = items.drop_duplicates("prompt")
    contrastive = first["contrastive_prompts"] if "contrastive_prompts" in first else [()] * len(first)
    return {str(text): tuple(map(str, others)) for text, others in zip(first["prompt"], contrastive, strict=True)}


def _contrastive(text: str, contrast: Contrast) -> tuple[str, ...]:
    if contrast == "rule":
        from tia2.calibration import contrastive_prompts

        return tuple(contrastive_prompts(text))
    if contrast == "wide":
        return wide_contrastive_prompts(text)
    return ()


def wide_contrastive_prompts(text: str) -> tuple[str, ...]:
    """Return the prompts of the miniature world that differ from one in a number, a colour or a shape of one group.

    The released kind of set varies what a subset is about, only numbers on counting. A generator that is pushed may
    fail in any other respect without the set noticing.

    Args:
        text: A prompt of the miniature world.

    Example:
        >>> wide = wide_contrastive_prompts("two blue squares")
        >>> len(wide), "two red squares" in wide
        (15, True)
    """
    from dataclasses import replace

    from tia2.miniworld.grammar import COLOURS, SHAPES, parse

    specification = parse(text)
    varied: dict[str, None] = {}
    for number, group in enumerate(specification.groups):
        options = [
            *(replace(group, count=count) for count in range(1, 9)),
            *(replace(group, colour=colour) for colour in COLOURS),
            *(replace(group, shape=shape) for shape in SHAPES),
        ]
        for option in options:
            groups = (*specification.groups[:number], option, *specification.groups[number + 1 :])
            varied[str(replace(specification, groups=groups))] = None
    varied.pop(str(specification), None)
    return tuple(varied)
