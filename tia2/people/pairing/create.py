"""From the images of several models to a study of pairs."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tia2.errors import StudyError, on_one_line
from tia2.people.pairing.sources import ImageKey, ModelImages
from tia2.people.pairing.tournament import Game, tournament
from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study

CHECK = "check"
_BLOCKS = 4
"""Blocks per side of an image that an attention check shuffles."""

Judge = Callable[[Sequence[bytes], Sequence[str]], Sequence[float]]
"""Scores of images of texts: how a reward model is asked about the pairs."""


@dataclass(frozen=True)
class PairsMade:
    """What a new study of pairs holds.

    Attributes:
        models: Names of the models.
        pairs: Number of pairs.
        prompts: Number of prompts.
        checks: Number of pairs with a known answer.
        alike: Number of pairs whose images are the same, byte for byte; people can only tie them.
        left_out: Number of images that not all models have.
    """

    models: tuple[str, ...]
    pairs: int
    prompts: int
    checks: int
    alike: int
    left_out: int


@dataclass(frozen=True)
class _Unit:
    prompt: str
    seeds: tuple[str, ...]


def create_pairs(
    folder: Path,
    settings: StudySettings,
    models: Sequence[ModelImages],
    *,
    pairs: int | None = None,
    strip: int = 1,
    checks: int = 0,
    judges: dict[str, Judge] | None = None,
) -> PairsMade:
    """Make a study that compares models on the prompts and seeds that all of them have.

    What raters see of a pair is its prompt and pixels: files are named by their content, and hold no metadata. Which
    model stands left is balanced for each pair of models and for each pair of images. What a pair is of lies in the
    study's own file, where `tia2 people verdict` finds it.

    Args:
        folder: A folder that is new or empty.
        settings: Settings of the study, whose question is of the kind `pair`.
        models: Images of each model.
        pairs: Number of pairs; one for each prompt and seed if None.
        strip: Number of images that a rater sees of each model at once, of different seeds.
        checks: Number of pairs of an image with the same one in pieces, whose answer is known.
        judges: Judges to score every image with, by name.

    Raises:
        StudyError: The question is of another kind, the models share no images, or are too few.
    """
    if settings.question.kind != "pair":
        raise StudyError(f"A study of pairs asks a question of the kind 'pair', got {settings.question.kind!r}.")
    if strip < 1:
        raise StudyError(f"A strip has at least one image, got {strip}.")
    by_name = {model.name: model for model in models}
    shared, left_out = _shared(models)
    units = _units(shared, strip)
    schedule = tournament([model.name for model in models], units, pairs, settings.seed)
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(key.prompt for key in shared))}
    with TemporaryDirectory() as temporary:
        writer = _Writer(Path(temporary), judges or {})
        items = [writer.item(game, by_name, numbers[game.unit.prompt], settings.seed) for game in schedule]
        gold = [
            item
            for number, game in enumerate(_spread(schedule, min(checks, len(schedule))))
            if (item := writer.check(game, by_name, settings, number)) is not None
        ]
        Study.create(folder, settings, [*items, *gold]).close()
    return PairsMade(
        models=tuple(by_name),
        pairs=len(items),
        prompts=len({game.unit.prompt for game in schedule}),
        checks=len(gold),
        alike=sum(bool(item.facts["alike"]) for item in items),
        left_out=left_out,
    )


def _shared(models: Sequence[ModelImages]) -> tuple[list[ImageKey], int]:
    """Return the prompts and seeds of all models, in the order of the first, and how many images stay out."""
    noises = {model.noise for model in models if model.noise}
    if len(noises) > 1:
        raise StudyError(
            f"The runs evaluate with other noise ({', '.join(sorted(noises))}): sample them with the same."
        )
    shared = [key for key in models[0].images if all(key in model.images for model in models)]
    if not shared:
        first, second = (next(iter(model.images)) for model in models[:2])
        raise StudyError(
            f"The models share no prompt and seed: {models[0].name} has {on_one_line(first.prompt)!r:.60} with seed "
            f"{first.seed}, {models[1].name} has {on_one_line(second.prompt)!r:.60} with seed {second.seed}."
        )
    return shared, sum(len(model.images) - len(shared) for model in models)


def _units(keys: Sequence[ImageKey], strip: int) -> list[_Unit]:
    by_prompt: dict[str, list[str]] = {}
    for key in keys:
        by_prompt.setdefault(key.prompt, []).append(key.seed)
    units = [
        _Unit(prompt, tuple(seeds[start : start + strip]))
        for prompt, seeds in by_prompt.items()
        for start in range(0, len(seeds) - strip + 1, strip)
    ]
    if not units:
        raise StudyError(f"No prompt has {strip} images of each model, which a strip needs.")
    # Seeds in turn rather than prompt by prompt: with fewer pairs than units, no prompt comes twice before all did.
    ranks: dict[str, int] = {}
    ranked = []
    for unit in units:
        ranks[unit.prompt] = ranks.get(unit.prompt, -1) + 1
        ranked.append((ranks[unit.prompt], unit))
    return [unit for _, unit in sorted(ranked, key=lambda pair: pair[0])]


def _spread(games: Sequence[Game[_Unit]], count: int) -> list[Game[_Unit]]:
    return [games[int(position)] for position in np.linspace(0, len(games) - 1, count).round()] if count else []


class _Writer:
    """Images of the items as files, with their scores."""

    def __init__(self, folder: Path, judges: dict[str, Judge]) -> None:
        self._folder = folder
        self._judges = judges
        self._scores: dict[tuple[str, ImageKey], dict[str, float]] = {}

    def item(self, game: Game[_Unit], models: dict[str, ModelImages], number: int, seed: int) -> NewItem:
        sides = [models[game.first], models[game.second]]
        keys = [ImageKey(game.unit.prompt, of_seed) for of_seed in game.unit.seeds]
        contents = [[model.images[key].read() for key in keys] for model in sides]
        scores = [[self._scored(model, key) for key in keys] for model in sides]
        judges = sorted(set.intersection(*(set(of_image) for side in scores for of_image in side)))
        facts = {
            "a": game.first,
            "b": game.second,
            "prompt_id": f"prompt {number}",
            "seeds": list(game.unit.seeds),
            # Of a strip, the mean: what a judge says of the models on this prompt.
            "scores": {name: [float(np.mean([image[name] for image in side])) for side in scores] for name in judges},
            "alike": contents[0] == contents[1],
        }
        files = [self._file(content) for side in contents for content in side]
        key = _opaque(seed, game.unit.prompt, *game.unit.seeds, game.first, game.second)
        return NewItem(key, game.unit.prompt, files, facts=facts)

    def check(
        self, game: Game[_Unit], models: dict[str, ModelImages], settings: StudySettings, number: int
    ) -> NewItem | None:
        """Return a pair with a known answer; None where an image in pieces looks as it did, as a blank one does."""
        keys = [ImageKey(game.unit.prompt, seed) for seed in game.unit.seeds]
        whole = [models[game.first].images[key].read() for key in keys]
        rng = np.random.default_rng([settings.seed, 7, number])
        broken = [_in_pieces(content, rng) for content in whole]
        if any(piece == b"" for piece in broken):
            return None
        sides, answer = ([whole, broken], "A") if number % 2 == 0 else ([broken, whole], "B")
        files = [self._file(content) for side in sides for content in side]
        gold: dict[str, str | int] = dict.fromkeys(settings.question.aspects, answer)
        key = _opaque(settings.seed, CHECK, str(number))
        return NewItem(key, game.unit.prompt, files, facts={"kind": CHECK}, gold=gold)

    def _scored(self, model: ModelImages, key: ImageKey) -> dict[str, float]:
        name = (model.name, key)
        if name not in self._scores:
            image = model.images[key]
            own_scores = {judge: score([image.read()], [key.prompt])[0] for judge, score in self._judges.items()}
            self._scores[name] = {**image.scores, **{judge: float(value) for judge, value in own_scores.items()}}
        return self._scores[name]

    def _file(self, content: bytes) -> Path:
        path = self._folder / hashlib.sha256(content).hexdigest()
        if not path.exists():
            path.write_bytes(content)
        return path


def _opaque(seed: int, *parts: str) -> str:
    return hashlib.sha256("\0".join([str(seed), *parts]).encode()).hexdigest()[:16]


def _in_pieces(content: bytes, rng: np.random.Generator) -> bytes:
    """Return an image with its blocks in another order: of the same colours, and plainly worse; nothing if alike."""
    from PIL import Image

    from tia2.decoding import read_rgb
    from tia2.errors import ImageFileError

    try:
        pixels = np.asarray(read_rgb(content))
    except ImageFileError as error:
        raise StudyError(f"An image can't be shown: {error}.") from None
    height, width = (max(size // _BLOCKS, 1) for size in pixels.shape[:2])
    corners = [(top * height, left * width) for top in range(_BLOCKS) for left in range(_BLOCKS)]
    corners = [(y, x) for y, x in corners if y + height <= pixels.shape[0] and x + width <= pixels.shape[1]]
    shuffled = pixels.copy()
    order = rng.permutation(len(corners))
    for (y, x), source in zip(corners, order, strict=True):
        from_y, from_x = corners[int(source)]
        shuffled[y : y + height, x : x + width] = pixels[from_y : from_y + height, from_x : from_x + width]
    if np.array_equal(shuffled, pixels):
        return b""
    buffer = io.BytesIO()
    Image.fromarray(shuffled).save(buffer, format="PNG")
    return buffer.getvalue()
