"""`tia2 score`."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.commands.options import Config, Split, reward_options, run_folder
from tia2.errors import RewardError, UsageError

if TYPE_CHECKING:
    from tia2.progress import Progress
    from tia2.rewards import RewardModel
    from tia2.scoring import ScoreTable

app = typer.Typer()

EXAMPLES = """\
Examples:

  tia2 score --reward mini-strong

  tia2 score --reward mini-strong --reward mini-web --out runs/two

  tia2 score --reward clip:openai/clip-vit-large-patch14 --benchmark counting

  tia2 score --reward my_reward.py:MyReward --benchmark exports/mine

  tia2 score --reward mini-strong --out runs/shared --part 0/2

  tia2 score --reward mini-strong --out runs/shared --devices cpu,cpu
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
        Path | None,
        typer.Option(
            help="Folder for the score table; with several rewards OUT/REWARD. Default: runs/BENCHMARK/REWARD."
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another score table in the folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a benchmark with one or several reward models, and keep every reward.

    Each image and each text is encoded once. Stop it whenever you like: the same command resumes where it stopped.
    """
    from rich.markup import escape

    from tia2 import console

    if name and len(name) != len(reward):
        raise RewardError(f"Expected --name once per --reward, got {len(name)} for {len(reward)}.")
    in_frames, share = _framewise(frames, pool, normalise_frames), _part(part, overwrite)
    # A reward's own code may change the current folder.
    here = Path.cwd()
    rewards = [_absolute(spec, here) for spec in reward]
    with console.warnings_as_lines(), console.stderr.status("Loading the benchmark …"):
        from tia2.benchmark import load, with_contrastive_prompts
        from tia2.scoring import score as score_benchmark

        loaded = load(benchmark, data_dir=data_dir, split=split, config=config)
        if contrastive is not None:
            loaded = with_contrastive_prompts(loaded, contrastive)
    if devices is not None:
        settings = {
            "reward": reward, "name": name, "option": option, "benchmark": benchmark, "split": split, "config": config,
            "out": out, "data-dir": data_dir, "dtype": dtype, "revision": revision, "batch-size": batch_size,
            "contrastive": contrastive, "skip-bad-images": skip_bad_images, "trust-fingerprint": trust_fingerprint,
        }  # fmt: skip
        device = _by_workers(settings, devices, alone=part is None and device is None and not overwrite)
    options = {"device": device, "dtype": dtype, "revision": revision, **reward_options(option)}
    done: list[dict[str, Any]] = []
    for number, spec in enumerate(reward):
        with console.stderr.status(f"Loading {escape(spec)} …"), console.foreign_output_to_stderr():
            from tia2.rewards import load_reward

            model = in_frames(load_reward(rewards[number], **options))
        title = name[number] if name else model.name
        folder = run_folder(out, loaded.name, title, several=len(reward) > 1)
        if str(folder) in {row["folder"] for row in done}:
            raise RewardError(
                f"Two of the rewards are called {title!r}: tell them apart by --name, once per --reward, or score them "
                "one at a time, each with its --out."
            )
        started = time.monotonic()
        with (
            console.warnings_as_lines(),
            _progress(title, len(loaded)) as progress,
            console.foreign_output_to_stderr(),
        ):
            table = score_benchmark(
                model,
                loaded,
                here / folder,
                batch_size=batch_size,
                bad_images="skip" if skip_bad_images else "stop",
                overwrite=overwrite,
                spec=spec,
                name=name[number] if name else None,
                trust_fingerprint=trust_fingerprint,
                part=share,
                progress=progress,
            )
        if not table.computed and devices is None:
            console.stderr.print(console.plain(f"{table.name}: already scored, nothing computed."), soft_wrap=True)
        if table.skipped:
            console.stderr.print("warning: ", console.plain(_skipped(table)), sep="", soft_wrap=True)
        done.append(_summary(table, folder, time.monotonic() - started))

    if as_json:
        console.print_json(done)
        return
    listing = console.table("reward", "scored", "rewards", "seconds", "folder", right=("scored", "rewards", "seconds"))
    for row in done:
        scored = row["items"] - len(row["skipped_items"])
        numbers = f"{scored:,}", f"{row['rewards']:,}", f"{row['seconds']:.1f}"
        listing.add_row(console.plain(row["reward"]), *numbers, console.plain(row["folder"]))
    console.stdout.print(listing)
    folders = shlex.join(str(row["folder"]) for row in done)
    console.stderr.print(
        "\nNext: ", console.plain(console.program()), " evaluate ", console.plain(folders), sep="", soft_wrap=True
    )


def _framewise(frames: int | None, pool: str, temperature: float | None) -> Callable[[RewardModel], RewardModel]:
    """Return what makes a reward of single images one of frames, if that is asked for."""

    def wrapped(model: RewardModel) -> RewardModel:
        from tia2.rewards.frames import FramesReward

        return model if frames is None else FramesReward(model, frames=frames, pool=pool, temperature=temperature)

    if frames is None and (pool != "mean" or temperature is not None):
        raise RewardError("--pool and --normalise-frames say how frames are pooled: give --frames, too.")
    return wrapped


@contextmanager
def _progress(reward: str, items: int) -> Iterator[Progress]:
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
    from tia2.scoring.workers import devices_of, run_workers

    if not alone:
        raise UsageError("--devices chooses devices and parts by itself: leave out --device, --part and --overwrite.")
    names = devices_of(devices)
    words: list[str] = []
    for setting, given in settings.items():
        if isinstance(given, list):
            words += [f"--{setting}={value}" for value in given]
        elif given is True:
            words.append(f"--{setting}")
        elif given not in (None, False):
            words.append(f"--{setting}={given}")
    started = time.monotonic()
    for problem in run_workers(words, names):
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


def _skipped(table: ScoreTable) -> str:
    first = ", ".join(table.skipped[:5]) + (", …" if len(table.skipped) > 5 else "")
    return f"{len(table.skipped):,} of {len(table):,} items have no reward, since their images can't be read: {first}"


def _summary(table: ScoreTable, folder: Path, seconds: float) -> dict[str, Any]:
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
