"""`tia2 miniworld`: sample from the tiny generator, judge an image, and rebuild what ships."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tia2.progress import Progress

app = typer.Typer(no_args_is_help=True, help="The embedded miniature world: sample, judge, train, build.")

Device = Annotated[str, typer.Option(help="Device to run on: cpu, cuda, mps.")]


@app.command(
    epilog="Examples:\n\n  tia2 miniworld sample 'two red circles'\n\n"
    "  tia2 miniworld sample 'a red circle left of a blue square' --count 32 --checkpoint halfway"
)
def sample(
    prompts: Annotated[list[str], typer.Argument(help="Prompts of the miniature world.")],
    count: Annotated[int, typer.Option(min=1, help="Images per prompt.")] = 16,
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("samples.png"),
    checkpoint: Annotated[str, typer.Option(help="final or halfway.")] = "final",
    seed: Annotated[int, typer.Option(help="Seed of the first image; the others count up.")] = 0,
    device: Device = "cpu",
) -> None:
    """Draw images of prompts and frame what the judge accepts in green."""
    from tia2 import console
    from tia2.files import check_writable
    from tia2.miniworld.generator import load_pipeline
    from tia2.miniworld.generator import sample as draw
    from tia2.miniworld.grammar import parse
    from tia2.miniworld.judge import judge
    from tia2.miniworld.sheet import sample_sheet, save_sheet

    specs = [parse(prompt) for prompt in prompts]
    check_writable(out)
    pipeline = load_pipeline(checkpoint=checkpoint, device=device)
    seeds = [seed + k for k in range(count)]
    with _progress("sampling") as advance:
        images = draw(pipeline, [str(spec) for spec in specs for _ in seeds], seeds * len(specs), progress=advance)
    rows = images.reshape(len(specs), count, *images.shape[1:])
    accepted = [[judge(image, spec).accepted for image in row] for row, spec in zip(rows, specs, strict=True)]
    save_sheet(sample_sheet([str(spec) for spec in specs], rows, accepted), out)
    for spec, verdicts in zip(specs, accepted, strict=True):
        console.stdout.print(f"{spec}: the judge accepts {sum(verdicts)} of {count}", markup=False)
    console.stdout.print(f"Wrote {out}", markup=False)


@app.command(epilog="Example:\n\n  tia2 miniworld failures runs/quickstart/scores/*")
def failures(
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Score tables of `mini`.")],
    out: Annotated[Path, typer.Option(help="The folder for the figure and the table.")] = Path("runs/analysis"),
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Say which failures contrastive prompts describe, and what TextNorm gains.

    The exact judge looks at every image that doesn't show its prompt: does it show one of the contrastive prompts?
    """
    from tia2 import console

    with console.warnings_as_lines(), console.stderr.status("Judging …"):
        from tia2.analysis.mini_failures import failures as analyse
        from tia2.evaluation.evaluate import load_table
        from tia2.files import check_writable

        check_writable(out)
        analysis = analyse([load_table(table) for table in tables], seed=seed)
    for sentence in analysis.findings:
        console.stdout.print(f"- {sentence}", markup=False)
    for path in analysis.save(out):
        console.stderr.print("Saved ", console.plain(path), sep="")


@app.command(epilog="Example:\n\n  tia2 miniworld judge image.png 'two red circles'")
def judge(
    image: Annotated[Path, typer.Argument(help="A 64 x 64 image file.")],
    prompt: Annotated[str, typer.Argument(help="Prompt that it should show.")],
) -> None:
    """Say whether an image shows a prompt, and why not."""
    from tia2 import console
    from tia2.miniworld.judge import judge as examine
    from tia2.miniworld.sheet import open_image

    verdict = examine(open_image(image), prompt)
    word = "accepted" if verdict.accepted else "rejected"
    console.stdout.print(f"{word} (score {verdict.score:.2f}{', unsure' if verdict.unsure else ''})")
    for reason in verdict.reasons:
        console.stdout.print(f"  {reason.kind}: {reason.text}", markup=False)


@app.command(
    epilog="Examples:\n\n  tia2 miniworld train mini-strong --out runs/mini\n\n  tia2 miniworld train all --device cuda"
)
def train(
    name: Annotated[str, typer.Argument(help="A recipe's name, or all.")],
    out: Annotated[Path, typer.Option(help="Results and progress; an interrupted recipe is resumed.")] = Path(
        "runs/miniworld"
    ),
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Device = "cpu",
    scale: Annotated[float, typer.Option(min=0.0001, help="Factor on steps and scenes; 1 for what ships.")] = 1.0,
) -> None:
    """Train a part of the miniature world by its recipe, on a CPU in minutes to an hour."""
    from tia2 import console
    from tia2.errors import unknown_name
    from tia2.miniworld.diffusers_loading import importing_diffusers

    with importing_diffusers("Training"):
        from tia2.miniworld.training import recipes

    import torch

    if device == "cpu":
        # Two threads wait for each other longer than they work on models this small.
        torch.set_num_threads(1)
    if name not in [*recipes.names(), "all"]:
        raise unknown_name("recipe", name, [*recipes.names(), "all"])
    for recipe in recipes.names() if name == "all" else [name]:
        with _progress(f"training {recipe}") as advance:
            run = recipes.RecipeRun(out, seed, device, scale, progress=advance)
            folder = recipes.train(recipe, run)
        console.stdout.print(f"Wrote {folder}", markup=False)


@app.command(epilog="Example:\n\n  tia2 miniworld build --out mini.parquet")
def build(
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")] = Path("mini.parquet"),
    pipeline: Annotated[Path | None, typer.Option(help="A pipeline's folder; the shipped one if not given.")] = None,
    device: Device = "cpu",
) -> None:
    """Rebuild the mini benchmark: sample 3,000 images, judge them, collect the simulated votes."""
    from tia2 import console
    from tia2.files import check_writable
    from tia2.miniworld.build import build_benchmark, write_benchmark
    from tia2.miniworld.generator import load_pipeline

    check_writable(out)
    loaded = load_pipeline(pipeline, device=device)
    with _progress("sampling and judging") as advance:
        items = build_benchmark(loaded, progress=advance)
    write_benchmark(items, out)
    aligned = sum(item.label for item in items) / len(items)
    console.stdout.print(f"Wrote {len(items):,} items to {out}; {aligned:.0%} aligned", markup=False)


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """Show a bar, and give the function that moves it."""
    from tia2 import console

    with console.progress() as bars:
        task = bars.add_task(label, total=None)
        yield lambda _, done, total: bars.update(task, completed=done, total=total)
