"""Browse, serve and maintain a leaderboard."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tia2.errors import LeaderboardError, missing_dependency

from ._options import DEFAULT_STORE, Code, Organisation, Paper, Parameters, Weights, account_name
from .review import review_app

if TYPE_CHECKING:
    from tia2.progress import Progress

    from ..data.store import Store

app = typer.Typer(
    invoke_without_command=True,
    epilog="Examples:\n\n  tia2 leaderboard\n\n  tia2 leaderboard --store runs/ours --port 8000 --no-open",
)

PORT, PORTS = 7860, 100

Place = Annotated[
    str, typer.Option("--store", metavar="PLACE", help="The leaderboard's folder, or hub:OWNER/NAME@REVISION.")
]
Name = Annotated[str | None, typer.Option(help="One of its benchmarks. Default: the one that pages show first.")]
DataDir = Annotated[
    Path | None, typer.Option(help="A local copy of TIA2. Without it TIA2_DATA_DIR is asked, else it is downloaded.")
]


@app.callback()
def leaderboard(
    context: typer.Context,
    store: Place = DEFAULT_STORE,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; the next free one if it is taken, any for 0.")
    ] = PORT,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Whether to open a browser.")] = True,
    public_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name that visitors reach it under, such as example.org; can be repeated."),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Proxy that says where visitors come from; can be repeated."),
    ] = None,
) -> None:
    """Serve the leaderboard on this machine, until Ctrl-C.

    A store that isn't there yet is made from the results that come with tia2. The commands
    below are for its maintainers.
    """
    if context.invoked_subcommand is not None:
        return
    from tia2 import console

    if find_spec("gradio") is None:
        raise missing_dependency("The leaderboard's pages: need gradio", "leaderboard")
    with console.stderr.status("Loading …"):
        import threading

        from ..data.boards import Live
        from ..pages.app import launch

        opened = _open(store, create=True)
    fullest(opened)
    with _progress() as report:
        live = Live(opened, progress=report)
    served = launch(
        live,
        host=host,
        port=_free_port(host, port),
        open_browser=open_browser,
        wait=False,
        public_hosts=public_host or (),
        proxies=proxy or (),
    )
    console.stdout.print(console.plain(f"{opened.name}: {served.local_url}"), soft_wrap=True)
    console.stderr.print("Ctrl-C stops it.")
    try:
        threading.Event().wait()
    finally:
        served.close(verbose=False)


@app.command(epilog="Example:\n\n  tia2 leaderboard init runs/ours --benchmark exports/mine --title Ours")
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    benchmark: Annotated[
        str, typer.Option(help="all, comprehensive, counting, composition, mini, or a folder or Parquet file.")
    ],
    name: Annotated[str, typer.Option(help="The leaderboard's name, above its pages.")] = "TIA2 leaderboard",
    title: Annotated[str | None, typer.Option(help="The benchmark's title on pages. Default: its name.")] = None,
    description: Annotated[str, typer.Option(help="A sentence about the benchmark.")] = "",
    simulated: Annotated[bool, typer.Option("--simulated", help="Its votes are not from people.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make an empty leaderboard for a benchmark."""
    from tia2 import console

    with console.stderr.status("Loading …"):
        from tia2.benchmark import load

        from ..data.store import Store

        loaded = load(benchmark, data_dir=data_dir)
        store = Store.create(folder, name)
        images = (os.fspath(data_dir.resolve()) if data_dir else _absolute(benchmark)) if loaded.has_images else None
        record = store.add_benchmark(
            loaded,
            title=title or loaded.name,
            images=images,
            description=description,
            simulated=simulated or benchmark == "mini",
        )
    console.stdout.print(console.plain(f"{folder}: {record.name}, {record.items:,} items"), soft_wrap=True)
    quoted = shlex.quote(str(folder))
    _print_next(f"leaderboard add TABLE --store {quoted}", f"leaderboard --store {quoted}")


