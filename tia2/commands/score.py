"""`tia2 score`."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.commands.options import Config, Folders, Split, reward_options
from tia2.errors import RewardError, UsageError, unknown_name

if TYPE_CHECKING:
    from tia2.benchmark import Benchmark
    from tia2.progress import Progress
    from tia2.scoring import ScoreTable
    from tia2.scoring.engines.job import Framewise, Job
    from tia2.scoring.engines.ray_cluster import Cluster

app = typer.Typer()
LOCAL, RAY = "local", "ray"

EXAMPLES = """\
Examples:

  tia2 score --reward mini-strong

  tia2 score --reward mini-strong --reward mini-web --out runs/two

  tia2 score --reward clip:openai/clip-vit-large-patch14 --benchmark counting

  tia2 score --reward my_reward.py:MyReward --benchmark exports/mine

  tia2 score --reward mini-strong --out runs/shared --part 0/2

  tia2 score --reward mini-strong --out runs/shared --devices cpu,cpu

  tia2 score --reward mini-strong --out runs/shared --engine ray --address auto

  tia2 score --reward mini-strong --out s3://bucket/mini-strong
"""


@app.command(epilog=EXAMPLES)
def score(
    reward: Annotated[
        list[str],
        typer.Option(help="A reward that `tia2 rewards list` shows, or FILE.py:NAME; repeatable."),
    ],
    benchmark: Annotated[
        str, typer.Option(help="mini, all, comprehensive, counting, composition, or a folder or Parquet file.")
    ] = "mini",
    split: Split = None,
    config: Config = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL",
            help="Folder for the score table, or a URL such as s3://bucket/name; with several rewards OUT/REWARD. "
            "Default: runs/BENCHMARK/REWARD.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="A local copy of TIA2 with images. Without it TIA2_DATA_DIR is asked."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps. Default: auto.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16. Default: float32.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a model from the hub.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images at a time. Default: what suits model and device.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="KEY=VALUE",
            help="Another option of the reward, e.g. text_policy=error; repeatable.",
        ),
    ] = None,
    contrastive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Contrastive prompts that `tia2 prompts contrast` made, instead of the benchmark's."
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Score this many frames of each item (GIF, MP4, views as pages), and pool them."),
    ] = None,
    pool: Annotated[str, typer.Option(help="Pooling over frames: mean, min or max.")] = "mean",
    normalise_frames: Annotated[
        float | None,
        typer.Option(
            metavar="T", help="Pool what TextNorm gives each frame at temperature T, rather than raw rewards."
        ),
    ] = None,
    skip_bad_images: Annotated[
        bool, typer.Option("--skip-bad-images", help="Continue without missing and damaged images, rather than stop.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Name of the table, instead of the reward's; once per --reward. Tells checkpoints apart."),
    ] = None,
    trust_fingerprint: Annotated[
        bool,
        typer.Option(
            "--trust-fingerprint",
            help="Resume a table although the fingerprint doesn't cover all that decides the rewards.",
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Look at every image of finished shards for changes, not only the first of each."
        ),
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Begin with part I of N, from 0, and divide the work with other processes that write the same --out.",
        ),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="all|NAMES",
            help="Score by one process per device of this machine: all GPUs, or those named, such as cuda:0,cuda:1.",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="local|ray",
            help="Who scores: this process, or workers on a Ray cluster (pip install 'tia2[scale]').",
        ),
    ] = LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of the Ray cluster; auto for the one that this machine belongs to. "
            "Default: one of this machine alone, which ends with the command."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers on the Ray cluster. Default: one per GPU, or else per CPU core.")
    ] = None,
    worker_gpus: Annotated[
        float | None, typer.Option(min=0, help="GPUs per worker, such as 0.5. Default: 1, or 0 where there are none.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another score table in the folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a benchmark with one or several reward models, and keep every reward.

    Each image and each text is encoded once. Stop it whenever you like: the same command resumes where it stopped.
    """
    from tia2 import console

    if name and len(name) != len(reward):
        raise RewardError(f"Expected --name once per --reward, got {len(name)} for {len(reward)}.")
    cluster = _cluster(engine, address, workers, worker_gpus)
    if cluster and (part, devices) != (None, None):
        raise UsageError("--engine ray divides the work by itself: leave out --part and --devices.")
    framewise, share = _framewise(frames, pool, normalise_frames), _part(part, overwrite)
    settings = {
        "reward": reward, "name": name, "option": option, "benchmark": benchmark, "split": split, "config": config,
        "out": out, "data-dir": data_dir, "dtype": dtype, "revision": revision, "batch-size": batch_size,
        "contrastive": contrastive, "skip-bad-images": skip_bad_images, "trust-fingerprint": trust_fingerprint,
        "verify": verify,
    }  # fmt: skip
    if devices is not None:
        device = _by_workers(settings, devices, alone=part is None and device is None and not overwrite)
    folders = Folders(out, len(reward) > 1)
    with console.warnings_as_lines(), console.stderr.status("Loading the benchmark …"):
        from tia2.scoring.engines.job import Job
        from tia2.scoring.plan import ScoringOptions

        options = {"device": device, "dtype": dtype, "revision": revision, **reward_options(option)}
        given = {"data_dir": data_dir and str(data_dir.expanduser().absolute()), "split": split, "config": config}
        jobs = [
            Job(
                _absolute(spec, folders.here),
                _absolute_path(benchmark),
                spec,
                options,
                given,
                contrastive and contrastive.absolute(),
                framewise,
                ScoringOptions(
                    batch_size,
                    bad_images="skip" if skip_bad_images else "stop",
                    overwrite=overwrite,
                    name=name[number] if name else None,
                    trust_fingerprint=trust_fingerprint,
                    verify=verify,
                ),
            )
            for number, spec in enumerate(reward)
        ]
        loaded = None if cluster else jobs[0].load_benchmark()
    done: list[dict[str, Any]] = []
    for job in jobs:
        if loaded is None:
            table, folder, seconds = _on_ray(job, folders, cluster)
        else:
            table, folder, seconds = _here(job, loaded, folders, share)
        if not table.computed and devices is None:
            console.stderr.print(console.plain(f"{table.name}: already scored, nothing computed."), soft_wrap=True)
        if table.skipped:
            console.stderr.print("warning: ", console.plain(_skipped(table)), sep="", soft_wrap=True)
        done.append(_summary(table, folder, seconds))
    if as_json:
        console.print_json(done)
        return
    listing = console.table("reward", "scored", "rewards", "seconds", "folder", right=("scored", "rewards", "seconds"))
    for row in done:
        scored = row["items"] - len(row["skipped_items"])
        numbers = f"{scored:,}", f"{row['rewards']:,}", f"{row['seconds']:.1f}"
        listing.add_row(console.plain(row["reward"]), *numbers, console.plain(row["folder"]))
    console.stdout.print(listing)
    listed = shlex.join(str(row["folder"]) for row in done)
    console.stderr.print(
        "\nNext: ", console.plain(console.program()), " evaluate ", console.plain(listed), sep="", soft_wrap=True
    )


