"""The `tia2` command. A command's module is imported only when that command runs, so that `tia2 --help` is instant."""

from __future__ import annotations

import ast
import os
import re
import sys
import warnings
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from tia2.errors import PluginError, Tia2Error, UsageError, first_line, missing_models, unknown_name
from tia2.plugins import Registry
from tia2.streams import accept_any_text, discard_output, flush_or_discard, write_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec

    from rich.panel import Panel

    from tia2.plugins import Plugin

SUMMARIES = {
    "quickstart": "Rank four small reward models on the built-in benchmark; start here.",
    "data": "Check, download, describe and export benchmarks.",
    "score": "Score a benchmark with a reward model; keeps every reward.",
    "import-scores": "Take rewards that were computed elsewhere, from a plain file.",
    "export-scores": "Write a score table's rewards as a plain file.",
    "evaluate": "Say how well rewards agree with people, with intervals.",
    "compare": "Say whether one reward agrees with people better than another.",
    "pairs": "Say how well rewards agree with preferences between two images.",
    "analyze": "When calibration helps, what goes wrong, how many prompts it takes.",
    "rewards": "List reward models and show what is known of each.",
    "prompts": "Make contrastive prompts, by rule or with a language model.",
    "people": "Ask people: a benchmark of your own, a verdict on two models.",
    "miniworld": "Train, sample and rebuild the built-in benchmark.",
    "version": "Show the versions of tia2 and of what it stands on.",
}
"""The lines that `tia2 --help` shows for tia2's own commands, in the order of a first visit."""

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
_COMPLETION = {"install_completion", "show_completion"}


def _checked(name: str, candidate: Any) -> typer.Typer:
    if not isinstance(candidate, typer.Typer):
        raise PluginError(f"Expected command {name!r} to be a typer.Typer, got {type(candidate).__name__}.")
    return candidate


_ELSEWHERE = {
    "import-scores": "tia2.commands.scores:import_app",
    "export-scores": "tia2.commands.scores:export_app",
    "people": "tia2.people.commands.people:app",
}
"""The commands that share a module with another one, or come from the room that they are about."""

COMMANDS: Registry[typer.Typer] = Registry(
    "command",
    "tia2.commands",
    {name: _ELSEWHERE.get(name, f"tia2.commands.{name}:app") for name in SUMMARIES},
    _checked,
)
"""tia2's own commands, then those of installed packages, the leaderboard's among them."""

INNER_GROUP = "tia2.commands.{}"
"""Entry-point group of what a package adds to the command of that name, as the leaderboard adds to `finetune`."""