@app.command(
    epilog="Examples:\n\n  tia2 leaderboard add runs/mine --name Mine --licence MIT\n\n"
    "  tia2 leaderboard add runs/a runs/b --name 'A and B'      an ensemble\n\n"
    "  tia2 leaderboard add runs/mine --store runs/board --benchmark runs/ours/benchmark\n\n"
    "  tia2 leaderboard add runs/mini-ddpo                      a fine-tuning run"
)
def add(
    tables: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE|RUN...", help="Score tables; several make an ensemble. Or fine-tuning runs."),
    ],
    store: Place = DEFAULT_STORE,
    name: Annotated[str | None, typer.Option(help="The model's name. Default: the score table's.")] = None,
    description: Annotated[str | None, typer.Option(help="Description of the model, a few sentences.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", "--license", help="Licence of the weights.")] = None,
    training_data: Annotated[str | None, typer.Option(help="Data the model was trained on.")] = None,
    contact: Annotated[str | None, typer.Option(help="Address for questions, https.")] = None,
    paper: Paper = None,
    organisation: Organisation = None,
    parameters: Parameters = None,
    code: Code = None,
    weights: Weights = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the model of this name.")] = False,
    benchmark: Annotated[
        str | None,
        typer.Option(help="Its benchmark, added first where the leaderboard lacks it; the leaderboard too is made."),
    ] = None,
) -> None:
    """Put score tables on the board without a review: raw, TextNorm, or ensembles; or fine-tuning runs."""
    from tia2 import console

    declared = {
        "name": name, "description": description, "licence": licence, "training_data": training_data,
        "contact": contact, "paper": paper, "organisation": organisation, "parameters": parameters, "code": code,
        "weights": weights,
    }  # fmt: skip
    if benchmark is not None:
        with console.stderr.status("Loading …"):
            _with_benchmark(store, benchmark)
    with console.stderr.status("Checking …"):
        from ..submissions.adding import add_runs, add_tables
        from ..submissions.run_package import only_runs

        if only_runs(tables, [f"--{field.replace('_', '-')}" for field, text in declared.items() if text]):
            runs = add_runs(_open(store), tables, added_by=account_name())
        else:
            runs = None
    if runs is not None:
        for run in runs:
            console.stdout.print(console.plain(f"On the board: {run.id}"), soft_wrap=True)
        return
    with console.stderr.status("Checking …"):
        stated = {field: text for field, text in declared.items() if text}
        listing = add_tables(_open(store), tables, stated, added_by=account_name(), replace=replace)
    console.stdout.print(f"On the board of {listing.benchmark}:", markup=False)
    for calibration in listing.calibrations:
        console.stdout.print(console.plain(f"  {calibration.entry_name(listing.card.name)}"), soft_wrap=True)


@app.command(
    "import-published",
    epilog="Examples:\n\n  tia2 leaderboard import-published\n\n"
    "  tia2 leaderboard import-published --store runs/ours --data-dir ~/tia2",
)
def import_published(store: Place = DEFAULT_STORE, data_dir: DataDir = None) -> None:
    """Add TIA2 and the figures released with the paper, marked as published."""
    from tia2 import console

    with console.stderr.status("Loading …"):
        from ..submissions.adding import add_published_results

        results = add_published_results(_open(store, create=True), data_dir)
    for result in results:
        console.stdout.print(console.plain(result.entry.name), soft_wrap=True)


