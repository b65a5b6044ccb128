"""Checks on the numbers that a reward model returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tia2.rewards.conformance.checks import conformance
from tia2.rewards.conformance.trial import Caught, Finding, Subject, flat

if TYPE_CHECKING:
    from numpy.typing import NDArray


@conformance(
    "shape",
    tests="score gives float32 (n,), score_matrix (n_images, n_texts); also for one and for none",
    fix="Return one float32 number per pair: score an array of shape (n,), score_matrix of shape (n_images, n_texts).",
)
def shape(subject: Subject) -> Finding:
    """Test type, dtype and shape of both methods, with many, one and no inputs."""
    images, texts = subject.pairs
    reward = subject.reward
    cases: list[tuple[str, Callable[[], Any], tuple[int, ...]]] = [
        (
            f"score_matrix of {len(subject.images)} images and {len(subject.texts)} texts",
            lambda: subject.base,
            (len(subject.images), len(subject.texts)),
        ),
        (f"score of {len(texts)} pairs", lambda: reward.score(images, texts), (len(texts),)),
        ("score of one pair", lambda: reward.score(images[:1], texts[:1]), (1,)),
        ("score of no pair", lambda: reward.score([], []), (0,)),
        ("score_matrix of one image", lambda: reward.score_matrix(images[:1], texts[:3]), (1, 3)),
        ("score_matrix of no image", lambda: reward.score_matrix([], texts[:3]), (0, 3)),
        ("score_matrix of no text", lambda: reward.score_matrix(images[:3], []), (3, 0)),
    ]
    for case, call, expected in cases:
        with Caught() as caught:
            got = call()
        if caught.error:
            return Finding(f"{case[0].upper()}{case[1:]}: {caught.line}", failed=True)
        description = _described(got)
        if description != f"float32 {expected}":
            return Finding(f"{case[0].upper()}{case[1:]} gave {description}; expected float32 {expected}.", failed=True)
    return Finding(f"float32, {(len(texts),)} and {subject.base.shape}")


def _described(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


@conformance(
    "finite",
    tests="no reward is NaN or infinite",
    fix=(
        "Find where NaN or infinity arises, often a vector of zeros that is normalised, a log of 0 or a "
        "float16 overflow, and give those pairs a number."
    ),
)
def finite(subject: Subject) -> Finding:
    """Test that all sample rewards, and those of plain black, grey and white pictures, are numbers."""
    plain = [Image.new("RGB", (64, 64), colour) for colour in ("black", "grey", "white")]
    of_plain = subject.reward.score(plain, subject.texts[:3])
    bad = np.argwhere(~np.isfinite(subject.base))
    measured: dict[str, float | int | str] = {"rewards": int(subject.base.size), "not_finite": len(bad)}
    if len(bad):
        image, text = (int(index) for index in bad[0])
        first = f"the first for image {image} with {subject.texts[text]!r}"
        return Finding(
            f"{len(bad)} of {subject.base.size} rewards are not finite, {first}.", failed=True, measured=measured
        )
    if not np.isfinite(of_plain).all():
        return Finding(
            "A picture of one plain colour gets a reward that is not finite.", failed=True, measured=measured
        )
    low, high = float(subject.base.min()), float(subject.base.max())
    return Finding(
        f"{subject.base.size} rewards from {low:.4g} to {high:.4g}",
        measured=measured | {"lowest": low, "highest": high},
    )


@conformance(
    "depends-on-text",
    tests="another text gives another reward (models of kind 'control' are exempt)",
    fix="Make the reward depend on the text, or give the card kind='control' if it is meant to ignore it.",
)
def depends_on_text(subject: Subject) -> Finding:
    """Test that the rewards of an image differ between texts."""
    by_text = np.asarray(subject.base, dtype=np.float64)
    reach = largest_range(by_text, axis=1)
    measured: dict[str, float | int | str] = {
        "largest_range_over_texts": reach or 0.0,
        "texts": len(subject.texts),
        "texts_told_apart": len({tuple(column) for column in by_text.T.tolist()}),
    }
    if subject.reward.card.kind == "control":
        return Finding("card.kind is 'control': may ignore the text", skipped=True, measured=measured)
    if reach is None:
        return Finding("no two finite rewards to compare", skipped=True)
    if not reach > _indistinct(subject):
        return Finding("Every text gives an image the same reward.", failed=True, measured=measured)
    if not np.isfinite(by_text).all():
        return Finding(f"{measured['texts_told_apart']} of {len(subject.texts)} texts told apart", measured=measured)
    joint = by_text - by_text.mean(axis=0) - by_text.mean(axis=1, keepdims=True) + by_text.mean()
    share = float((joint**2).sum() / max(float(((by_text - by_text.mean()) ** 2).sum()), 1e-300))
    measured["share_of_variance_from_image_and_text_together"] = share
    reported = Finding(
        f"{measured['texts_told_apart']} of {len(subject.texts)} texts told apart, "
        f"{share:.0%} of variance from text with image",
        measured=measured,
    )
    if len(subject.images) > 1 and share < 1e-6 and np.ptp(by_text, axis=0).max() > _indistinct(subject):
        reported.warnings.append("A text changes the rewards of all images by the same amount: it is never compared.")
    return reported


@conformance(
    "depends-on-image",
    tests="another image gives another reward",
    fix=(
        "Make the reward depend on the pixels of the image it is given; check that prepare_image and "
        "embed_images use them."
    ),
)
def depends_on_image(subject: Subject) -> Finding:
    """Test that the rewards of a text differ between images."""
    reach = largest_range(np.asarray(subject.base, dtype=np.float64), axis=0)
    if reach is None:
        return Finding("no two finite rewards to compare", skipped=True)
    told_apart = len({tuple(row) for row in subject.base.tolist()})
    measured: dict[str, float | int | str] = {"largest_range_over_images": reach, "images_told_apart": told_apart}
    if not reach > _indistinct(subject):
        return Finding("Every image gets the same reward for a text.", failed=True, measured=measured)
    return Finding(f"{told_apart} of {len(subject.images)} images told apart", measured=measured)


def largest_range(values: NDArray[np.float64], axis: int) -> float | None:
    """Return the largest difference between finite values along an axis; None where no two are finite.

    Example:
        >>> largest_range(np.array([[1.0, np.nan, 3.0], [2.0, 2.5, np.inf]]), axis=1)
        2.0
    """
    ranges = [np.ptp(row[np.isfinite(row)]) for row in np.moveaxis(values, axis, -1) if np.isfinite(row).sum() > 1]
    return float(max(ranges)) if ranges else None


def _indistinct(subject: Subject) -> float:
    return 1e-6 * float(np.abs(subject.numbers).max()) if subject.numbers.size else 0.0


SIGNIFICANT_BITS = {"bfloat16": 8, "float16": 11}
ENOUGH_DISTINCT = 16
"""Fewer distinct rewards than this don't show which number format they come from."""