class LazyGroup(TyperGroup):
    """A group that knows its commands' names and one-line helps, and imports a command only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of a first visit; a package's whose module isn't there is left out."""
        del ctx
        with _warnings_as_lines():
            return [name for name, plugin in COMMANDS.plugins().items() if _is_there(plugin)]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Return a stand-in that carries the name and the help line."""
        del ctx
        plugin = COMMANDS.plugins().get(cmd_name)
        return TyperCommand(name=cmd_name, help=summary_of(plugin)) if plugin else None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help as typer would, without importing what typer renders Markdown with: a quarter of its time."""
        del formatter
        from rich.console import Console
        from rich.padding import Padding

        options = [(", ".join(option.opts), getattr(option, "help", None) or "") for option in self.get_params(ctx)]
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        lines = [(name, command.help or "") for name, command in commands.items() if command]
        console = Console(highlight=False)
        console.print(Padding(f"[yellow]Usage:[/] [bold]{ctx.command_path} \\[OPTIONS] COMMAND \\[ARGS]...", 1))
        console.print(Padding(self.help or "", (0, 1, 1, 1)), markup=False)
        console.print(_panel("Options", options), _panel("Commands", lines))
        console.print(Padding(self.epilog or "", 1), markup=False)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Import and return the command that was asked for."""
        name = args[0]
        with _warnings_as_lines():
            plugins = COMMANDS.plugins()
            command = command_of(name) if name in plugins else None
        if command is not None:
            return name, command, args[1:]
        if not name.startswith("-"):
            ctx.fail(str(unknown_name("command", name, plugins)))
        return super().resolve_command(ctx, args)


def _panel(title: str, rows: list[tuple[str, str]]) -> Panel:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for name, text in rows:
        table.add_row(Text(name, "bold cyan", no_wrap=True), Text(text))
    return Panel(table, title=title, title_align="left", border_style="dim")


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Do what `console.warnings_as_lines` does, and import the console only if there is a warning."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    if caught:
        from tia2 import console

        with console.warnings_as_lines():
            for warning in caught:
                warnings.warn(warning.message, stacklevel=1)


def _is_there(plugin: Plugin) -> bool:
    try:
        summary_of(plugin)
    except PluginError as error:
        warnings.warn(f"{error} It is left out.", stacklevel=1)
        return False
    return True


def command_of(name: str) -> Any:
    """Import a command, and what packages add to it if it is a group.

    A package that stands above another in the order of the rooms can so bring a command that reads as one of the
    other's: `tia2 finetune validate` fills a leaderboard, of which `finetune` itself knows nothing.

    Args:
        name: The command's name.

    Returns:
        A click command.

    Raises:
        UnknownNameError: There is none of this name.
        Tia2Error: It can't be imported. An addition that can't be is left out with a warning.

    Example:
        >>> "validate" in command_of("finetune").commands
        True
    """
    command: Any = typer.main.get_command(COMMANDS.get(name))
    inner: Registry[typer.Typer] = Registry(f"{name} command", INNER_GROUP.format(name), {}, _checked)
    for title, app in inner.items():
        if title in getattr(command, "commands", {title: None}):
            reason = "that name is taken" if isinstance(command, TyperGroup) else f"tia2 {name} is no group of commands"
            warnings.warn(f"The command {name} {title} is left out: {reason}.", stacklevel=1)
            continue
        addition = typer.main.get_command(app)
        addition.name = title
        command.add_command(addition, title)
    for part in (command, *getattr(command, "commands", {}).values()):
        part.params = [option for option in part.params if option.name not in _COMPLETION]
    return command


def summary_of(plugin: Plugin) -> str:
    """Return the one line that lists show for a command, without importing the command.

    A package's command is described by the first line of its module's docstring.

    Args:
        plugin: The command, as the registry lists it.

    Raises:
        PluginError: The package's module isn't there, or isn't Python.

    Example:
        >>> summary_of(COMMANDS.plugins()["score"])
        'Score a benchmark with a reward model; keeps every reward.'
    """
    if not isinstance(plugin.target, EntryPoint):
        return SUMMARIES.get(plugin.name, plugin.summary)
    spec = _spec(plugin.target.module)
    title = f"Command {plugin.name!r} from {plugin.source}"
    if spec is None:
        raise PluginError(f"{title} can't be imported: there is no module {plugin.target.module}.")
    if spec.origin is None or not spec.origin.endswith(".py"):
        return f"From {plugin.source}."
    try:
        first = _first_line(Path(spec.origin))
    except (OSError, SyntaxError, ValueError) as error:
        raise PluginError(f"{title} can't be imported: {spec.origin}: {error}.") from None
    return first or f"From {plugin.source}."


def _first_line(path: Path) -> str:
    """Return the first line of a module's docstring, empty if it has none."""
    with path.open("rb") as file:
        opening = file.readline()
        # A docstring of one line says it all: `tia2 --help` needn't read and parse the rest, which takes milliseconds.
        one_line = re.fullmatch(rb'"""([^"\\]+)"""\s*', opening)
        if one_line:
            return one_line[1].decode()
        tree = ast.parse(opening + file.read())
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _spec(module: str) -> ModuleSpec | None:
    """Return where a module lies; unlike `importlib.util.find_spec`, without importing the packages around it."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for depth in range(len(parts)):
        name = ".".join(parts[: depth + 1])
        candidates = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((candidate for candidate in candidates if candidate is not None), None)
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    return spec


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


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
        The exit code: 0 done, 1 an error that one line on stderr explains, 2 wrong usage, 130 interrupted. When
        nobody reads standard output any more, as in `tia2 … | head`, it is 1, and nothing is said.

    Example:
        >>> main(["--version"])
        tia2 0.1.0
        0
    """
    # One bar for each command is enough; datasets reads this when it is imported.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    # Pictures are only written to files; a notebook's backend, which its terminals inherit, may not be installed.
    os.environ["MPLBACKEND"] = "agg"
    if os.environ.get("COLUMNS", "").lstrip("0") == "":
        # No terminal is so narrow: nothing at all would be printed.
        os.environ.pop("COLUMNS", None)
    # typer brings its own click since 0.26 and used the click package before: take the errors from where it has them.
    click_error = import_module(typer.BadParameter.__module__).ClickException
    accept_any_text()
    try:
        code = app(args, prog_name="tia2", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except UsageError as error:
        return _fail(str(error), EXIT_USAGE)
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
    except BrokenPipeError:
        discard_output()
        return 1
    except OSError as error:
        # The machine's, not the program's: a full disk, a folder that can't be written to, too many open files.
        flush_or_discard()
        return _fail(_of_the_machine(error), 1)
    except SystemExit as error:
        # rich ends so when nobody reads any more, and typer when a shell asks what a word may become; no command does.
        # With exit code 0, what a reward left undone would look done.
        if isinstance(error.__context__, BrokenPipeError) or "_TIA2_COMPLETE" in os.environ:
            raise
        return _fail(f"A reward model or another package ended the program (exit code {error.code}).", 1)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    if code == EXIT_INTERRUPTED:
        write_line("\nInterrupted; what was done is kept. The same command resumes there.")
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    write_line(f"error: {' '.join(message.split())}")
    return code


def _of_the_machine(error: OSError) -> str:
    """Return what the operating system refused; what it refused it for is standard output where no file is named."""
    if error.errno is None:
        return first_line(error)
    return f"{error.filename or 'standard output'}: {error.strerror or first_line(error)}."


if __name__ == "__main__":
    sys.exit(main())
