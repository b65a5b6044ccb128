"""How long the owner's dashboard of a study takes: 5,000 items with three votes each.

    python benchmarks/dashboard.py

Prints the best of five runs in milliseconds of processor time; the aim is 300.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "project"))

from large_study import voted_study

from tia2.people.quality import state_of

RUNS = 5


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        large = voted_study(Path(work) / "study")
        times = []
        for _ in range(RUNS):
            begun = time.process_time()
            state = state_of(large)
            times.append(time.process_time() - begun)
        print(f"{state.votes:,} votes on {state.finished:,} items: {1000 * min(times):.0f} ms")
        large.close()
