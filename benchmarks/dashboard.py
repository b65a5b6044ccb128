"""How long the owner's page of a study takes to answer: 5,000 texts, and 5,000 pairs of images, with three votes each.

    python benchmarks/dashboard.py

Prints the first answer and the best of five more in milliseconds of processor time; the aim is 300 for the latter.
Of pairs, the first also says whether the study can stop; later this is computed beside the answers.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "project"))

from large_study import voted_study
from starlette.testclient import TestClient

from tia2.people.page.app import page_app

RUNS = 5


def main() -> None:
    for pairs in (False, True):
        with tempfile.TemporaryDirectory() as work:
            study = voted_study(Path(work) / "study", pairs=pairs)
            page = TestClient(page_app(study, frozenset({"testserver"})))
            times = []
            for _ in range(1 + RUNS):
                begun = time.process_time()
                answer = page.get("/api/owner", headers={"Authorization": f"Bearer {study.owner_token}"})
                times.append(1000 * (time.process_time() - begun))
                state = answer.raise_for_status().json()
            kind = "pairs" if pairs else "texts"
            print(
                f"{state['votes']:,} votes on {state['finished']:,} {kind}: {times[0]:.0f} ms, {min(times[1:]):.0f} ms"
            )
            study.close()


if __name__ == "__main__":
    main()
