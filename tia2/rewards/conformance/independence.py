"""Checks that a reward depends on its own image and text only: not on chance, company, earlier calls or threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.rewards.base import Rewards
from tia2.rewards.conformance.checks import conformance
from tia2.rewards.conformance.samples import photo
from tia2.rewards.conformance.trial import Caught, Finding, Subject

if TYPE_CHECKING:
    from PIL import Image


@conformance(
    "deterministic",
    tests="the same call again gives the same rewards",
    fix="Remove the chance: put the model in eval mode so that dropout is off, and seed or drop random steps.",
)
def deterministic(subject: Subject) -> Finding:
    """Repeat calls with the same inputs."""
    images, texts = subject.pairs
    first = subject.reward.score(images, texts)
    differences = {
        f"score called again ({number})": subject.worst(subject.reward.score(images, texts), first)
        for number in range(1, 4)
    }
    matrix = subject.reward.score_matrix(images[:4], texts[:4])
    differences["score_matrix called again"] = subject.worst(subject.reward.score_matrix(images[:4], texts[:4]), matrix)
    finding = subject.compare(differences)
    if not finding.failed and max(differences.values()):
        finding.warnings.append("A repeated call gives the same rewards only up to rounding.")
    return finding


@conformance(
    "batch-size",
    tests="splitting a call, or another batch_size, gives the same rewards",
    fix=(
        "Compute nothing over the batch, neither means nor maxima nor ranks; normalise each input by itself, "
        "mask padding, and use eval mode."
    ),
)
def batch_size(subject: Subject) -> Finding:
    """Split calls into parts of several sizes, and set the model's own batch sizes where it has them."""
    reward = subject.reward
    images, texts = subject.pairs
    whole = reward.score(images, texts)
    differences = {}
    for size in (1, 2, 5):
        parts = [
            reward.score(images[start : start + size], texts[start : start + size])
            for start in range(0, len(texts), size)
        ]
        differences[f"score of {size} at a time"] = subject.worst(np.concatenate(parts), whole)
    few_images, few_texts = images[:5], subject.texts[:5]
    matrix = subject.base[:5, :5]
    rows = [reward.score_matrix([image], few_texts) for image in few_images]
    columns = [reward.score_matrix(few_images, [text]) for text in few_texts]
    differences["score_matrix image by image"] = subject.worst(np.concatenate(rows), matrix)
    differences["score_matrix text by text"] = subject.worst(np.concatenate(columns, axis=1), matrix)
    for attribute in ("batch_size", "text_batch_size"):
        if isinstance(getattr(reward, attribute, ""), int | None):
            for size in (1, 3):
                with _set(reward, attribute, size):
                    got = reward.score(images, texts)
                differences[f"{attribute} {size}"] = subject.worst(got, whole)
    return subject.compare(differences)


@contextmanager
def _set(target: Any, attribute: str, value: Any) -> Iterator[None]:
    before = getattr(target, attribute)
    setattr(target, attribute, value)
    try:
        yield
    finally:
        setattr(target, attribute, before)


@conformance(
    "company",
    tests="other images and texts in the same call change nothing",
    fix="Mask the padding that longer texts and larger images bring, and let no input see the others of its batch.",
)
def company(subject: Subject) -> Finding:
    """Score pairs alone, then with longer texts, images of other sizes, and duplicates beside them."""
    reward = subject.reward
    images, texts = subject.images[:3], subject.texts[:3]
    alone = reward.score(images, texts)
    longest = max(subject.texts, key=len)
    others = [photo(21, (200, 20)), photo(22, (20, 200)), photo(23, (9, 9))]
    calls = {
        "beside longer texts": ([*images, *images], [*texts, *[longest] * 3]),
        "beside images of other sizes": ([*images, *others], [*texts, *texts]),
        "beside themselves": ([*images, *images], [*texts, *texts]),
        "beside one long row of others": ([*images, *others * 7], [*texts, *[longest] * 21]),
    }
    differences = {}
    for name, (more_images, more_texts) in calls.items():
        got = reward.score(more_images, more_texts)
        differences[f"pairs {name}"] = subject.worst(got[:3], alone)
        if name == "beside themselves":
            differences["the same pairs twice in a call"] = subject.worst(got[3:], got[:3])
    matrix = reward.score_matrix([*images, *others], [*texts, longest])
    differences["score_matrix beside others"] = subject.worst(matrix[:3, :3], reward.score_matrix(images, texts))
    return subject.compare(differences)


@conformance(
    "order",
    tests="shuffled images, texts and pairs get the same rewards, shuffled",
    fix=(
        "Let a reward not depend on the position in the call; where inputs are sorted or grouped, put the "
        "rewards back in the order of the call."
    ),
)
def order(subject: Subject) -> Finding:
    """Reverse and shuffle images, texts and pairs."""
    reward = subject.reward
    rng = np.random.default_rng(0)
    images, texts = subject.pairs
    pairs = reward.score(images, texts)
    differences = {}
    for how in ("reversed", "shuffled"):
        rows, columns = (
            np.arange(count)[::-1] if how == "reversed" else rng.permutation(count)
            for count in (len(subject.images), len(subject.texts))
        )
        got = reward.score([images[row] for row in rows], [texts[row] for row in rows])
        differences[f"pairs {how}"] = subject.worst(got, pairs[rows])
        got = reward.score_matrix([subject.images[row] for row in rows], subject.texts)
        differences[f"images {how}"] = subject.worst(got, subject.base[rows])
        got = reward.score_matrix(subject.images, [subject.texts[column] for column in columns])
        differences[f"texts {how}"] = subject.worst(got, subject.base[:, columns])
    return subject.compare(differences)


