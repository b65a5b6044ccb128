"""`tia2 data`: look at a benchmark, check its images, fetch it, export it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.commands.data.quiet import quiet_datasets
from tia2.commands.options import Config, Split

if TYPE_CHECKING:
    from collections.abc import Callable

    from tia2.benchmark.checking import SubsetCheck

app = typer.Typer(no_args_is_help=True, help="Check, download, describe and export benchmarks.")

_NAMED = 5

BenchmarkName = Annotated[
    str, typer.Argument(metavar="[BENCHMARK]", help="all, comprehensive, counting, composition, mini, or a path.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="A local copy of TIA2 in upstream's layout: human_annotations/, prompts/, images/. "
        "Without it TIA2_DATA_DIR is asked, else the annotations are downloaded."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog="Examples:\n\n  tia2 data show mini\n\n  tia2 data show counting --data-dir ~/tia2 --json")
def show(
    benchmark: Annotated[
        str | None,
        typer.Argument(
            metavar="[BENCHMARK]",
            help="all, comprehensive, counting, composition, mini, or a path. "
            "Default: all, or mini where the annotations of TIA2 can't be had.",
        ),
    ] = None,
    data_dir: DataDir = None,
    split: Split = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Count prompts, items, votes and images, subset by subset."""
    from tia2 import console

    with quiet_datasets(), _no_warnings(), console.warnings_as_lines(), console.stderr.status("Loading …"):
        from tia2.benchmark import load, summarise
        from tia2.benchmark.judgements.comparisons import RULE
        from tia2.errors import DownloadError

        problem = None
        try:
            loaded = load(benchmark or "all", data_dir=data_dir, split=split, config=config)
        except DownloadError as error:
            if benchmark is not None:
                raise
            problem = error
            loaded = load("mini")
        subsets = summarise(loaded)
    if problem is not None:
        console.stderr.print(
            "warning: this is mini, the built-in benchmark. ", console.plain(problem), sep="", soft_wrap=True
        )
    if as_json:
        about = {
            "name": loaded.name,
            "fingerprint": loaded.fingerprint,
            "votes_fingerprint": loaded.votes_fingerprint,
            **({} if loaded.scale is None else {"scale": loaded.scale.written(), "rule": loaded.scale.rule}),
            "subsets": [summary._asdict() for summary in subsets],
        }
        console.print_json(about)
        return
    judged = {"votes": "votes", "unsure": "unsure_items"} if loaded.scale is None else {"ratings": "ratings"}
    if "preferences" in loaded.items:
        judged = {"pairs": "pairs", "votes": "preferences"}
    fields = {"prompts": "prompts", "constant": "constant_prompts", "items": "items", **judged}
    numbers = (*fields, "aligned", "images")
    table = console.table("subset", *numbers, right=numbers)
    for summary in subsets:
        counts = [f"{getattr(summary, field):,}" for field in fields.values()]
        table.add_row(console.plain(summary.subset), *counts, f"{summary.human_rate:.1%}", f"{summary.images:,}")
    if len(subsets) > 1:
        table.add_section()
        sums = [f"{sum(getattr(summary, field) for summary in subsets):,}" for field in fields.values()]
        rate = f"{loaded.items['label'].mean():.1%}"
        table.add_row("all", *sums, rate, f"{sum(summary.images for summary in subsets):,}")
    console.stdout.print(console.plain(f"Benchmark {loaded.name}\n"), soft_wrap=True)
    console.stdout.print(table)
    console.stdout.print("\nconstant: prompts whose labels are all equal, which ranking metrics leave out.")
    if "preferences" in loaded.items:
        console.stdout.print(f"aligned: {RULE}.", markup=False)
    elif loaded.scale is None:
        console.stdout.print(
            "unsure: items with at least one unsure vote. aligned: share of items that people call aligned."
        )
    else:
        console.stdout.print(f"aligned: {loaded.scale.rule}.", markup=False)
    if not loaded.has_images:
        console.stdout.print(
            f"\n{len(loaded.missing_images):,} items have no image. {loaded.image_advice}", markup=False
        )


