"""Submit a reward model to a leaderboard."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import LeaderboardError, UsageError

from ._options import DEFAULT_STORE, Code, Organisation, Paper, Parameters, Weights, account_name

if TYPE_CHECKING:
    from tia2.calibration import Calibration
    from tia2.scoring import ScoreTable

    from ..data.records import ModelCard
    from ..data.store import Store
    from ..submissions.checking.report import SubmissionReport
    from ..submissions.package import Submission
    from ..submissions.run_package import RunSubmission

app = typer.Typer()

STORE = Path(DEFAULT_STORE)
EXAMPLES = """\
Examples:

  tia2 submit runs/mini/mine --contact https://example.org/me

  tia2 submit runs/mini/mine --calibration textnorm --setting cv

  tia2 submit runs/mini/a runs/mini/b --ensemble mean --name "a and b"

  tia2 submit runs/mini/mine --hub somebody/leaderboard

  tia2 submit runs/mini/mine --out mine.zip

  tia2 submit runs/mini-ddpo --contact https://example.org/me
"""


@app.command(epilog=EXAMPLES)
def submit(
    tables: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", help="Score tables; several make an ensemble. Or a fine-tuning run.", show_default=False
        ),
    ],
    name: Annotated[str | None, typer.Option(help="The model's name on the board. Default: the table's.")] = None,
    description: Annotated[str | None, typer.Option(help="Description of the model, a few sentences.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", "--license", help="Licence of the weights. Default: the table's.")
    ] = None,
    contact: Annotated[str, typer.Option(help="Address for questions about it, https.")] = "",
    training_data: Annotated[str | None, typer.Option(help="Its training data. Default: the table's.")] = None,
    paper: Paper = None,
    organisation: Organisation = None,
    parameters: Parameters = None,
    code: Code = None,
    weights: Weights = None,
    cite: Annotated[Path | None, typer.Option(metavar="FILE", help="BibTeX entry of the paper.")] = None,
    macs: Annotated[
        float | None, typer.Option(metavar="N", help="Multiply-accumulate operations per image and text.")
    ] = None,
    items_per_second: Annotated[
        float | None, typer.Option(metavar="N", help="Images and texts scored per second.")
    ] = None,
    on: Annotated[str | None, typer.Option(metavar="DEVICE", help="Device that --items-per-second is for.")] = None,
    calibration: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="raw, textnorm, or any other that `tia2 evaluate --list-calibrations` shows; can be repeated.",
        ),
    ] = None,
    setting: Annotated[list[str] | None, typer.Option(help="fixed, cv or oracle; can be repeated.")] = None,
    ensemble: Annotated[list[str] | None, typer.Option(help="mean or ur; can be repeated.")] = None,
    store: Annotated[Path, typer.Option(help="The leaderboard to check against and to submit to.")] = STORE,
    hub: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="Open a pull request there instead.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.zip", help="Only build it, to be uploaded.")] = None,
    replaces: Annotated[
        str | None, typer.Option(metavar="RECEIPT", help="Receipt of the submission that this is a new version of.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Submit a reward model, or a fine-tuning run, to a leaderboard.

    Builds a submission of its score tables and of what you declare, checks it with the code that the server runs, and
    hands it in: to a leaderboard in a folder, or as a pull request to one on the Hugging Face Hub. It is on the board
    once a maintainer has accepted it. Unless you say what to make of the tables, that is raw rewards and TextNorm of
    one, and both ensembles of several.

    A fine-tuning run is submitted without its weights: settings, journal, images and scores, from which everything is
    computed again.
    """
    from tia2 import console

    if hub is not None and out is not None:
        raise UsageError("Expected --hub or --out, got both: one opens a pull request, the other keeps a file.")
    if replaces is not None and (hub is not None or out is not None):
        raise UsageError("--replaces is for a leaderboard in a folder; elsewhere, its own page asks for the receipt.")
    if out is not None and out.suffix.lower() != ".zip":
        raise UsageError(f"Expected --out to end in .zip, got {out}.")
    if out is not None and out.exists():
        raise LeaderboardError(f"{out} is there already: choose another name.")
    about_tables = {
        "name": name, "licence": licence, "training-data": training_data, "paper": paper, "cite": cite, "macs": macs,
        "items-per-second": items_per_second, "on": on, "calibration": calibration, "setting": setting,
        "ensemble": ensemble, "replaces": replaces, "organisation": organisation, "parameters": parameters,
        "code": code, "weights": weights,
    }  # fmt: skip
    with console.warnings_as_lines(), console.stderr.status("Checking the submission …"):
        from ..submissions.run_package import only_runs

        if only_runs(tables, [f"--{option}" for option, value in about_tables.items() if value]):
            _print_done(_submit_run(tables, description or "", contact, store, hub, out), store, as_json)
            return
        from tia2.evaluation.evaluate import load_table

        loaded = [load_table(path) for path in tables]
        given: dict[str, Any] = {
            "name": name,
            "description": description,
            "licence": licence,
            "training_data": training_data,
            "paper": paper,
            "organisation": organisation,
            "parameters": parameters,
            "code": code,
            "weights": weights,
            "cost": _cost(macs, items_per_second, on),
        }
        card = _card(loaded, {**given, "contact": contact, "cite": None if cite is None else _read(cite)})
        specs = _calibrations(loaded, calibration, setting, ensemble)
        done = _hand_in(tables, loaded, card, specs, store, hub, out, replaces)
    _print_done(done, store, as_json)


