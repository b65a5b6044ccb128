"""The `tia2` command. A command's module is imported only when that command runs, so that `tia2 --help` is instant."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from tia2.errors import Tia2Error, missing_models, unknown_name

COMMANDS = {
    "quickstart": "Rank four small reward models on the built-in benchmark; start here.",
    "data": "Check, download, describe and export benchmarks.",
    "score": "Score a benchmark with a reward model; keeps every reward.",
    "evaluate": "Say how well rewards agree with people, with intervals.",
    "compare": "Say whether one reward agrees with people better than another.",
    "analyze": "When calibration helps, what goes wrong, how many prompts it takes.",
    "submit": "Submit a reward model to a leaderboard.",
    "rewards": "List reward models and show what is known of each.",
    "prompts": "Make contrastive prompts, by rule or with a language model.",
    "leaderboard": "Browse, serve and maintain a leaderboard.",
    "miniworld": "Train, sample and rebuild the built-in benchmark.",
    "version": "Show the versions of tia2 and of what it stands on.",
}
"""Every command and the line that `tia2 --help` shows for it; its code is `tia2.commands.NAME`."""

EXIT_INTERRUPTED = 130


class LazyGroup(TyperGroup):
    """A group that knows its commands' names and one-line helps, and imports a command only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of a first visit."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Return a stand-in that carries the name and the help line."""
        del ctx
        return TyperCommand(name=cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Import and return the command that was asked for."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(str(unknown_name("command", name, COMMANDS)))
        _, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in and _load(name), rest


def module_of(name: str) -> str:
    """Return the module that holds a command."""
    room = "leaderboard.commands" if name in {"leaderboard", "submit"} else "commands"
    return f"tia2.{room}.{name}"


def _load(name: str) -> Any:
    command = typer.main.get_command(import_module(module_of(name)).app)
    command.params = [
        option for option in command.params if option.name not in {"install_completion", "show_completion"}
    ]
    return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from tia2._version import __version__

        typer.echo(f"tia2 {__version__}")
        raise typer.Exit


@app.callback(epilog="New here? Type: tia2 quickstart")
def tia2(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Measure how well text-to-image reward models agree with people.

    Each command explains itself with examples: tia2 score --help
    """
    del version


def main(args: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        args: The words after `tia2`; those of the process when None.

    Returns:
        The exit code: 0 done, 1 an error that one line on stderr explains, 2 wrong usage, 130 interrupted.

    Example:
        >>> main(["--version"])
        tia2 0.1.0
        0
    """
    # One bar for each command is enough; datasets reads this when it is imported.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    # typer brings its own click since 0.26 and used the click package before: take the errors from where it has them.
    click_error = import_module(typer.BadParameter.__module__).ClickException
    try:
        code = app(args, prog_name="tia2", standalone_mode=False)
    except Tia2Error as error:
        return _fail(str(error), 1)
    except ModuleNotFoundError as error:
        missing = missing_models(error, "This")
        if missing is None:
            raise
        return _fail(str(missing), 1)
    except click_error as error:
        context = getattr(error, "ctx", None)
        where = f" See: {context.command_path} --help" if context else ""
        message = error.format_message()
        return _fail(f"{message}{where}", error.exit_code) if message else error.exit_code
    except typer.Abort:
        return _fail("Nothing was answered; stopped.", 1)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    if code == EXIT_INTERRUPTED:
        sys.stderr.write("\nInterrupted; what was done is kept. Type the same command again to go on.\n")
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
