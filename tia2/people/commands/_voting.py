"""The commands that go from prompts to a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _build, _demo, _export, _new, _prompts, _sample, _vote

if TYPE_CHECKING:
    import typer


def add_to(app: typer.Typer) -> None:
    """Add the commands to `tia2 people`.

    Args:
        app: The group of commands.
    """
    app.command("demo", epilog=_demo.EXAMPLES)(_demo.demo)
    app.command("prompts", epilog=_prompts.EXAMPLES)(_prompts.prompts)
    app.command("sample", epilog=_sample.EXAMPLES)(_sample.sample)
    app.command("new", epilog=_new.EXAMPLES)(_new.new)
    app.command("vote", epilog=_vote.EXAMPLES)(_vote.vote)
    app.command("build", epilog=_build.EXAMPLES)(_build.build)
    app.command("export", epilog=_export.EXPORT_EXAMPLES)(_export.export)
    app.command("backup", epilog=_export.BACKUP_EXAMPLES)(_export.backup)
