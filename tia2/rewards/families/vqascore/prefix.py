"""What of a model's work on an image can be kept and used for all texts, found out by trying."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from tia2.errors import RewardError
from tia2.rewards.families.vqascore.question import Prepared, Tail
from tia2.rewards.loading.batching import is_out_of_memory

CHUNK = 16384
"""How many words of the vocabulary are converted to float32 at a time."""

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.02}
"""How far logits may be from those of the whole model, as a share of their spread, and still count as equal."""

FAILURES = (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError, NotImplementedError)


class Float32Head(nn.Module):
    """The last layer of a language model, in float32, and only where it is asked for.

    logits = hidden · weightᵀ + bias. Logits of 16-bit layers differ by steps of 0.1, which makes many rewards equal.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self._asked = threading.local()

    @contextmanager
    def reading(self, places: torch.Tensor) -> Iterator[None]:
        """In this block and thread, give the logits of one place a row only: places (n,) -> logits (n, 1, words)."""
        self._asked.places = places
        try:
            yield
        finally:
            self._asked.places = None

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits, float32."""
        places = getattr(self._asked, "places", None)
        if places is not None:
            rows = torch.arange(hidden.shape[0], device=hidden.device)
            hidden = hidden[rows, places.to(hidden.device)][:, None]
        hidden = hidden.float()
        parts = [hidden @ part.float().T for part in torch.split(self.weight, CHUNK)]
        logits = torch.cat(parts, dim=-1)
        return logits if self.bias is None else logits + self.bias.float()


class _DecoderReachedError(Exception):
    """The decoder was reached, and needn't run."""


class Answerer:
    """A loaded model with access to what goes into its decoder and to single places of its logits.

    Args:
        model: An image-text-to-text model, in evaluation mode. Its last layer is replaced by a `Float32Head`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._local = threading.local()
        self._head: Float32Head | None = None
        layer = model.get_output_embeddings()
        if type(layer) is nn.Linear:
            self._head = Float32Head(layer)
            model.set_output_embeddings(self._head)
        model.get_decoder().register_forward_pre_hook(self._watch, with_kwargs=True)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.model.device
        return device

    def logits(self, places: Sequence[int], **inputs: Any) -> torch.Tensor:
        """Run the model: its logits at one place a row, float32, (n, words)."""
        where = torch.tensor(places, device=self.device)
        if self._head is None:
            everywhere: torch.Tensor = self.model(**inputs, return_dict=True).logits
            return everywhere[torch.arange(len(where), device=self.device), where].float()
        with self._head.reading(where):
            logits: torch.Tensor = self.model(**inputs, return_dict=True).logits
        return logits[:, 0].float()

    @contextmanager
    def watching(self, *, stop: bool = False) -> Iterator[dict[str, Any]]:
        """In this block and thread, note what goes into the decoder; and stop there if that is all that is wanted."""
        seen: dict[str, Any] = {}
        self._local.seen, self._local.stop = seen, stop
        try:
            yield seen
        except _DecoderReachedError:
            pass
        finally:
            self._local.seen = None

    def on_device(self, values: dict[str, Any]) -> dict[str, Any]:
        """Move tensors to the model's device, and floating-point ones to its number format."""
        dtype = self.model.dtype
        return {
            key: value.to(self.device, dtype if value.is_floating_point() else None)
            if isinstance(value, torch.Tensor)
            else value
            for key, value in values.items()
        }

    def _watch(self, module: nn.Module, positional: Any, named: dict[str, Any]) -> None:
        del module, positional
        if (seen := getattr(self._local, "seen", None)) is not None:
            seen.update(named)
            if self._local.stop:
                raise _DecoderReachedError


class Reuse(Protocol):
    """One way to share work between the texts of an image."""

    name: str
    """What is kept, in words."""

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
        kinds = _longer(kept.kinds, tail.back, ids.shape[1])
        inputs = {**self._answerer.on_device({"input_ids": ids, "attention_mask": torch.ones_like(ids), **kinds})}
        return self._answerer.logits([ids.shape[1] - 1], **inputs, **image, use_cache=False)


@dataclass(frozen=True)
class Embedded:
    """What goes into the decoder for the head: embeddings (1, length, width), positions or None, kinds of tokens."""

    head: Prepared
    embeddings: torch.Tensor
    positions: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.head)


