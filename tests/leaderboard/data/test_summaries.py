"""Figures of many entries are read from one file, and are those of the entries' own files."""

from __future__ import annotations

import numpy as np
import pytest

from tia2.leaderboard.data import summaries
from tia2.leaderboard.data.summaries import Summary, read_summaries, write_summary


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setattr(summaries, "MANY", 5)
    rng = np.random.default_rng(0)
    made = [tmp_path / f"{number:032x}.npz" for number in range(12)]
    for number, path in enumerate(made):
        figures = rng.random((5, 3))
        figures[number % 5] = np.nan
        write_summary(path, Summary(rng.random((2, 3, 6)), rng.random((2, 7)), figures, number, 1, number % 2 == 1))
    return made


def assert_equal(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for name in ("estimates", "counts", "figures"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert (a.items, a.skipped, a.upper_bound) == (b.items, b.skipped, b.upper_bound)


def alone(paths):
    return [read_summaries([path], path.with_name("none.npz"))[0] for path in paths]


def test_many_are_kept_in_one_file_and_few_are_not(paths, tmp_path):
    together = tmp_path / "together.npz"
    read_summaries(paths[:5], together)
    assert not together.exists()
    expected = alone(paths)
    assert_equal(read_summaries(paths, together), expected)
    assert together.exists()
    for path in paths:
        path.write_bytes(b"")  # From now on only the file of all can answer.
    assert_equal(read_summaries(paths, together), expected)
    backwards = paths[::-1][:7]
    assert_equal(read_summaries(backwards, together), expected[::-1][:7])


def test_entries_that_came_since_are_read_from_their_own_files(paths, tmp_path):
    together = tmp_path / "together.npz"
    expected = alone(paths)
    read_summaries(paths[:8], together)
    was = together.read_bytes()
    assert_equal(read_summaries(paths, together), expected)
    assert together.read_bytes() == was, "four new ones are too few to write it again"
    read_summaries(paths[:6], together)
    assert together.read_bytes() == was, "entries that are gone cost nothing"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not an archive", "cut", "other arrays"], ids=str)
def test_a_damaged_file_is_written_anew(paths, tmp_path, damage):
    together = tmp_path / "together.npz"
    expected = read_summaries(paths, together)
    whole = together.read_bytes()
    if damage == "other arrays":
        np.savez(together, keys=np.array([path.stem for path in paths]))
    else:
        together.write_bytes(whole[: len(whole) // 2] if damage == "cut" else damage)
    assert_equal(read_summaries(paths, together), expected)
    assert together.read_bytes() == whole


def test_a_folder_that_takes_no_file_only_makes_the_next_start_slower(paths, tmp_path):
    together = tmp_path / "together.npz"
    together.mkdir()
    assert_equal(read_summaries(paths, together), alone(paths))
