"""`tia2 rewards check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tia2.commands.options import reward_options

if TYPE_CHECKING:
    from tia2.rewards.conformance import CheckResult, ConformanceReport

CHECK_EXAMPLES = """\
Examples:

  tia2 rewards check my_reward.py:MyReward

  tia2 rewards check mini-strong --json

  tia2 rewards check my_reward.py:MyReward --only order --only threads
"""


def check(
    spec: Annotated[str, typer.Argument(metavar="NAME", help="A name from `tia2 rewards list`, or a full spec.")],
    only: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="Run only this check; can be repeated.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Largest difference between equal rewards, as a share of their spread. "
            "Default: 0.001; for float16 0.05, for bfloat16 0.1."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps. Default: auto.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16. Default: float32.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a model from the hub.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="KEY=VALUE",
            help="A further option of the reward, e.g. tokenizer=FOLDER; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Test whether a reward model keeps to the interface, and say what to fix.

    Scores generated images and ordinary prompts in many ways: shapes, repeats, batches, order, threads, image modes,
    odd texts, speed, memory. Needs no benchmark.

    Exit code 0: all checks passed; skipped ones and warnings don't count.

    Exit code 1: a check failed, or an error.
    """
    from rich.markup import escape

    from tia2 import console

    options = {"device": device, "dtype": dtype, "revision": revision, **reward_options(option)}
    with console.stderr.status(f"Checking {escape(spec)} …") as status, console.foreign_output_to_stderr():
        from tia2.rewards.conformance import check as run

        report = run(
            spec,
            only=only or None,
            tolerance=tolerance,
            progress=lambda name: status.update(f"Checking {escape(spec)}: {name} …"),
            **options,
        )
    if as_json:
        console.print_json(report.model_dump(mode="json"))
    else:
        _show(report)
    if not report.passed:
        raise typer.Exit(1)


def _show(report: ConformanceReport) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from tia2 import console

    shown = console.table("check", "", "found")
    seen: set[str] = set()
    for result in report.results:
        shown.add_row(result.name, _mark(result), console.plain(result.found))
    console.stdout.print(shown)
    for result in report.failures:
        text = "the same error as above" if result.found in seen else result.found
        console.stdout.print(f"\n{result.name}: {text}", markup=False)
        if result.found not in seen:
            console.stdout.print(Padding(Text(f"Fix: {result.fix}"), (0, 0, 0, 2)))
        seen.add(result.found)
    for result in report.results:
        for warning in result.warnings:
            console.stdout.print(f"\n{result.name}, warning: {warning}", markup=False)
    console.stdout.print(f"\n{summary(report)}", markup=False)


def _mark(result: CheckResult) -> str:
    if result.status == "passed":
        return "warning" if result.warnings else "ok"
    return {"failed": "FAILED", "skipped": "skipped"}[result.status]


def summary(report: ConformanceReport) -> str:
    """Return the last lines of the report: how many passed, and what counted as equal."""
    count = {
        status: sum(result.status == status for result in report.results) for status in ("passed", "failed", "skipped")
    }
    counts = ", ".join(f"{number} {status}" for status, number in count.items() if number)
    if len(report.failures) > 1:
        counts += "; begin with the first, others often follow from it"
    lines = [f"{report.reward}: {counts}."]
    if report.allowed is not None and report.spread is not None:
        lines.append(
            f"Equal means within {report.allowed:.2g}: {report.tolerance:g} of the spread ({report.spread:.3g}, the "
            f"standard deviation of {report.n_images * report.n_texts} rewards), or float32 rounding."
        )
    return "\n".join(lines)
