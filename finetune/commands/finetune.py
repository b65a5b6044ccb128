"""Show when a reward over-optimises: best-of-n, fine-tuning."""

from __future__ import annotations

import typer

from . import _best_of_n, _run, _serve, _study

app = typer.Typer(no_args_is_help=True)


@app.callback()
def finetune() -> None:
    """Show when a reward over-optimises: best-of-n, fine-tuning."""


app.command("best-of-n", epilog=_best_of_n.EXAMPLES)(_best_of_n.best_of_n)
app.command("run", epilog=_run.RUN_EXAMPLES)(_run.run)
app.command("resume", epilog=_run.RESUME_EXAMPLES)(_run.resume)
app.command("report", epilog=_run.REPORT_EXAMPLES)(_run.report)
app.command("study", epilog=_study.EXAMPLES)(_study.study)
app.command("serve-reward", epilog=_serve.EXAMPLES)(_serve.serve_reward)