class VisionFeatures:
    """The image's features are kept; the decoder runs over image and text for each text, in batches."""

    name = "the image's features; the language model reads them anew with each text"

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def embed(self, prepared: Prepared) -> Embedded:
        """Run the vision tower."""
        with self._answerer.watching(stop=True) as seen:
            _run_head(self._answerer, prepared, use_cache=False)
        return _embedded(prepared, seen)

    def logits(self, kept: Embedded, tails: Sequence[Tail]) -> torch.Tensor:
        """Run the decoder over head and tails."""
        back, ids, lengths = _padded(kept.head, tails)
        length = len(kept.head) - back
        ids = ids.to(self._answerer.device)
        words = self._answerer.model.get_input_embeddings()(ids)
        head = kept.embeddings[:, :length].expand(len(tails), -1, -1)
        embeddings = torch.cat([head, words.to(head.dtype)], dim=1)
        kinds = _longer(kept.head.kinds, back, embeddings.shape[1])
        inputs: dict[str, Any] = {name: value.expand(len(tails), -1) for name, value in kinds.items()}
        if kept.positions is not None:
            before = kept.positions[..., :length]
            before = before.expand(*before.shape[:-2], len(tails), -1)
            inputs["position_ids"] = torch.cat([before, _positions(kept.positions, back, ids)], dim=-1)
        inputs["attention_mask"] = _mask(length, lengths, ids.shape[1])
        inputs = self._answerer.on_device(inputs)
        places = [length + count - 1 for count in lengths]
        return self._answerer.logits(places, inputs_embeds=embeddings, **inputs, use_cache=False)


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
        planned = DynamicCache(config=self._answerer.model.config).layers
        if any(type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) for layer in planned):
            raise NotImplementedError("not all of its layers keep keys and values")
        # Without the model's configuration, the cache keeps all keys, those that slid out of a window as well.
        cache = DynamicCache()
        with self._answerer.watching() as seen:
            _run_head(self._answerer, prepared, past_key_values=cache, use_cache=True)
        if not cache.layers or any(layer.get_seq_length() != len(prepared) for layer in cache.layers):
            raise NotImplementedError("it doesn't use the cache that it is given")
        positions = seen.get("position_ids")
        layers = tuple((layer.keys, layer.values) for layer in cache.layers)
        return States(Prepared(prepared.ids, {}, {}), layers, None if positions is None else positions.clone())

    def logits(self, kept: States, tails: Sequence[Tail]) -> torch.Tensor:
        """Run the tails after the head, padded on the right."""
        back, ids, lengths = _padded(kept.head, tails)
        length = len(kept.head) - back
        cache = DynamicCache()
        cache.layers = [_Shared(keys[:, :, :length], values[:, :, :length]) for keys, values in kept.layers]
        return _run_tails(self._answerer, length, kept.positions, back, ids, lengths, cache)


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
        self._anew = VisionFeatures(answerer)

    def embed(self, prepared: Prepared) -> Copyable:
        """Run the whole model over the head."""
        cache = DynamicCache(config=self._answerer.model.config)
        with self._answerer.watching() as seen:
            _run_head(self._answerer, prepared, past_key_values=cache, use_cache=True)
        return Copyable(_embedded(prepared, seen), cache)

    def logits(self, kept: Copyable, tails: Sequence[Tail]) -> torch.Tensor:
        """Run the tails after the head, padded on the right; those that melt with it together with the head."""
        plain = [place for place, tail in enumerate(tails) if not tail.back]
        melted = [place for place, tail in enumerate(tails) if tail.back]
        parts = [self._after(kept, [tails[place] for place in plain])] if plain else []
        parts += [self._anew.logits(kept.embedded, [tails[place] for place in melted])] if melted else []
        logits = torch.cat(parts)
        return torch.empty_like(logits).index_copy_(0, torch.tensor(plain + melted, device=logits.device), logits)

    def _after(self, kept: Copyable, tails: Sequence[Tail]) -> torch.Tensor:
        _, ids, lengths = _padded(kept.embedded.head, tails)
        cache = copy.deepcopy(kept.cache)
        cache.reorder_cache(torch.zeros(len(tails), dtype=torch.long, device=self._answerer.device))
        return _run_tails(self._answerer, len(kept), kept.embedded.positions, 0, ids, lengths, cache)


class _Shared(DynamicLayer):  # type: ignore[misc]  # transformers has no types
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