@app.command(
    epilog="Examples:\n\n  tia2 leaderboard export --format csv > board.csv\n\n"
    "  tia2 leaderboard export --format html --out board.html"
)
def export(
    kind: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="csv, json, latex, bibtex, html, svg, pdf or png.")
    ],
    store: Place = DEFAULT_STORE,
    benchmark: Name = None,
    subset: Annotated[
        str | None, typer.Option(help="Subset of the LaTeX table and the picture. Default: overall.")
    ] = None,
    metric: Annotated[str, typer.Option(help="Metric of the LaTeX table, the picture and the HTML page.")] = "auroc",
    out: Annotated[Path | None, typer.Option(help="The file. Default: standard output.")] = None,
) -> None:
    """Write the board as CSV, JSON, a LaTeX table, BibTeX, a picture or one offline HTML page."""
    from tia2 import console
    from tia2.files import check_writable, write_atomically

    if out is not None:
        check_writable(out, LeaderboardError)
    with console.stderr.status("Loading …"):
        from ..data.board import Board
        from ..exports.formats import export as text_of

        opened = _open(store)
    with _progress() as report:
        board = Board.load(opened, benchmark or fullest(opened), progress=report)
    _, content = text_of(board, kind, subset, metric)
    if out is None:
        if isinstance(content, bytes):
            raise LeaderboardError(f"A {kind} is no text: name its file with --out.")
        console.print_file(content)
        return
    write_atomically(out, content if isinstance(content, bytes) else content.encode(), LeaderboardError)
    console.stderr.print("Wrote ", console.plain(out), sep="", soft_wrap=True)


app.registered_commands += review_app.registered_commands


def _open(location: str, create: bool = False) -> Store:
    from ..data.hub import PREFIX, open_store

    if create and not location.startswith(PREFIX):
        from ..data.embedded import embedded_store

        return embedded_store(location, published=True)
    return open_store(location)


def fullest(store: Store, models_only: bool = False) -> str:
    """Return the name of the benchmark that pages show first: that with most entries, real votes before simulated.

    Args:
        store: The store.
        models_only: Whether benchmarks come first that have entries with score tables.

    Raises:
        LeaderboardError: It has no benchmark.
    """
    entries = {record.name: 0 for record in store.benchmarks}
    for listing in store.listings:
        entries[listing.benchmark] = entries.get(listing.benchmark, 0) + len(listing.calibrations)
    if not entries:
        raise LeaderboardError(f"{store.folder} has no benchmark: `tia2 leaderboard init` makes a store with one.")
    simulated = {record.name for record in store.benchmarks if record.simulated}
    return max(entries, key=lambda name: (models_only and entries[name] > 0, name not in simulated, entries[name]))


def _free_port(host: str, wanted: int) -> int:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(wanted, min(wanted + PORTS, 65536)) if wanted else [0]:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do, so that a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except PermissionError:
                raise LeaderboardError(f"Port {port} needs more rights: choose one from 1024 on with --port.") from None
            except socket.gaierror:
                raise LeaderboardError(f"{host} is no address of this machine: try --host 127.0.0.1.") from None
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LeaderboardError(f"No port from {wanted} on is free at {host}: choose another with --port or --host.")


@contextmanager
def _progress() -> Iterator[Progress]:
    from tia2 import console

    with console.progress() as bar:
        task = bar.add_task("Evaluating", total=None, visible=False)

        def update(name: str, done: int, total: int) -> None:
            del name
            bar.update(task, completed=done, total=total, visible=done < total)

        yield update


def _with_benchmark(location: str, benchmark: str) -> None:
    """Add a benchmark to a leaderboard that lacks it, and make the leaderboard where there is none."""
    from tia2.benchmark import load

    from ..data.store import Store

    folder = Path(location).expanduser()
    loaded = load(benchmark)
    store = _open(location) if folder.exists() and any(folder.iterdir()) else Store.create(folder, "TIA2 leaderboard")
    if loaded.fingerprint not in {record.fingerprint for record in store.benchmarks}:
        images = _absolute(benchmark) if loaded.has_images else None
        store.add_benchmark(loaded, title=loaded.name, images=images, simulated=benchmark == "mini")


def _absolute(benchmark: str) -> str:
    path = Path(benchmark)
    return os.fspath(path.resolve()) if path.exists() else benchmark


def _print_next(*commands: str) -> None:
    from tia2 import console

    console.stdout.print(
        "\nNext:\n",
        *(console.plain(f"  {console.program()} {command}") for command in commands),
        sep="\n",
        soft_wrap=True,
    )