def _print_done(done: dict[str, Any], store: Path, as_json: bool) -> None:
    from tia2 import console

    if as_json:
        console.print_json(done)
        return
    for line in done["report"]:
        console.stderr.print(console.plain(line), soft_wrap=True)
    console.stdout.print(console.plain(done["done"]), soft_wrap=True)
    if done.get("id"):
        where = "" if store == STORE else f" --store {shlex.quote(str(store))}"
        accept = f"{console.program()} leaderboard review --accept {done['id'][:8]}{where}"
        console.stdout.print(console.plain(accept), soft_wrap=True)
        console.stderr.print(console.plain(f"Receipt, to withdraw or replace it: {done['receipt']}"), soft_wrap=True)


def _hand_in(
    tables: list[Path],
    loaded: list[ScoreTable],
    card: ModelCard,
    calibrations: list[Calibration],
    folder: Path,
    hub: str | None,
    out: Path | None,
    replaces: str | None,
) -> dict[str, Any]:
    from ..data.store import slug
    from ..submissions.checking.checks import card_problems
    from ..submissions.checking.report import SubmissionReport
    from ..submissions.checking.validation import find_benchmark, validate
    from ..submissions.package import build

    store = _store(folder)
    record = find_benchmark(store, loaded[0])
    benchmark = loaded[0].manifest.benchmark.name if record is None else record.name
    with tempfile.TemporaryDirectory(prefix="tia2-submit-") as temporary:
        draft = Path(temporary) / "draft.zip"
        submission = build(tables, card, calibrations, draft, benchmark=benchmark)
        if hub is None and out is None:
            return _queue(store, draft, tables[0], folder, replaces)
        if record is None:
            missing = f"{folder} has no benchmark {benchmark}, so rewards were not compared with it here."
            report = SubmissionReport(warnings=[missing])
            problems = card_problems(card)
            if problems:
                raise LeaderboardError(" ".join(problems))
        else:
            # A name that is taken here may be free there.
            report = validate(draft, store, suspicion=False, except_for=slug(card.name)).report
        return _hand_over(draft, submission, report, hub, out)


def _store(folder: Path) -> Store:
    """Return the store in a folder; only the default one is made where there is none, so that no typo makes another."""
    from ..data.embedded import embedded_store
    from ..data.store import Store

    return embedded_store(folder) if folder == STORE else Store(folder)


def _queue(store: Store, draft: Path, source: Path, folder: Path, replaces: str | None) -> dict[str, Any]:
    """Put a submission into the queue of a store on this machine."""
    from ..submissions.limits import UNLIMITED
    from ..submissions.queue import Queue

    with Queue(store, UNLIMITED) as queue:
        receipt = queue.receive(
            draft, account_name() or "somebody", filename=f"{source.resolve().name}.zip", replaces=replaces
        )
    done = f"{receipt.name} waits for a review in {folder} as {receipt.id}. Accept it with:"
    public = {"receipt": f"{receipt.id}.{receipt.key}", "report": receipt.report.public_lines}
    return {"done": done, "id": receipt.id, **public}


