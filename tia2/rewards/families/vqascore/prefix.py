"""Ways to share the decoder's work on an image between its texts: the prefix cache.

All texts of an image have the beginning of the prompt in common: the image and the question up to the text (the head).
A causal decoder's state after the head doesn't depend on what follows, so it is computed once per image, and only the
rest (the tail) runs for each text. Two things need care:

- A text's first letters may melt with the end of the question into other tokens. Such a tail says how many of the
  head's last tokens it replaces (`Tail.back`), and the state must be cut shorter by as many: possible with keys and
  values of each token, impossible with the running state of linear attention.
- Keys depend on positions. Tails must get those that they would have had in the whole prompt.

Whether a model's logits really stay the same is tried when it is loaded, see `choose_reuse`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from tia2.rewards.families.vqascore import decoder_inputs
from tia2.rewards.families.vqascore.answerer import Answerer
from tia2.rewards.families.vqascore.question import Prepared, Tail
from tia2.rewards.families.vqascore.reuse import Embedded, VisionFeatures, embedded


@dataclass(frozen=True)
class States:
    """Keys and values of the head in each layer, each (1, heads, length, width), and its positions or None."""

    head: Prepared
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    positions: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.head)


class PrefixStates:
    """The decoder's keys and values of the head are kept; only the tail of each text runs, in batches."""

    name = "keys and values of image and question; only the rest of the prompt runs for each text"

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def embed(self, prepared: Prepared) -> States:
        """Run the whole model over the head."""
        # What the model's own cache would consist of. Other layers than these two keep a state of another kind, from
        # which the head's last tokens can't be cut off.
        planned = DynamicCache(config=self._answerer.model.config).layers
        if any(type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) for layer in planned):
            raise NotImplementedError("not all of its layers keep keys and values")
        # Made without the model's configuration, the cache keeps all keys, those that slid out of a window as well: a
        # shortened head needs them back. The mask of the layer still hides what lies outside its window.
        cache = DynamicCache()
        with self._answerer.watching() as seen:
            decoder_inputs.run_head(self._answerer, prepared, **decoder_inputs.with_cache(self._answerer.model, cache))
        if not cache.layers or any(layer.get_seq_length() != len(prepared) for layer in cache.layers):
            raise NotImplementedError("it doesn't use the cache that it is given")
        positions = seen.get("position_ids")
        # The pixels are dropped: keys and values stand for them from here on.
        layers = tuple((layer.keys, layer.values) for layer in cache.layers)
        return States(Prepared(prepared.ids, {}, {}), layers, None if positions is None else positions.clone())

    def logits(self, kept: States, tails: Sequence[Tail]) -> torch.Tensor:
        """Run the tails after the head, padded on the right."""
        back, ids, lengths = decoder_inputs.padded_tails(kept.head, tails)
        length = len(kept.head) - back
        cache = DynamicCache()
        # Views of one sequence, which all texts of the batch share; `SharedLayer` joins them with each text's own.
        cache.layers = [SharedLayer(keys[:, :, :length], values[:, :, :length]) for keys, values in kept.layers]
        return decoder_inputs.run_tails(self._answerer, length, kept.positions, back, ids, lengths, cache)


@dataclass(frozen=True)
class Copyable:
    """The decoder's state after the head, in the model's own kind of cache, and what went into the decoder."""

    embedded: Embedded
    cache: DynamicCache

    def __len__(self) -> int:
        return len(self.embedded)


class PrefixCopies:
    """The decoder's state after the head is kept, whatever it consists of, and copied for each text of a batch.

    Takes more memory than `PrefixStates`, and serves models with linear attention, whose state can't be cut shorter.
    """

    name = "the state after image and question; only the rest of the prompt runs for each text"

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._from_features = VisionFeatures(answerer)

    def embed(self, prepared: Prepared) -> Copyable:
        """Run the whole model over the head."""
        cache = DynamicCache(config=self._answerer.model.config)
        with self._answerer.watching() as seen:
            decoder_inputs.run_head(self._answerer, prepared, **decoder_inputs.with_cache(self._answerer.model, cache))
        return Copyable(embedded(prepared, seen), cache)

    def logits(self, kept: Copyable, tails: Sequence[Tail]) -> torch.Tensor:
        """Run the tails after the head, padded on the right; those that melt with it together with the head."""
        plain = [index for index, tail in enumerate(tails) if not tail.back]
        melted = [index for index, tail in enumerate(tails) if tail.back]
        parts = [self._after(kept, [tails[index] for index in plain])] if plain else []
        # A state can't be cut shorter, so where a text melts with the question the head is read again.
        parts += [self._from_features.logits(kept.embedded, [tails[index] for index in melted])] if melted else []
        logits = torch.cat(parts)
        return torch.empty_like(logits).index_copy_(0, torch.tensor(plain + melted, device=logits.device), logits)

    def _after(self, kept: Copyable, tails: Sequence[Tail]) -> torch.Tensor:
        _, ids, lengths = decoder_inputs.padded_tails(kept.embedded.head, tails)
        # A recurrent state is overwritten token by token: every batch works on a copy, repeated for each of its texts.
        cache = copy.deepcopy(kept.cache)
        cache.reorder_cache(torch.zeros(len(tails), dtype=torch.long, device=self._answerer.device))
        return decoder_inputs.run_tails(self._answerer, len(kept), kept.embedded.positions, 0, ids, lengths, cache)


class SharedLayer(DynamicLayer):  # type: ignore[misc]  # transformers has no types
    """Keys and values of one sequence before those of many: nothing is written, and nothing copied but for a moment."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.keys, self.values = keys, values
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return the shared states followed by the given ones."""
        del args, kwargs
        before = (states.expand(len(key_states), -1, -1, -1) for states in (self.keys, self.values))
        return tuple(torch.cat(pair, dim=-2) for pair in zip(before, (key_states, value_states), strict=True))
