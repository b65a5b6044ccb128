"""Values as a stage that one can keep."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tia2
from tia2.errors import ResultError
from tia2.evaluation import Values
from tia2.evaluation.values import values_of


@pytest.fixture
def values(make_table):
    table = make_table()
    table.items["votes"] = [[1, 0, -1] if label else [0, 0, 1] for label in table.items["label"]]
    table.rewards[7] = np.nan
    return values_of([table])


def test_a_file_of_values_is_evaluated_alone(values, tmp_path):
    path = values.save(tmp_path / "new" / "values.parquet")
    loaded = Values.load(path)
    pd.testing.assert_frame_equal(loaded.items, values.items)
    np.testing.assert_array_equal(loaded.values, values.values)
    for name in ("name", "calibration", "settings", "rewards", "benchmark", "upper_bound"):
        assert getattr(loaded, name) == getattr(values, name)
    with pytest.warns(UserWarning, match="1 of 300 items of toy have no reward"):
        results = [tia2.evaluate(given, resamples=50) for given in (values, loaded, path, str(path))]
    assert len({result.model_dump_json() for result in results}) == 1
    assert results[0].benchmark.items_skipped == 1
    assert results[0].people is not None


def test_values_of_a_table_are_what_the_table_gives(make_table):
    table = make_table()
    assert tia2.evaluate(values_of([table]), resamples=50) == tia2.evaluate(table, resamples=50)
    negated = values_of([table], lambda table: -table.raw)
    assert tia2.evaluate(negated, resamples=50) == tia2.evaluate(table, lambda table: -table.raw, resamples=50)


def test_the_file_can_be_read_by_colleagues_and_other_programs(values, tmp_path):
    path = values.save(tmp_path / "values.parquet")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    frame = pd.read_parquet(path)
    assert list(frame.columns) == [*values.items.columns, "value"]
    assert frame["value"].isna().sum() == 1


def test_repr_fits_a_line(values):
    assert repr(values) == "Values('toy' on 'toys': 300 items, 1 without a reward)"
    assert "upper bound" in repr(replace(values, upper_bound=True))


def test_what_is_no_file_of_values(values, tmp_path):
    with pytest.raises(ResultError, match=r"Can't read values from .*nowhere"):
        Values.load(tmp_path / "nowhere.parquet")
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"value": [1.0]}), other)
    with pytest.raises(ResultError, match=r"holds no values. Values.save writes such files"):
        tia2.evaluate(other)
    other.write_text("text")
    with pytest.raises(ResultError, match=r"Can't read values from .*other"):
        tia2.evaluate(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 9}, "schema version 9, this tia2 reads 1"),
        ({"name": None}, "no valid values: name: Input should be a valid string"),
        ({"later": 1}, "no valid values: later: Extra inputs"),
    ],
)
def test_metadata_is_checked(values, tmp_path, change, message):
    path = values.save(tmp_path / "values.parquet")
    table = pq.read_table(path)
    content = json.loads(table.schema.metadata[b"tia2.values"]) | change
    pq.write_table(table.replace_schema_metadata({b"tia2.values": json.dumps(content).encode()}), path)
    with pytest.raises(ResultError, match=message):
        Values.load(path)


def test_values_have_their_calibration(values):
    with pytest.raises(ResultError, match="toy is calibrated already"):
        tia2.evaluate(values, lambda table: table.raw)


def test_hand_made_values_are_checked(values):
    with pytest.raises(ResultError, match="300 of 300 values are infinite"):
        replace(values, values=np.full(300, np.inf))
    with pytest.raises(ResultError, match=r"got shape \(299,\)"):
        replace(values, values=np.zeros(299))
    with pytest.raises(ResultError, match=r"lack the column\(s\) label"):
        replace(values, items=values.items.drop(columns="label"))
    with pytest.raises(ResultError, match="at least one score table"):
        Values.of([], np.zeros(3), name="a", calibration="raw", settings={})