@conformance(
    "stateless",
    tests="a call changes nothing about the rewards of later calls",
    fix=(
        "Keep nothing between calls that a reward depends on: no running mean, no cache by id(image) or by "
        "the beginning of a text."
    ),
)
def stateless(subject: Subject) -> Finding:
    """Score other inputs, then the first ones again; change an image in place; begin a second instance otherwise."""
    reward = subject.reward
    images, texts = subject.pairs
    before = reward.score(images, texts)
    for number in range(3):
        others = [photo(31 + number, (64, 64)).point(lambda level: level // 3) for _ in texts]
        reward.score(others, texts[::-1])
    reward.score_matrix(images[:1], [*subject.texts[::-1], "something else"])
    with Caught():
        reward.score(images[:2], texts[:1])
    differences = {
        "score after other calls": subject.worst(reward.score(images, texts), before),
        "score_matrix after other calls": subject.worst(
            reward.score_matrix(subject.images, subject.texts), subject.base
        ),
    }
    if subject.first is not None:
        differences["the very first call"] = subject.worst(subject.base, subject.first)
    if subject.reload is not None:
        another = subject.reload()
        another.score([photo(43, (64, 64))], ["another first call"])
        differences["a second instance whose first call was another"] = subject.worst(
            another.score(images, texts), before
        )
    reused = photo(41, (64, 64))
    reward.score([reused], texts[:1])
    fresh = photo(42, (64, 64))
    reused.paste(fresh)
    differences["an image object whose pixels the caller changed"] = subject.worst(
        reward.score([reused], texts[:1]), reward.score([fresh], texts[:1])
    )
    return subject.compare(differences)


THREADS = 4
ROUNDS = 4


@conformance(
    "threads",
    tests=f"{THREADS} threads that score at once get what one thread gets",
    fix=(
        "Keep what a call is about in local variables, not on the object or in globals; put a lock around "
        "what can't be shared."
    ),
)
def threads(subject: Subject) -> Finding:
    """Score different inputs from several threads at once."""
    images, texts = subject.pairs
    jobs = [(_rotated(images, shift), _rotated(texts, 2 * shift)) for shift in range(THREADS)]
    expected = [subject.reward.score(*job) for job in jobs]
    together = threading.Barrier(THREADS)

    def work(number: int) -> list[Rewards]:
        together.wait(timeout=60)
        return [subject.reward.score(*jobs[number]) for _ in range(ROUNDS)]

    with _short_turns(), ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(work, number) for number in range(THREADS)]
    differences = {}
    for number, future in enumerate(futures):
        with Caught() as caught:
            results = future.result()
        if caught.error:
            return Finding(f"In one of {THREADS} threads: {caught.line}", failed=True)
        differences[f"in thread {number + 1} of {THREADS}"] = max(
            subject.worst(got, expected[number]) for got in results
        )
    return subject.compare(differences)


def _rotated(values: Sequence[Any], by: int) -> list[Any]:
    return [*values[by:], *values[:by]]


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads take turns often, so that what they share clashes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@conformance(
    "inputs-unchanged",
    tests="a call leaves the images, the texts and their lists as they were",
    fix="Work on copies: image.copy() before drawing or thumbnail(), sorted(texts) in place of texts.sort().",
)
def inputs_unchanged(subject: Subject) -> Finding:
    """Compare images byte by byte, and lists, before and after calls."""
    sizes = ((30, 20), (1100, 40), (64, 64), (300, 260), (520, 530))
    images = [photo(51 + number, size) for number, size in enumerate(sizes)]
    images[-1] = images[-1].convert("RGBA")
    texts = [subject.texts[-1 - index % len(subject.texts)] for index in range(len(images))]
    calls: dict[str, Callable[[list[Image.Image], list[str]], Any]] = {
        "score": subject.reward.score,
        "score_matrix": subject.reward.score_matrix,
    }
    for name, call in calls.items():
        given_images, given_texts = list(images), list(texts)
        before = [_state(image) for image in images]
        call(given_images, given_texts)
        if given_texts != texts:
            return Finding(f"{name} changed the list of texts.", failed=True)
        if [id(image) for image in given_images] != [id(image) for image in images]:
            return Finding(f"{name} changed the list of images.", failed=True)
        changed = sum(_state(image) != state for image, state in zip(images, before, strict=True))
        if changed:
            return Finding(
                f"{name} changed {changed} of {len(images)} images.", failed=True, measured={"images_changed": changed}
            )
    return Finding(f"{len(images)} images and texts as they were")


def _state(image: Image.Image) -> tuple[Any, ...]:
    return image.mode, image.size, image.tobytes(), sorted(map(repr, image.info.items())), dict(image.getexif())