def _framewise(frames: int | None, pool: str, temperature: float | None) -> Framewise | None:
    """Return how frames are pooled, if that is asked for."""
    from tia2.scoring.engines.job import Framewise

    if frames is None and (pool != "mean" or temperature is not None):
        raise RewardError("--pool and --normalise-frames say how frames are pooled: give --frames, too.")
    return None if frames is None else Framewise(frames, pool, temperature)


def _cluster(engine: str, address: str | None, workers: int | None, gpus: float | None) -> Cluster | None:
    """Return the Ray cluster to score on; None to score in this process."""
    from tia2.scoring.engines.ray_cluster import Cluster

    if engine == RAY:
        return Cluster(address, workers, gpus)
    if engine != LOCAL:
        raise unknown_name("engine", engine, (LOCAL, RAY))
    if (address, workers, gpus) != (None, None, None):
        raise UsageError("--address, --workers and --worker-gpus are for --engine ray; --devices is for this machine.")
    return None


def _here(
    job: Job, benchmark: Benchmark, folders: Folders, part: tuple[int, int]
) -> tuple[ScoreTable, str | Path, float]:
    """Score in this process."""
    from rich.markup import escape

    from tia2 import console
    from tia2.scoring import score as score_benchmark

    with (
        console.stderr.status(f"Loading {escape(job.spec or job.reward)} …"),
        console.foreign_output_to_stderr(),
    ):
        model = job.load_reward()
    title = job.options.name or model.name
    folder, started = folders.of(benchmark.name, title), time.monotonic()
    with console.warnings_as_lines(), _progress(title, len(benchmark)) as progress, console.foreign_output_to_stderr():
        table = score_benchmark(
            model,
            benchmark,
            folders.absolute(folder),
            spec=job.spec,
            part=part,
            progress=progress,
            **vars(job.options),
        )
    return table, folder, time.monotonic() - started


