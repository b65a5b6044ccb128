"""`tia2 finetune sample`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import FinetuneError

if TYPE_CHECKING:
    from ..policy.model import DiffusionModel
    from ..runner.state import RunFolder
    from ..sampling.requests import SampleRequest
    from ..settings.model import SamplerSettings

EXAMPLES = """\
Examples:

  tia2 finetune sample runs/mini-ddpo

  tia2 finetune sample runs/mini-ddpo --epoch peak --lora-scale 0.5 --n 16

  tia2 finetune sample mini --prompt "three green circles" --steps 20 --eta 0 --guidance 3
"""


def sample(
    source: Annotated[str, typer.Argument(metavar="RUN|MODEL", help="Folder of a run, or a model as presets name it.")],
    epoch: Annotated[
        str | None, typer.Option(metavar="N|peak|last|base", help="Checkpoint of the run; the last by default.")
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option("--prompt", "--prompts", metavar="TEXT", help="A prompt; can be repeated. Default: the run's."),
    ] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="File of prompts, as `tia2 prompts` reads it.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Images per prompt.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first image; the next ones follow.")] = 0,
    lora_scale: Annotated[
        float | None, typer.Option(min=0, help="Strength of the fine-tuning: 0 is the base model, 1 the trained one.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps, in place of the run's.")] = None,
    eta: Annotated[float | None, typer.Option(min=0, max=1, help="Noise: 0 for DDIM, 1 as in training.")] = None,
    guidance: Annotated[float | None, typer.Option(min=1, help="Classifier-free guidance; 1 for none.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the images. Default: samples/ in the run.")] = None,
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the files as JSON.")] = False,
) -> None:
    """Sample images of a run's checkpoint, or of a model as it is, at given seeds.

    Prompt and seed are in each file's name and, with all settings, in its metadata. Interrupted, it resumes; further
    images of the same checkpoint are added. Equal seeds begin with equal noise at every checkpoint and scale.
    """
    from tia2 import console

    with console.warnings_as_lines():
        from tia2.devices import pick_device

        from ..runner.state import RunFolder
        from ..sampling.checkpoints import epoch_of
        from ..sampling.requests import SampleRequest
        from ..sampling.sample import sample_images

        run = RunFolder(Path(source)) if (Path(source) / "run.json").is_file() else None
        if run is None and (epoch is not None or lora_scale is not None):
            raise FinetuneError(f"{source} is no run: --epoch and --lora-scale belong to the weights of a run.")
        chosen = None if run is None else epoch_of(run, epoch or "last")
        request = SampleRequest(
            source=source if run is None else str(run.path),
            epoch=chosen,
            scale=1.0 if lora_scale is None else lora_scale,
            sampler=_sampler(run, steps, eta, guidance),
            prompts=_prompts(run, prompts, prompt_file),
            seeds=tuple(range(seed, seed + n)),
        )
        folder = out or _default_folder(run, request)
        where = str(pick_device(device))
        with _counting() as report:
            sheet, *images = sample_images(lambda: _load(run, source, chosen, where), request, folder, report)
    pairs = [(prompt, number) for prompt in request.prompts for number in request.seeds]
    weights = None if run is None or chosen is None else run.weights_path(chosen)
    if as_json:
        listing: dict[str, Any] = {
            "folder": str(folder),
            "contact_sheet": str(sheet),
            "weights": None if weights is None else str(weights),
            **request.origin(),
            "images": [
                {"file": path.name, "prompt": prompt, "seed": number}
                for path, (prompt, number) in zip(images, pairs, strict=True)
            ],
        }
        console.print_json(listing)
        return
    console.stdout.print(f"{len(images)} images of {len(request.prompts)} prompts in ", console.plain(folder), sep="")
    console.stdout.print("Contact sheet: ", console.plain(sheet), sep="", soft_wrap=True)
    if weights is not None and weights.is_dir():
        console.stderr.print("The weights for diffusers: ", console.plain(weights), sep="", soft_wrap=True)


def _sampler(run: RunFolder | None, steps: int | None, eta: float | None, guidance: float | None) -> SamplerSettings:
    from ..settings.model import SamplerSettings

    sampler = SamplerSettings() if run is None else run.settings().evaluation_sampler
    changes = {"steps": steps, "eta": eta, "guidance": guidance}
    return sampler.model_copy(update={name: value for name, value in changes.items() if value is not None})


def _prompts(run: RunFolder | None, texts: list[str] | None, file: Path | None) -> tuple[str, ...]:
    if texts and file is not None:
        raise FinetuneError("Give --prompt or --prompt-file, and not both.")
    if file is not None:
        from tia2.prompts.prompt_files import read_prompts

        return tuple(dict.fromkeys(read_prompts(file)))
    if texts:
        return tuple(dict.fromkeys(texts))
    if run is None:
        raise FinetuneError("A model needs prompts: give --prompt or --prompt-file.")
    from ..training.prompts import load_prompts

    split = load_prompts(run.settings().prompts)
    return (*split.train, *split.held_out)


def _default_folder(run: RunFolder | None, request: SampleRequest) -> Path:
    """Return a folder of its own for every origin, so that a comparison needs no --out."""
    sampler = request.sampler
    usual = request.sampler if run is None else run.settings().evaluation_sampler
    parts = [] if request.epoch is None else [f"epoch_{request.epoch:05d}"]
    if request.scale != 1:
        parts.append(f"scale_{request.scale:g}")
    if run is None or sampler != usual:
        parts.append(f"steps_{sampler.steps}_eta_{sampler.eta:g}_guidance_{sampler.guidance:g}")
    root = run.path / "samples" if run is not None else Path("runs") / "samples" / Path(request.source).name
    return root / "_".join(parts)


def _load(run: RunFolder | None, source: str, epoch: int | None, device: str) -> DiffusionModel:
    if run is not None and epoch is not None:
        from ..sampling.checkpoints import load_checkpoint

        return load_checkpoint(run, epoch, device)
    from tia2 import console

    from ..policy.model import DiffusionModel
    from ..policy.resolve import resolve
    from ..settings.model import ModelSettings

    if notice := resolve(source).notice:
        console.stderr.print(notice, markup=False)
    return DiffusionModel.load(ModelSettings(name=source), device)


@contextmanager
def _counting() -> Iterator[Callable[[int, int], None]]:
    """Show how many images are done, images per second, and the time left."""
    from tia2 import console

    with console.progress() as bars:
        task = bars.add_task("loading", total=None)
        # The first batch holds the time that loading takes: the rate counts from its end.
        first: list[tuple[float, int]] = []

        def report(done: int, total: int) -> None:
            now = time.monotonic()
            first.append((now, done))
            began, before = first[0]
            rate = f", {(done - before) / (now - began):.1f} images/s" if now > began else ""
            bars.update(task, completed=done, total=total, description=f"sampling{rate}")

        yield report