def choose(answerer: Answerer, prepared: Prepared, tails: Sequence[Tail], where: str) -> tuple[Reuse, str]:
    """Return the way to share most work whose logits equal the whole model's, and why not a better one.

    Args:
        answerer: The model.
        prepared: An image to try on.
        tails: Two or more tails of unequal lengths.
        where: What errors call the model.

    Raises:
        RewardError: The model can't answer about an image at all, or gives numbers that are not finite.
    """
    whole = WholePairs(answerer)
    try:
        expected = whole.logits(whole.embed(prepared), tails)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        raise RewardError(
            f"{where} can't answer a question about an image: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from None
    if not expected.isfinite().all():
        raise RewardError(f"{where} gives logits that are not finite in {answerer.model.dtype}: use another dtype.")
    reasons: list[str] = []
    for candidate in (PrefixStates(answerer), PrefixCopies(answerer), VisionFeatures(answerer)):
        reason = _unlike(answerer, candidate, prepared, tails, expected)
        if not reason:
            return candidate, "; ".join(reasons)
        reasons.append(f"not {candidate.name.partition(';')[0]}, because {reason}")
    return whole, "; ".join(reasons)


def _unlike(
    answerer: Answerer, candidate: Reuse, prepared: Prepared, tails: Sequence[Tail], expected: torch.Tensor
) -> str:
    """Return why the logits of a way to share work can't be used, or nothing."""
    try:
        found = candidate.logits(candidate.embed(prepared), tails)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        return " ".join(str(error).split())[:120] or type(error).__name__
    if found.shape != expected.shape or not found.isfinite().all():
        return "the logits are of another shape or not finite"
    spread = (expected - expected.mean(dim=1, keepdim=True)).norm(dim=1)
    off = float(((found - expected).norm(dim=1) / spread).max())
    # Not the other way round: a constant model has no spread, which makes this NaN.
    return f"that moves the logits by {off:.2g} of their spread" if off > TOLERANCE[answerer.model.dtype] else ""


def _run_head(answerer: Answerer, prepared: Prepared, **options: Any) -> None:
    ids = torch.tensor([prepared.ids])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **prepared.kinds, **prepared.image}
    answerer.logits([len(prepared) - 1], **answerer.on_device(inputs), **options)


def _run_tails(
    answerer: Answerer,
    head: int,
    positions: torch.Tensor | None,
    back: int,
    ids: torch.Tensor,
    lengths: Sequence[int],
    cache: DynamicCache,
) -> torch.Tensor:
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": _mask(head, lengths, ids.shape[1])}
    if positions is not None:
        inputs["position_ids"] = _positions(positions, back, ids)
    places = [count - 1 for count in lengths]
    return answerer.logits(places, **answerer.on_device(inputs), past_key_values=cache, use_cache=True)


def _embedded(prepared: Prepared, seen: dict[str, Any]) -> Embedded:
    positions = seen.get("position_ids")
    head = Prepared(prepared.ids, prepared.kinds, {})
    return Embedded(head, seen["inputs_embeds"].clone(), None if positions is None else positions.clone())


def _padded(head: Prepared, tails: Sequence[Tail]) -> tuple[int, torch.Tensor, list[int]]:
    """Return by how much to shorten the head, tails padded on the right to (n, longest), and their lengths."""
    back = max(tail.back for tail in tails)
    end = len(head)
    rows = [[*head.ids[end - back : end - tail.back], *tail.ids] for tail in tails]
    lengths = [len(row) for row in rows]
    longest = max(lengths)
    return back, torch.tensor([row + row[-1:] * (longest - len(row)) for row in rows]), lengths


def _mask(head: int, lengths: Sequence[int], longest: int) -> torch.Tensor:
    ends = torch.tensor([head + length for length in lengths])
    return (torch.arange(head + longest) < ends[:, None]).long()


def _positions(head: torch.Tensor, back: int, ids: torch.Tensor) -> torch.Tensor:
    """Go on counting from the head's positions, (..., 1, length) -> (..., n, longest), along every axis they have."""
    steps = torch.arange(ids.shape[1], device=head.device) + head.max() + 1 - back
    return steps.expand(*head.shape[:-2], *ids.shape)


def _longer(kinds: dict[str, torch.Tensor], back: int, length: int) -> dict[str, torch.Tensor]:
    """Go on with the kind of the head's last token, which belongs to the question."""
    longer = {}
    for name, value in kinds.items():
        start = value[:, : value.shape[1] - back]
        longer[name] = torch.cat([start, value[:, -1:].expand(1, length - start.shape[1])], dim=1)
    return longer
