"""Ways to share a model's work on an image between its texts: not at all, or up to the decoder.

The third and fourth ways, which share the decoder's work as well, are in `prefix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from tia2.rewards.families.vqascore import decoder_inputs
from tia2.rewards.families.vqascore.answerer import Answerer
from tia2.rewards.families.vqascore.question import Prepared, Tail


class Reuse(Protocol):
    """A way to share work between the texts of an image."""

    name: str
    """The part of the work that is kept, in words, for the card."""

    def embed(self, prepared: Prepared) -> Any:
        """Compute what is kept of an image."""
        ...

    def logits(self, kept: Any, tails: Sequence[Tail]) -> torch.Tensor:
        """Return the logits after each tail, float32, (n, words). What is kept stays as it is."""
        ...


class WholePairs:
    """Nothing is kept: the whole model runs for each pair."""

    name = "nothing; the whole model runs for each pair"

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def embed(self, prepared: Prepared) -> Prepared:
        """Keep the inputs."""
        return prepared

    def logits(self, kept: Prepared, tails: Sequence[Tail]) -> torch.Tensor:
        """Run one pair at a time, with all that the processor said of it."""
        image = self._answerer.on_device(kept.image)
        return torch.cat([self._pair(kept, image, tail) for tail in tails])

    def _pair(self, kept: Prepared, image: dict[str, Any], tail: Tail) -> torch.Tensor:
        ids = torch.tensor([[*kept.ids[: len(kept) - tail.back], *tail.ids]])
        kinds = decoder_inputs.extended_kinds(kept.kinds, tail.back, ids.shape[1])
        inputs = {**self._answerer.on_device({"input_ids": ids, "attention_mask": torch.ones_like(ids), **kinds})}
        return self._answerer.logits([ids.shape[1] - 1], **inputs, **image, use_cache=False)


@dataclass(frozen=True)
class Embedded:
    """The decoder's inputs for the head: embeddings (1, length, width), positions or None, kinds of tokens."""

    head: Prepared
    embeddings: torch.Tensor
    positions: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.head)


class VisionFeatures:
    """The image's features are kept; the decoder runs over image and text for each text, in batches."""

    name = "the image's features; the language model reads them again with each text"

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def embed(self, prepared: Prepared) -> Embedded:
        """Run the vision tower."""
        # The model itself merges the image's features into the embeddings of the prompt: what its decoder gets is kept.
        with self._answerer.watching(stop=True) as seen:
            decoder_inputs.run_head(self._answerer, prepared, use_cache=False)
        return embedded(prepared, seen)

    def logits(self, kept: Embedded, tails: Sequence[Tail]) -> torch.Tensor:
        """Run the decoder over head and tails."""
        back, ids, lengths = decoder_inputs.padded_tails(kept.head, tails)
        length = len(kept.head) - back
        ids = ids.to(self._answerer.device)
        words = self._answerer.model.get_input_embeddings()(ids)
        head = kept.embeddings[:, :length].expand(len(tails), -1, -1)
        embeddings = torch.cat([head, words.to(head.dtype)], dim=1)
        kinds = decoder_inputs.extended_kinds(kept.head.kinds, back, embeddings.shape[1])
        inputs: dict[str, Any] = {name: value.expand(len(tails), -1) for name, value in kinds.items()}
        if kept.positions is not None:
            before = kept.positions[..., :length]
            before = before.expand(*before.shape[:-2], len(tails), -1)
            inputs["position_ids"] = torch.cat(
                [before, decoder_inputs.next_positions(kept.positions, back, ids)], dim=-1
            )
        inputs["attention_mask"] = decoder_inputs.attention_mask(length, lengths, ids.shape[1])
        inputs = self._answerer.on_device(inputs)
        last = [length + count - 1 for count in lengths]
        return self._answerer.logits(last, inputs_embeds=embeddings, **inputs, use_cache=False)


def embedded(prepared: Prepared, seen: dict[str, Any]) -> Embedded:
    """Keep what went into the decoder for a head.

    Args:
        prepared: The image with the head of its prompt.
        seen: The arguments of the decoder, as `Answerer.watching` noted them.
    """
    positions = seen.get("position_ids")
    head = Prepared(prepared.ids, prepared.kinds, {})
    # Copies, as a model may write to its inputs in place.
    return Embedded(head, seen["inputs_embeds"].clone(), None if positions is None else positions.clone())
