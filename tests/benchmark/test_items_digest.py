"""Fingerprints of items are what the literal definition gives, for any values."""

from __future__ import annotations

import hashlib
import json

import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from tia2.benchmark.items import digest

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["],[", '"', "[", "ü\n"])
values = st.one_of(texts, st.integers(), st.floats(), st.booleans(), st.none())
columns = st.one_of(
    st.lists(texts, min_size=3, max_size=3),
    st.lists(st.floats(), min_size=3, max_size=3),
    st.lists(st.lists(st.integers(-1, 1) | st.none(), max_size=3), min_size=3, max_size=3),
    st.lists(st.lists(st.lists(st.integers(), max_size=2), max_size=2), min_size=3, max_size=3),
    st.lists(values | st.lists(values, max_size=3), min_size=3, max_size=3),
)


def literal(frame: pd.DataFrame) -> str:
    """Return the digest by its definition: one JSON list per row."""
    sha = hashlib.sha256()
    for row in zip(*(frame[column].tolist() for column in frame.columns), strict=True):
        sha.update(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return sha.hexdigest()


@given(st.lists(columns, min_size=1, max_size=3))
@example([[[], [1], [None]]])
@example([[[["],["]], [[]], [["a", "b"]]]])
@example([[[1], ["],["], []]])
@example([[[[1], [2]], [3], [4]]])
def test_columns_give_the_digest_of_rows(values_of_columns):
    frame = pd.DataFrame({str(n): pd.Series(column, dtype=object) for n, column in enumerate(values_of_columns)})
    assert digest(frame) == literal(frame)


def test_many_rows_are_digested_in_parts():
    shared = ["a cat", "two cats"]
    frame = pd.DataFrame(
        {"item_id": [f"i/{row}" for row in range(20_001)], "score": 0.25, "votes": [[1, 0, -1]] * 20_001,
         "texts": pd.Series([shared] * 20_000 + [["a dog"]], dtype=object)}
    )  # fmt: skip
    assert digest(frame) == literal(frame)
    assert digest(frame.iloc[:0]) == literal(frame.iloc[:0])
