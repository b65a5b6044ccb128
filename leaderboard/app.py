"""A Hugging Face Space's app; `tia2 leaderboard` is the same on any machine."""

import runpy

runpy.run_module("tia2.leaderboard.space", run_name=__name__)