def _hand_over(
    draft: Path, submission: Submission | RunSubmission, report: SubmissionReport, hub: str | None, out: Path | None
) -> dict[str, Any]:
    """Open a pull request, or keep the file."""
    from tia2.files import write_atomically

    from ..submissions.hub import open_pull_request

    if hub is not None:
        address = open_pull_request(hub, draft, submission, report)
        return {"done": f"Opened {address}", "address": address, "report": report.public_lines}
    if out is None:
        raise LeaderboardError("Expected --hub or --out.")
    write_atomically(out, draft.read_bytes(), LeaderboardError)
    return {"done": f"Wrote {out}", "file": str(out), "report": report.public_lines}


def _submit_run(
    runs: list[Path], description: str, contact: str, folder: Path, hub: str | None, out: Path | None
) -> dict[str, Any]:
    from ..submissions.checking.runs import validate_run
    from ..submissions.run_package import build_run

    if len(runs) > 1:
        raise UsageError(f"Expected one fine-tuning run, got {len(runs)}: each is reviewed by itself.")
    store = _store(folder)
    with tempfile.TemporaryDirectory(prefix="tia2-submit-") as temporary:
        draft = Path(temporary) / "draft.zip"
        submission = build_run(runs[0], draft, description=description, contact=contact)
        if hub is None and out is None:
            return _queue(store, draft, runs[0], folder, None)
        report = validate_run(draft, store, suspicion=False).report
        return _hand_over(draft, submission, report, hub, out)


def _cost(macs: float | None, items_per_second: float | None, device: str | None) -> dict[str, Any] | None:
    if device is not None and items_per_second is None:
        raise UsageError("--on says on which device --items-per-second was measured: give both.")
    given = {"macs": macs, "items_per_second": items_per_second, "device": device}
    return given if macs is not None or items_per_second is not None else None


def _card(tables: list[ScoreTable], given: dict[str, Any]) -> ModelCard:
    """Return what is declared; what isn't said comes from the reward model's own card, if there is one table."""
    from pydantic import ValidationError

    from ..data.records import ModelCard
    from ..submissions.adding import own_facts

    if len(tables) > 1 and given["name"] is None:
        raise UsageError(f"Expected --name for an ensemble of {len(tables)} score tables, got none.")
    fields = {**own_facts(tables), **{key: value for key, value in given.items() if value is not None}}
    try:
        return ModelCard(**{key: value for key, value in fields.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        option = {"device": "on"}.get(str(first["loc"][-1]), str(first["loc"][-1])).replace("_", "-")
        raise LeaderboardError(f"--{option} doesn't fit: {first['msg']}.") from None


def _calibrations(
    tables: list[ScoreTable], names: list[str] | None, settings: list[str] | None, ensembles: list[str] | None
) -> list[Calibration]:
    from tia2.calibration import Raw, calibration_of
    from tia2.calibration.flat_settings import FlatSettings, chosen

    from ..data.records import default_calibrations

    temperature = all(table.manifest.reward.card.default_temperature is not None for table in tables)
    if not names and not settings and not ensembles:
        contrastive = bool((tables[0].mask.sum(axis=1) > 1).any())
        return default_calibrations(len(tables), contrastive, temperature)
    scaling = "temperature" if temperature else "minmax"
    textnorm = FlatSettings(scaling).calibration()
    requested = [textnorm if name == "textnorm" else calibration_of(name) for name in names or []]
    if settings and not ensembles and not any(calibration != Raw() for calibration in requested):
        requested.append(textnorm)
    requested += [FlatSettings(scaling, ensemble).calibration() for ensemble in ensembles or []]
    calibrations: list[Calibration] = [Raw()] if Raw() in requested else []
    several = len(tables) > 1
    for setting in settings or ["fixed"]:
        # What is of a single reward model is left out where there are several tables, unless that leaves nothing.
        calibrations += [
            chosen(calibration, setting)
            for calibration in requested
            if calibration != Raw() and (calibration.combines or not several)
        ]
    if not calibrations:
        raise UsageError(f"{len(tables)} score tables make an ensemble: add --ensemble mean or --ensemble ur.")
    return calibrations


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LeaderboardError(f"--cite {path} can't be read: {error}.") from None
