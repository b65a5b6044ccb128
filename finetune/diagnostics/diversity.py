"""How different the images of one prompt are from one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import FinetuneError

Floats = NDArray[np.float64]


def pairwise_distance(features: ArrayLike) -> float:
    """Return the mean cosine distance between two images of a prompt: 0 for copies, 1 for unrelated directions.

    Args:
        features: One row per image, shape (images, dimensions).

    Raises:
        FinetuneError: Fewer than two images.

    Example:
        >>> pairwise_distance([[1.0, 0.0], [0.0, 1.0]])
        1.0
    """
    similar = _similarities(features)
    count = len(similar)
    return float(1 - (similar.sum() - np.trace(similar)) / (count * (count - 1)))


def vendi_score(features: ArrayLike) -> float:
    """Return the Vendi score: the effective number of different images, 1 (copies) to the number of images.

    exp of the entropy of the eigenvalues of K/n, with K the cosine similarities.

    Args:
        features: One row per image, shape (images, dimensions).

    Raises:
        FinetuneError: Fewer than two images.

    Example:
        >>> round(vendi_score([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), 3)
        1.89

    Source: Friedman & Dieng 2023, https://arxiv.org/abs/2210.02410
    """
    similar = _similarities(features)
    shares = np.clip(np.linalg.eigvalsh(similar / len(similar)), 0, None)
    shares = shares[shares > 0] / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _similarities(features: ArrayLike) -> Floats:
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2 or len(rows) < 2:
        raise FinetuneError(f"Diversity needs the features of at least two images, got shape {rows.shape}.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    similar: Floats = unit @ unit.T
    return similar
