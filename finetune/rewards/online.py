"""Entries of the leaderboard applied to images as they are sampled: each image and each text is encoded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.calibration import Calibration, calibration_of
from tia2.errors import FinetuneError, Tia2Error, first_line
from tia2.rewards import RewardCard, RewardModel, load_reward
from tia2.rewards.loading.batching import halving, is_out_of_memory
from tia2.rgb import to_rgb
from tia2.scoring.strategies import BatchScorer, Strategy, first_batch_size, strategy_for

from ..settings.rewards import JUDGE, EntrySettings, RewardSettings, TermSettings

if TYPE_CHECKING:
    from PIL import Image

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OnlineEntry:
    """An entry whose values are computed while a run samples.

    Attributes:
        name: Name of the entry in curves and tables.
        members: Names of its reward models among those that are loaded.
        calibration: The calibration that makes one value of their rewards.
        cards: The members' cards, whose documented temperatures apply where none is set.
    """

    name: str
    members: tuple[str, ...]
    calibration: Calibration
    cards: tuple[RewardCard, ...]

    def values(self, rewards: Mapping[str, Floats], mask: NDArray[np.bool_]) -> Floats:
        """Return one value per image from all models' rewards, shape (images,)."""
        return self.calibration.apply_online([rewards[spec] for spec in self.members], mask, self.cards)