@app.command(
    epilog="Examples:\n\n  tia2 data check --data-dir ~/tia2\n\n  tia2 data check counting --data-dir ~/tia2 --json\n\n"
    "  tia2 data check ~/exported\n\nExit code: 0 when all is well, 1 when anything is wrong."
)
def check(
    benchmark: BenchmarkName = "all",
    data_dir: DataDir = None,
    split: Split = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Decode every image; name and count what is missing, corrupt, left over, or of odd size."""
    from tia2 import console

    with quiet_datasets(), console.warnings_as_lines(), _progress("Checking") as progress:
        from tia2.benchmark import check as check_images
        from tia2.benchmark.loading import image_advice

        results = check_images(benchmark, data_dir=data_dir, split=split, config=config, progress=progress)
    if as_json:
        console.print_json([{**vars(result), "problems": result.problems} for result in results])
    else:
        _print_checks(results, image_advice(benchmark))
    if any(result.problems for result in results):
        raise typer.Exit(1)


@app.command(
    epilog="Examples:\n\n  tia2 data download\n\n  tia2 data download --to ~/tia2 --images\n\n"
    "  tia2 data download tifa160\n\n"
    "Others' judgements: tifa160, genai-bench, genai-bench-video, fetv, tvge, t2iscorescore, mj-bench."
)
def download(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A published dataset, instead of TIA2; its scores become score tables."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="The folder to fill, good as --data-dir. Default: the cache; of a NAME, runs/NAME."),
    ] = None,
    images: Annotated[bool, typer.Option(help="Try to fetch the images too, with gdown.")] = False,
    answers: Annotated[
        bool, typer.Option("--answers", help="Fetch published answers to questions, too, and compute their scores.")
    ] = False,
) -> None:
    """Fetch the annotations, checked by sha256, and say how to get the images.

    What is there already and unaltered isn't fetched again. A NAME becomes benchmarks without images in NAME/benchmark,
    and the scores published with it become score tables in NAME/scores.
    """
    if name is not None:
        from tia2.commands.data.published import download_published
        from tia2.errors import UsageError

        if images:
            raise UsageError("--images is for TIA2: of published datasets only judgements and scores are fetched.")
        download_published(name, to, answers=answers)
        return
    from tia2 import console
    from tia2.benchmark.upstream import sources
    from tia2.errors import UsageError
    from tia2.files import cache_dir

    if answers:
        raise UsageError("--answers is for a published dataset: tia2 data download tifa160 --answers.")
    if images and to is None:
        raise UsageError("--images needs --to DIR: the images go to DIR/images/.")
    root = cache_dir() / "annotations" / sources.COMMIT if to is None else to.expanduser().resolve()
    fetched = []
    paths = sources.annotation_files()
    with console.progress() as bar:
        task = bar.add_task("Annotations", total=len(paths))

        def report(path: str, was_fetched: bool) -> None:
            bar.advance(task)
            if was_fetched:
                fetched.append(path)

        sources.fetch_annotations(root, report=report)
    console.stdout.print(
        f"{len(paths)} annotation files, {len(fetched)} fetched just now, all as released:",
        console.plain(root),
        sep="\n",
    )
    if images:
        _fetch_images(root / "images")
        console.stdout.print("\nImages fetched. Look them over:\n")
        console.stdout.print(console.plain(f"  tia2 data check --data-dir {to}"), soft_wrap=True)
        return
    _print_how_to_get_images(to)


@app.command(
    epilog="Examples:\n\n  tia2 data export ~/tia2-parquet --data-dir ~/tia2\n\n"
    "  tia2 data export mini-copy --benchmark mini\n\n"
    "  tia2 data export mini-copy --benchmark mini --push org/mini\n\n"
    'Then, anywhere: load_dataset("mini-copy"), streaming or not.'
)
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    benchmark: Annotated[str, typer.Option(help="all, comprehensive, counting, composition, mini, or a path.")] = "all",
    data_dir: DataDir = None,
    split: Split = None,
    config: Config = None,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Write items without an image too.")] = False,
    repository: Annotated[
        str | None,
        typer.Option("--push", metavar="OWNER/NAME", help="Upload it to a dataset repository of the Hub, too."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private, if it is new.")] = False,
) -> None:
    """Write Parquet with embedded images and a card, so that load_dataset(DIR) needs no code."""
    from tia2 import console
    from tia2.errors import UsageError

    if private and repository is None:
        raise UsageError("--private is for --push.")

    with quiet_datasets(), console.warnings_as_lines(), _progress("Writing") as progress:
        from tia2.benchmark import export as export_benchmark

        written = export_benchmark(
            benchmark,
            folder,
            data_dir=data_dir,
            split=split,
            config=config,
            allow_missing=allow_missing,
            progress=progress,
        )
    files = [path for path in written.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    console.stdout.print(f"{len(files)} files, {size:,.1f} MB:", console.plain(written), sep="\n")
    readable = str(written)
    if repository is not None:
        from tia2.benchmark.exporting import push

        with console.stderr.status("Uploading …"):
            address = push(written, repository, private=private)
        console.stdout.print("Pushed to", console.plain(address), soft_wrap=True)
        readable = repository
    console.stdout.print(
        "\nNext:\n",
        console.plain(f'  python -c "from datasets import load_dataset; print(load_dataset({readable!r}))"'),
        sep="\n",
        soft_wrap=True,
    )


@contextmanager
def _progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    from tia2 import console

    with console.progress() as bar:
        tasks: dict[str, Any] = {}

        def update(subset: str, done: int, total: int) -> None:
            if subset not in tasks:
                tasks[subset] = bar.add_task(f"{what} {subset}", total=total)
            bar.update(tasks[subset], completed=done, total=total)

        yield update


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Hold back what the table says anyway: how many images there are."""
    import logging

    logger = logging.getLogger("tia2")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _print_checks(results: list[SubsetCheck], advice: str) -> None:
    from tia2 import console

    numbers = ("items", "sound", "missing", "corrupt", "odd size", "surplus")
    table = console.table("subset", *numbers, right=numbers)
    for result in results:
        problems = (result.missing, result.corrupt, result.odd_size, result.surplus)
        table.add_row(
            console.plain(result.subset),
            f"{result.items:,}",
            f"{result.sound:,}",
            *(f"[red]{len(affected):,}[/red]" if affected else "0" for affected in problems),
        )
    console.stdout.print(table)
    for result in results:
        _print_problems(result)
    if any(result.location is None and len(result.missing) == result.items for result in results):
        console.stdout.print(f"\nThere are no images: {advice}", markup=False)
    if any(result.released is False for result in results):
        names = ", ".join(result.subset for result in results if result.released is False)
        console.stdout.print(f"\nNote: the annotations differ from the released ones in {names}.")
    if not any(result.problems for result in results):
        console.stdout.print("\nAll is well.")


def _print_problems(result: SubsetCheck) -> None:
    from tia2 import console

    if result.location is None and len(result.missing) == result.items:
        return
    groups = {
        "missing": result.missing,
        "corrupt": [f"{item}: {reason}" for item, reason in result.corrupt.items()],
        f"odd size, most are {result.usual_size}": [f"{item}: {size}" for item, size in result.odd_size.items()],
        "surplus": result.surplus,
    }
    for name, lines in groups.items():
        if lines:
            console.stdout.print(f"\n[bold]{result.subset}: {len(lines):,} {name}[/bold]")
            for line in lines[:_NAMED]:
                console.stdout.print(console.plain(f"  {line}"), soft_wrap=True)
            if len(lines) > _NAMED:
                console.stdout.print(f"  and {len(lines) - _NAMED:,} more; --json lists all")


def _print_how_to_get_images(to: Path | None) -> None:
    from importlib.util import find_spec

    from tia2 import console
    from tia2.benchmark.upstream.sources import IMAGES_URL

    folder = "DIR" if to is None else str(to)
    command = "" if find_spec("gdown") else "pip install gdown && "
    again = f"--to {folder} --images"
    lines = f"""
The images lie on Google Drive, which wants a person with a browser:
  {IMAGES_URL}

1. Put them under {folder}/images/, one folder or archive for each subset:
   comprehensive/ or comprehensive.zip (.tar, .tar.gz), counting…, composition…
2. tia2 data check --data-dir {folder}
3. export TIA2_DATA_DIR={folder}

Or try it from here; Drive may refuse large folders:
  {command}tia2 data download {again}"""
    console.stdout.print(console.plain(lines), soft_wrap=True)


def _fetch_images(folder: Path) -> None:
    import subprocess
    import sys
    from importlib.util import find_spec

    from tia2.benchmark.upstream.sources import IMAGES_URL
    from tia2.errors import DownloadError, MissingDependencyError

    if not find_spec("gdown"):
        raise MissingDependencyError("Fetching images needs gdown: pip install gdown")
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "gdown", "--folder", IMAGES_URL, "-O", str(folder), "--continue"]
    status = subprocess.run(command, check=False).returncode
    if status != 0 or not any(folder.iterdir()):
        raise DownloadError(
            f"gdown could not fetch {IMAGES_URL}; its messages are above. Get the images with a browser."
        )