def significant_bits(values: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return how many bits the mantissa of each value needs: 1 for 0.5, 1 and 2, 2 for 0.75 and 3; 0 for 0.

    Example:
        >>> significant_bits(np.array([0.0, 1.0, 0.75, 1 + 2.0**-10])).tolist()
        [0, 1, 2, 11]
    """
    mantissa, _ = np.frexp(np.asarray(values, dtype=np.float64))
    whole = np.abs(np.rint(mantissa * 2**24)).astype(np.int64)
    lowest = whole & -whole
    used = 25 - np.frexp(np.maximum(lowest, 1).astype(np.float64))[1]
    return np.where(whole == 0, 0, used).astype(np.int64)


def half_precision_format(rewards: NDArray[np.floating[Any]]) -> str | None:
    """Return "float16" or "bfloat16" if rewards look as if they were computed in that, or None.

    All must be exact in the format, before a usual last step (times 100, 10 or 2.5, (1 + x) / 2, 1 - x), and a
    quarter of the distinct ones must need nearly all of its bits. Whole numbers, and few distinct values such as counts
    or votes, are not counted as half precision.

    Example:
        >>> scores = np.random.default_rng(0).normal(size=100).astype(np.float32)
        >>> half_precision_format(scores), half_precision_format(scores.astype(np.float16))
        (None, 'float16')
    """
    distinct = np.unique(rewards).astype(np.float64)
    if len(distinct) < ENOUGH_DISTINCT or bool((distinct == np.rint(distinct)).all()):
        return None
    eps = 2 * float(np.finfo(np.float32).eps)
    scaled = [(distinct / by, eps * np.abs(distinct / by)) for by in (1, 100, 10, 2.5)]
    shifted = [(2 * distinct - 1, 2 * eps * np.abs(distinct)), (1 - distinct, eps * np.abs(distinct))]
    for undone, rounding in scaled + shifted:
        for name, bits in SIGNIFICANT_BITS.items():
            mantissa, exponent = np.frexp(undone)
            near = np.ldexp(np.rint(mantissa * 2**bits) / 2**bits, exponent)
            # Where the format's steps are hardly longer than float32's, anything looks exact.
            telling = np.ldexp(1.0, exponent - bits) >= 32 * rounding
            exact = np.abs(undone - near)[telling] <= rounding[telling]
            used = significant_bits(near[telling])
            if telling.mean() >= 0.5 and exact.all() and (used >= bits - 1).mean() >= 0.25:
                return name
    return None


@conformance(
    "half-precision",
    tests="rewards are not rounded to float16 or bfloat16, which makes ties",
    fix=(
        "Compute the last normalisation, product, head and softmax in float32: convert the towers' output "
        "with .float() before them."
    ),
)
def half_precision(subject: Subject) -> Finding:
    """Test that rewards use more bits than half precision has, and count ties between images for one text."""
    values = subject.base.astype(np.float32)
    used = significant_bits(subject.numbers.astype(np.float32))
    tied = sum(len(column) - len(set(column)) for column in values.T.tolist())
    measured: dict[str, float | int | str] = {
        "rewards": int(subject.numbers.size),
        "distinct": len(np.unique(subject.numbers)),
        "exact_in_float16": float((used <= SIGNIFICANT_BITS["float16"]).mean()) if used.size else 0.0,
        "exact_in_bfloat16": float((used <= SIGNIFICANT_BITS["bfloat16"]).mean()) if used.size else 0.0,
        "tied_with_an_earlier_image": tied,
    }
    ties = f"{tied} of {subject.numbers.size} tied with another image"
    number_format = half_precision_format(subject.numbers.astype(np.float32))
    if number_format:
        return Finding(
            f"All rewards are exact {number_format} numbers, or scaled from such; {ties}.",
            failed=True,
            measured=measured,
        )
    exact = f"{measured['exact_in_float16']:.0%} exact in float16"
    reported = Finding(f"{exact}, {ties}", measured=measured)
    if tied > 0.1 * values.size:
        reported.warnings.append(f"Ties cost agreement with people: {ties}.")
    return reported


@conformance(
    "encode-once",
    tests="score_matrix, score, single pairs and encoded inputs give the same rewards",
    fix=(
        "Make score, score_matrix and encode_images plus encode_texts run the same steps on a pair, "
        "normalisation included."
    ),
)
def encode_once(subject: Subject) -> Finding:
    """Compare the ways to one reward with each other."""
    reward, images, texts = subject.reward, subject.images, subject.texts
    differences = {
        "score against score_matrix": subject.worst(
            reward.score(*flat(images, texts)), np.asarray(subject.base).ravel()
        )
    }
    few = [(image, text) for image in range(min(4, len(images))) for text in range(min(4, len(texts)))]
    single = [float(np.ravel(reward.score([images[image]], [texts[text]]))[0]) for image, text in few]
    differences["single pairs against score_matrix"] = subject.worst(single, [subject.base[pair] for pair in few])
    encode_images = getattr(reward, "encode_images", None)
    if callable(encode_images):
        features = encode_images(images)
        encode_texts = getattr(reward, "encode_texts", None)
        second = encode_texts(texts) if callable(encode_texts) else texts
        matrix = reward.score_matrix(features, second)
        differences["encode_images then score_matrix"] = subject.worst(matrix, subject.base)
        count = min(len(images), len(texts))
        pairs = reward.score(features[:count], second[:count])
        diagonal = [subject.base[index, index] for index in range(count)]
        differences["encode_images then score"] = subject.worst(pairs, diagonal)
    return subject.compare(differences)
