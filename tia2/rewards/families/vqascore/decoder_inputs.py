"""Inputs of a decoder: heads of prompts, tails after them, masks and positions."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from tia2.rewards.families.vqascore.question import Prepared, Tail

if TYPE_CHECKING:
    from transformers import DynamicCache

    from tia2.rewards.families.vqascore.answerer import Answerer


def with_cache(model: Any, cache: Any) -> dict[str, Any]:
    """Return the arguments that make a model read and fill a cache, under the name that this transformers gives it."""
    # "past_key_values" until 5.23, "cache" after that; the old name warns, and goes with 5.40.
    name = "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"
    return {name: cache, "use_cache": True}


def run_head(answerer: Answerer, prepared: Prepared, **options: Any) -> None:
    """Run the whole model over image and question up to the text.

    Args:
        answerer: The model.
        prepared: The image with the head of its prompt.
        **options: Further arguments of the model, such as a cache to fill.
    """
    ids = torch.tensor([prepared.ids])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **prepared.kinds, **prepared.image}
    answerer.logits([len(prepared) - 1], **answerer.on_device(inputs), **options)


def run_tails(
    answerer: Answerer,
    head: int,
    positions: torch.Tensor | None,
    back: int,
    ids: torch.Tensor,
    lengths: Sequence[int],
    cache: DynamicCache,
) -> torch.Tensor:
    """Run the tails of prompts after a head whose state is in a cache.

    Args:
        answerer: The model.
        head: Number of the head's tokens in the cache.
        positions: The positions that the model gave the whole head, or None if it counts for itself.
        back: Number of the head's last tokens that are not in the cache.
        ids: Tokens, padded on the right, (n, longest).
        lengths: Number of tokens in each row before the padding.
        cache: The state after the head.

    Returns:
        Logits after each tail, float32, (n, words).
    """
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": attention_mask(head, lengths, ids.shape[1])}
    if positions is not None:
        inputs["position_ids"] = next_positions(positions, back, ids)
    # Padding follows the tail, and a causal decoder doesn't look ahead: the last token of a tail never sees it.
    last = [count - 1 for count in lengths]
    return answerer.logits(last, **answerer.on_device(inputs), **with_cache(answerer.model, cache))


def padded_tails(head: Prepared, tails: Sequence[Tail]) -> tuple[int, torch.Tensor, list[int]]:
    """Bring tails that replace different numbers of the head's last tokens into one batch.

    The head is cut by the largest of these numbers, and the others get the tokens back that were cut too much.

    Returns:
        Number of tokens to cut off the head, tails padded on the right to (n, longest), and their lengths.
    """
    back = max(tail.back for tail in tails)
    end = len(head)
    rows = [[*head.ids[end - back : end - tail.back], *tail.ids] for tail in tails]
    lengths = [len(row) for row in rows]
    longest = max(lengths)
    # Padded with a token of the row itself, as not every tokenizer has one for padding; the mask hides it.
    return back, torch.tensor([row + row[-1:] * (longest - len(row)) for row in rows]), lengths


def attention_mask(head: int, lengths: Sequence[int], longest: int) -> torch.Tensor:
    """Return ones for the head and the tails and zeros for padding, (n, head + longest).

    Args:
        head: Number of the head's tokens.
        lengths: Number of tokens of each tail.
        longest: Number of tokens of a row after padding.
    """
    ends = torch.tensor([head + length for length in lengths])
    return (torch.arange(head + longest) < ends[:, None]).long()


def next_positions(head: torch.Tensor, back: int, ids: torch.Tensor) -> torch.Tensor:
    """Continue counting from a head's positions, along every axis they have.

    Models with several axes (Qwen-VL: time, height, width) place an image on a grid and count the text after it from
    the largest position on, so that the head's length doesn't tell where its tail begins.

    Args:
        head: Positions of the whole head, (..., 1, length).
        back: Number of the head's last tokens that the tail replaces; they belong to the question, one step each.
        ids: Tokens of the tails, (n, longest).

    Returns:
        Positions of the tails, (..., n, longest).
    """
    steps = torch.arange(ids.shape[1], device=head.device) + head.max() + 1 - back
    return steps.expand(*head.shape[:-2], *ids.shape)


def extended_kinds(kinds: dict[str, torch.Tensor], back: int, length: int) -> dict[str, torch.Tensor]:
    """Extend what a processor says of each token of the head to its tail, which is text as its last token is.

    Args:
        kinds: Values by name, each (1, length of the head).
        back: Number of the head's last tokens that the tail replaces.
        length: Number of tokens of head and tail together.
    """
    longer = {}
    for name, value in kinds.items():
        start = value[:, : value.shape[1] - back]
        longer[name] = torch.cat([start, value[:, -1:].expand(1, length - start.shape[1])], dim=1)
    return longer
