"""`tia2 data`: look at a benchmark, check its images, fetch it, make it, export it."""

from __future__ import annotations

from tia2.commands.data.agreement import agreement
from tia2.commands.data.benchmarks import app
from tia2.commands.data.make import make

app.command(
    epilog="Examples:\n\n  tia2 data make ratings.csv ours --prompt caption --rating r1 --rating r2 --scale 1-5\n\n"
    "  tia2 data make long.csv ours --item id --rater worker --rating answer --scale 1-5 --aligned-from 4\n\n"
    "  tia2 data make photos/ ours --score quality\n\n"
    "  tia2 data make org/name ours --config en --split validation --vote votes"
)(make)
app.command(
    epilog="Examples:\n\n  tia2 data agreement ours\n\n  tia2 data agreement runs/fetv/benchmark --metric spearman"
)(agreement)

__all__ = ["app"]
