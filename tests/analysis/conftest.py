"""Small score tables with contrastive prompts, made by the builders of the calibration tests."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

_spec = spec_from_file_location("made", Path(__file__).parents[1] / "calibration" / "conftest.py")
made = module_from_spec(_spec)
_spec.loader.exec_module(made)


@pytest.fixture
def toy():
    """Build items: (prompts, items, texts, seed, subsets)."""
    return made._items


@pytest.fixture
def rewards_of():
    """Build rewards for items: (items, noise, scale, seed)."""
    return made._rewards


@pytest.fixture
def table_of():
    """Build a score table: (items, rewards, name, kind, temperature, skip)."""
    return made._table


@pytest.fixture
def tables_of(toy, rewards_of, table_of):
    """Build one score table a name, on the same items."""

    def build(names=("one", "two", "three"), **options):
        items = toy(**options)
        return [table_of(items, rewards_of(items, seed=number + 1), name) for number, name in enumerate(names)]

    return build
