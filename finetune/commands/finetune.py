"""Show when a reward over-optimises: best-of-n, fine-tuning."""

from __future__ import annotations

import typer

from . import _best_of_n, _report, _run, _sample, _serve, _study, _sweep

app = typer.Typer(no_args_is_help=True)


@app.callback()
def finetune() -> None:
    """Show when a reward over-optimises: best-of-n, fine-tuning."""


app.command("best-of-n", epilog=_best_of_n.EXAMPLES)(_best_of_n.best_of_n)
app.command("run", epilog=_run.RUN_EXAMPLES)(_run.run)
app.command("resume", epilog=_run.RESUME_EXAMPLES)(_run.resume)
app.command("report", epilog=_report.EXAMPLES)(_report.report)
app.command("sample", epilog=_sample.EXAMPLES)(_sample.sample)
app.command("sweep", epilog=_sweep.EXAMPLES)(_sweep.sweep)
app.command("study", epilog=_study.EXAMPLES)(_study.study)
app.command("serve-reward", epilog=_serve.EXAMPLES)(_serve.serve_reward)