def _on_ray(job: Job, folders: Folders, cluster: Cluster | None) -> tuple[ScoreTable, str | Path, float]:
    """Score by workers on a Ray cluster."""
    from tia2 import console
    from tia2.scoring.engines.ray_cluster import score_on_ray

    chosen: list[str | Path] = []
    started = time.monotonic()

    def choose(benchmark: str, title: str) -> str | Path:
        chosen.append(folders.of(benchmark, title))
        return folders.absolute(chosen[-1])

    def report(text: str) -> None:
        console.stderr.print("warning: ", console.plain(text), sep="", soft_wrap=True)

    with console.warnings_as_lines(), _progress(job.spec or job.reward, None) as progress:
        table = score_on_ray(job, choose, cluster, progress=progress, report=report)
    return table, chosen[-1], time.monotonic() - started


@contextmanager
def _progress(reward: str, items: int | None) -> Iterator[Progress]:
    """Show one bar, for the texts first and then for the items, with how many of them are done per second."""
    from tia2 import console

    starts: dict[str, tuple[float, int]] = {}
    with console.progress() as bars:
        task = bars.add_task(reward, total=items)

        def update(unit: str, done: int, total: int) -> None:
            now = time.monotonic()
            # What an earlier run had done already says nothing about the speed of this one.
            begun, before = starts.setdefault(unit, (now, done))
            speed = f" {(done - before) / (now - begun):,.1f}/s" if done > before and now > begun else ""
            bars.update(task, completed=done, total=total, description=f"{reward} {unit}{speed}")

        yield update


def _by_workers(settings: dict[str, Any], devices: str, *, alone: bool) -> str:
    """Have workers score with these options, and return the device on which what they leave over would be scored."""
    from tia2 import console
    from tia2.scoring.engines.devices import devices_of, run_workers, words_of

    if not alone:
        raise UsageError("--devices chooses devices and parts by itself: leave out --device, --part and --overwrite.")
    names = devices_of(devices)
    started = time.monotonic()
    for problem in run_workers(words_of(settings), names):
        console.stderr.print("warning: ", console.plain(problem), sep="", soft_wrap=True)
    seconds = time.monotonic() - started
    console.stderr.print(f"{len(names)} workers, on {', '.join(names)}: {seconds:.1f} s.", soft_wrap=True)
    return names[0]


def _part(given: str | None, overwrite: bool) -> tuple[int, int]:
    """Return which part of how many a text like 0/8 names."""
    if given is None:
        return 0, 1
    matched = re.fullmatch(r"(\d{1,9})/(\d{1,9})", given)
    if not matched or int(matched[1]) >= int(matched[2]):
        raise RewardError(f"--part is {given!r}; expected a number from 0 and the number of parts, such as 0/8 to 7/8.")
    if overwrite:
        raise RewardError("--overwrite would delete what the other parts have done: use it without --part.")
    return int(matched[1]), int(matched[2])


def _absolute(spec: str, folder: Path) -> str:
    """Return the specification of a reward in a Python file with the file's absolute path; any other as it is."""
    file, colon, attribute = spec.rpartition(":")
    is_file = colon and file.endswith(".py")
    return f"{folder / Path(file).expanduser()}:{attribute}" if is_file else spec


def _absolute_path(benchmark: str) -> str:
    """Return a benchmark's path as an absolute one; the name of a config, and what isn't there, as it is."""
    from tia2.benchmark.configs import CONFIGS

    path = Path(benchmark).expanduser()
    return benchmark if benchmark in CONFIGS or not path.exists() else str(path.absolute())


def _skipped(table: ScoreTable) -> str:
    first = ", ".join(table.skipped[:5]) + (", …" if len(table.skipped) > 5 else "")
    return f"{len(table.skipped):,} of {len(table):,} items have no reward, since their images can't be read: {first}"


def _summary(table: ScoreTable, folder: str | Path, seconds: float) -> dict[str, Any]:
    import numpy as np

    return {
        "reward": table.name,
        "spec": table.manifest.reward.spec,
        "fingerprint": table.manifest.reward.fingerprint,
        "benchmark": table.manifest.benchmark.name,
        "items": len(table),
        "computed_items": table.computed,
        "rewards": int((table.mask & np.isfinite(table.rewards)).sum()),
        "skipped_items": table.skipped,
        "truncated_texts": table.manifest.truncated_texts,
        "seconds": round(seconds, 2),
        "folder": str(folder),
    }
