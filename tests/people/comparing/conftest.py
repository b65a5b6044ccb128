"""Votes that several files only read."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_pairs import simulated_worths, table_of

from tia2.people.comparing.pair_votes import PairVotes


@pytest.fixture(scope="session")
def votes() -> PairVotes:
    """Forty prompts, three raters."""
    worths = simulated_worths(np.random.default_rng(1), (1, 40, 3), 0.6, 1.0, 0.2)[0]
    return table_of(worths)
