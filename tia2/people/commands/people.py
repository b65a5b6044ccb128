"""Ask people: a benchmark of your own, a verdict on two models."""

from __future__ import annotations

import typer

from . import (
    _build,
    _compare,
    _contrasts,
    _crowd,
    _demo,
    _export,
    _new,
    _plan,
    _prompts,
    _sample,
    _verdict,
    _vote,
)

app = typer.Typer(no_args_is_help=True)


@app.callback(epilog="Examples: tia2 people --help")
def people() -> None:
    """Ask people: a benchmark of your own, a verdict on two models."""


# From prompts to a benchmark.
app.command("demo", epilog=_demo.EXAMPLES)(_demo.demo)
app.command("prompts", epilog=_prompts.EXAMPLES)(_prompts.prompts)
app.command("sample", epilog=_sample.EXAMPLES)(_sample.sample)
app.command("new", epilog=_new.EXAMPLES)(_new.new)
app.command("vote", epilog=_vote.EXAMPLES)(_vote.vote)
app.command("build", epilog=_build.EXAMPLES)(_build.build)
app.command("export", epilog=_export.EXPORT_EXAMPLES)(_export.export)
app.command("backup", epilog=_export.BACKUP_EXAMPLES)(_export.backup)
# From two models to a verdict.
app.command(epilog=_plan.EXAMPLES)(_plan.plan)
app.command(epilog=_compare.EXAMPLES)(_compare.compare)
app.command(epilog=_verdict.EXAMPLES)(_verdict.verdict)
app.command("crowd-out", epilog=_crowd.OUT_EXAMPLES)(_crowd.crowd_out)
app.command("crowd-in", epilog=_crowd.IN_EXAMPLES)(_crowd.crowd_in)
app.command(epilog=_contrasts.EXAMPLES)(_contrasts.contrasts)
