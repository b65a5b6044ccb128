"""A table's texts are read once for each distinct text, and are what they were."""

from __future__ import annotations

import tracemalloc

import pandas as pd
import pyarrow as pa
import pytest

from tia2.scoring.table_files import TableFiles, shared_objects


def encoded(values, kind):
    return pa.chunked_array([pa.array(part, kind) for part in values])


TEXTS, LISTS = pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.dictionary(pa.int32(), pa.string()))


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([["a", None, "b", "a"]], TEXTS),
        ([["a", "b"], ["b", "c"]], TEXTS),
        ([[]], TEXTS),
        ([[["a", "b"], None, [], ["a", "b"], [None, "a"]]], LISTS),
        ([[["x"]], [["x"], ["y", "x"]]], LISTS),
        ([[]], LISTS),
        ([["a", "b"]], pa.string()),
        ([[[1, 0], [1], None]], pa.list_(pa.int8())),
        ([[1.5, None]], pa.float64()),
    ],
)
def test_columns_are_what_pyarrow_reads(parts, kind):
    column = encoded(parts, kind).unify_dictionaries()
    assert list(shared_objects(column)) == [value for part in parts for value in part]


def items_of(prompts, each, texts):
    sets = [
        [f"text {number} of the prompt with number {prompt}" for number in range(texts)] for prompt in range(prompts)
    ]
    owners = [prompt for prompt in range(prompts) for _ in range(each)]
    return pd.DataFrame(
        {
            "item_id": [f"{number}" for number in range(len(owners))],
            "prompt_id": [f"a/{prompt}" for prompt in owners],
            "prompt": [sets[prompt][0] for prompt in owners],
            "contrastive_prompts": [sets[prompt][1:] for prompt in owners],
            "texts": [sets[prompt] for prompt in owners],
        }
    )


def test_items_are_read_as_they_were_written(tmp_path):
    files, items = TableFiles(tmp_path), items_of(3, 4, 5)
    digest = files.write_items(items)
    pd.testing.assert_frame_equal(files.read_items(digest), items)


def test_memory_grows_with_the_prompts_rather_than_the_items(tmp_path):
    files = TableFiles(tmp_path)
    files.write_items(items_of(40, 500, 21))
    tracemalloc.start()
    items = files.read_items()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len({id(texts) for texts in items["texts"]}) == 40
    assert peak / len(items) < 500, "an item of 21 texts takes 4,600 bytes otherwise"