class OnlineRewards:
    """Reward models that score sampled images, and the entries that are made of their rewards.

    A model that several entries share scores each image once. The texts of all prompts and of their contrastive prompts
    are encoded once, when the object is made: of a dual encoder, TextNorm then costs one product of small matrices more
    than the raw reward.

    Args:
        entries: The entries, by the name under which their values are returned.
        contrastive: The contrastive prompts of each prompt that will be sampled.
        device: Where the reward models run.

    Raises:
        Tia2Error: A reward model can't be loaded, or an entry can't be made of it.
    """

    def __init__(
        self, entries: Mapping[str, EntrySettings], contrastive: Mapping[str, Sequence[str]], device: str | None = None
    ) -> None:
        specs = list(dict.fromkeys(spec for entry in entries.values() for spec in entry.rewards))
        self._models: dict[str, RewardModel] = {spec: _load(spec, device) for spec in specs}
        self._strategies: dict[str, Strategy] = {spec: strategy_for(model) for spec, model in self._models.items()}
        self._scorers: dict[str, BatchScorer] = {}
        self._sizes = {spec: first_batch_size(model) for spec, model in self._models.items()}
        self._reads_texts: set[str] = set()
        self._texts: dict[str, tuple[str, ...]] = {}
        self._settings = dict(entries)
        self.entries: dict[str, OnlineEntry] = {}
        self.admit(contrastive)

    def admit(self, contrastive: Mapping[str, Sequence[str]]) -> None:
        """Take other prompts than before, and encode their texts.

        Args:
            contrastive: The contrastive prompts of each prompt that will be sampled.

        Raises:
            FinetuneError: An entry compares with contrastive prompts, and a prompt has none.
        """
        self._texts = {prompt: tuple(dict.fromkeys([prompt, *others])) for prompt, others in contrastive.items()}
        self.entries = {role: self._entry(settings) for role, settings in self._settings.items()}
        every = {text for texts in self._texts.values() for text in texts}
        distinct = sorted(every, key=lambda text: (len(text), text))
        for spec, model in self._models.items():
            self._scorers[spec], _ = self._strategies[spec].begin(distinct, first_batch_size(model))

    @property
    def blind(self) -> list[str]:
        """Names of entries that compare texts, and of which a member has told no two texts of an image apart so far."""
        return [
            entry.name
            for entry in self.entries.values()
            if entry.calibration.contrastive and not set(entry.members) <= self._reads_texts
        ]

    def identity(self, role: str) -> dict[str, Any]:
        """Return what tells an entry from every other: digest, spec and name of its reward models, its calibration.

        Args:
            role: Name under which the entry's values are returned.
        """
        entry = self.entries[role]
        models = {spec: self._models[spec] for spec in entry.members}
        return {
            "rewards": [
                {"name": model.name, "spec": spec, "fingerprint": model.fingerprint} for spec, model in models.items()
            ],
            "calibration": entry.calibration.model_dump(mode="json"),
        }

    def _entry(self, settings: EntrySettings) -> OnlineEntry:
        calibration = calibration_of(settings.calibration)
        cards = tuple(self._models[spec].card for spec in settings.rewards)
        name = settings.name or calibration.name_of([self._models[spec].name for spec in settings.rewards])
        entry = OnlineEntry(name, settings.rewards, calibration, cards)
        if not calibration.contrastive:
            return entry
        blind = [card.name for card in cards if card.kind == "control"]
        if blind:
            raise FinetuneError(
                f"{blind[0]} scores the image alone, whatever the text, so {name} would be constant. Use it raw."
            )
        bare = [prompt for prompt, texts in self._texts.items() if len(texts) < 2]
        if bare:
            raise FinetuneError(
                f"{name} compares each prompt with contrastive prompts, and {bare[0]!r} has none. "
                "`tia2 prompts contrast` makes some."
            )
        return entry

    def values(
        self,
        images: Sequence[Image.Image],
        prompts: Sequence[str],
        roles: Sequence[str] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> dict[str, Floats]:
        """Return the value of each image under each entry, by role, shape (images,).

        Args:
            images: PIL images.
            prompts: The prompt that each was sampled for; one of those that the object was made with.
            roles: Entries to compute; only their reward models run. All by default.
            numbers: Number of each image in an error's text; counted from 0 by default.

        Raises:
            FinetuneError: A reward model raised an error, or returned NaN or another number of rewards; the text says
                for which image.
        """
        if not images:
            return {role: np.empty(0) for role in roles or self.entries}
        texts = [self._texts[prompt] for prompt in prompts]
        longest = max(map(len, texts))
        mask = np.array([[column < len(row) for column in range(longest)] for row in texts])
        entries = {role: self.entries[role] for role in roles or self.entries}
        members = dict.fromkeys(spec for entry in entries.values() for spec in entry.members)
        numbered = range(len(images)) if numbers is None else numbers
        rewards = {spec: self._padded(spec, images, texts, mask, numbered) for spec in members}
        return {role: entry.values(rewards, mask) for role, entry in entries.items()}

    def _padded(
        self,
        spec: str,
        images: Sequence[Image.Image],
        texts: list[tuple[str, ...]],
        mask: NDArray[np.bool_],
        numbers: Sequence[int],
    ) -> Floats:
        name = self._models[spec].name

        def score(size: int) -> Floats:
            padded = np.zeros(mask.shape)
            for start in range(0, len(images), size):
                rows = slice(start, start + size)
                for row, rewards in enumerate(self._scored(spec, images[rows], texts[rows], numbers[rows]), start):
                    padded[row, : len(rewards)] = rewards
            return padded

        padded, self._sizes[spec] = halving(score, self._sizes[spec], name)
        bad = ~np.isfinite(padded).all(axis=1)
        if bad.any():
            row = int(bad.argmax())
            raise FinetuneError(
                f"{name} gave NaN or an infinite reward to {int(bad.sum())} of {len(images)} images; the first is "
                f"image {numbers[row]}, sampled for {texts[row][0]!r}."
            )
        if spec not in self._reads_texts and _tells_apart(padded, mask):
            self._reads_texts.add(spec)
        return padded

    def _scored(
        self, spec: str, images: Sequence[Image.Image], texts: list[tuple[str, ...]], numbers: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """Score a batch, and say which image is to blame if the reward model fails."""
        try:
            return self._attempt(spec, images, texts)
        except Exception as error:  # a reward model is anybody's code
            if is_out_of_memory(error):
                raise
            which = f"image {numbers[0]}, sampled for {texts[0][0]!r}"
            if len(images) > 1:
                # The first image that fails alone, too, is to blame.
                for alone in (slice(row, row + 1) for row in range(len(images))):
                    self._scored(spec, images[alone], texts[alone], numbers[alone])
                which = f"images {numbers[0]} to {numbers[-1]}, the first sampled for {texts[0][0]!r}"
            what = str(error) if isinstance(error, Tia2Error) else f"{type(error).__name__}: {first_line(error)}"
            raise FinetuneError(f"{self._models[spec].name} failed on {which}: {what.rstrip('.')}.") from error

    def _attempt(
        self, spec: str, images: Sequence[Image.Image], texts: list[tuple[str, ...]]
    ) -> list[NDArray[np.float32]]:
        prepared = [self._strategies[spec].prepare(to_rgb(image)) for image in images]
        scored = self._scorers[spec](prepared, texts)
        counts = [len(rewards) for rewards in scored], [len(row) for row in texts]
        if counts[0] != counts[1]:
            raise FinetuneError(f"it returned {sum(counts[0])} rewards for {sum(counts[1])} pairs of image and text")
        return scored


def _tells_apart(rewards: Floats, mask: NDArray[np.bool_]) -> bool:
    """Whether any image has different rewards for different texts, by more than what rounding makes of equal ones."""
    high = np.where(mask, rewards, -np.inf).max(axis=1)
    low = np.where(mask, rewards, np.inf).min(axis=1)
    return bool((high - low > 1e-6 * np.maximum(1, np.abs(high))).any())


class Judges:
    """The proxy, the watched rewards and the gold judge of a run, as one call.

    Args:
        settings: The entries of the proxy, of those that watch and of the gold judge.
        contrastive: The contrastive prompts of each prompt that will be sampled.
        device: Where the reward models run.
    """

    PROXY, GOLD = "proxy", "gold"

    def __init__(
        self, settings: RewardSettings, contrastive: Mapping[str, Sequence[str]], device: str | None = None
    ) -> None:
        self.settings = settings
        entries = {self.PROXY: settings.proxy}
        entries |= {role: term.entry for role, term in _terms(settings).items()}
        for number, entry in enumerate(settings.watch):
            entries[f"watch{number}"] = entry
        if isinstance(settings.gold, EntrySettings):
            entries[self.GOLD] = settings.gold
        self._online = OnlineRewards(entries, contrastive, device)
        names = {role: entry.name for role, entry in self._online.entries.items()}
        added = [f" + {term.weight:g} × ({names.pop(role)})" for role, term in _terms(settings).items()]
        self.names = {**names, self.PROXY: names[self.PROXY] + "".join(added)}
        if settings.gold == JUDGE:
            self.names[self.GOLD] = "exact judge"

    @property
    def blind(self) -> list[str]:
        """Names of entries that compare texts, and of which a member has told no two texts of an image apart so far."""
        return self._online.blind

    def identities(self) -> dict[str, dict[str, Any]]:
        """Return what tells each entry from every other, by role: digests of its reward models, its calibration.

        A proxy with terms added to it is no entry, and isn't among them.
        """
        roles = [role for role in self._online.entries if role not in _terms(self.settings)]
        entries = [role for role in roles if role != self.PROXY or not self.settings.plus]
        return {role: self._online.identity(role) for role in entries}

    def proxy(
        self, images: Sequence[Image.Image], prompts: Sequence[str], numbers: Sequence[int] | None = None
    ) -> Floats:
        """Return what is optimised, shape (images,).

        Args:
            images: The images.
            prompts: The prompt of each.
            numbers: Number of each image in an error's text.
        """
        values = self._online.values(images, prompts, [self.PROXY, *_terms(self.settings)], numbers)
        return self._with_terms(values)[self.PROXY]

    def all(
        self, images: Sequence[Image.Image], prompts: Sequence[str], numbers: Sequence[int] | None = None
    ) -> dict[str, Floats]:
        """Return every value by role: "proxy", "gold" where there is a gold judge, "watch0" and on.

        Args:
            images: The images.
            prompts: The prompt of each.
            numbers: Number of each image in an error's text.
        """
        values = self._with_terms(self._online.values(images, prompts, numbers=numbers))
        if self.settings.gold == JUDGE:
            values[self.GOLD] = accepted(images, prompts)
        return values

    def _with_terms(self, values: dict[str, Floats]) -> dict[str, Floats]:
        """Return the values by role, with the terms added to the proxy."""
        terms = _terms(self.settings)
        added = sum((term.weight * values[role] for role, term in terms.items()), np.zeros(1))
        kept = {role: value for role, value in values.items() if role not in terms}
        return {**kept, self.PROXY: kept[self.PROXY] + added}


def _terms(settings: RewardSettings) -> dict[str, TermSettings]:
    """Return what is added to the proxy, by the role under which it is computed."""
    return {f"plus{number}": term for number, term in enumerate(settings.plus)}


def _load(spec: str, device: str | None) -> RewardModel:
    # A reward in a Python file of the user's chooses its device itself: a function takes no options.
    from_file = spec.rpartition(":")[0].endswith(".py")
    return load_reward(spec) if device is None or from_file else load_reward(spec, device=device)


def accepted(images: Sequence[Image.Image], prompts: Sequence[str]) -> Floats:
    """Return 1 where the miniature world's exact judge accepts an image for its prompt, else 0, shape (images,).

    Raises:
        FinetuneError: A prompt or an image isn't of the miniature world.
    """
    from tia2.errors import BenchmarkError
    from tia2.miniworld.judge import judge

    try:
        verdicts = [judge(np.asarray(image), prompt).accepted for image, prompt in zip(images, prompts, strict=True)]
    except BenchmarkError as error:
        raise FinetuneError(f"The exact judge knows the miniature world only: {error}") from None
    return np.asarray(verdicts, np.float64)
