"""`tia2 prompts`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import PromptError, UsageError, unknown_name

if TYPE_CHECKING:
    from tia2.prompts.making import PromptSets
    from tia2.prompts.writer.writer import Writer

app = typer.Typer(no_args_is_help=True)

CONTRAST_EXAMPLES = """\
Examples:

  tia2 prompts contrast "two red cats"

  tia2 prompts contrast prompts.txt --out contrast.json

  tia2 prompts contrast my.csv --column caption --out contrast.json

  tia2 prompts contrast prompts.txt --out contrast.json --llm qwen3 --base-url http://localhost:8000/v1
"""

SHOWN = 5


@app.callback()
def prompts() -> None:
    """Make contrastive prompts, by rule or with a language model."""


@app.command(epilog=CONTRAST_EXAMPLES)
def contrast(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A prompt; or a file (text with one prompt per line, JSON, CSV, Parquet), a folder, or a dataset.",
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="JSON file to write. Default: the terminal.")] = None,
    column: Annotated[
        str | None, typer.Option(help="The column with the prompts. Default: prompt, or the only one.")
    ] = None,
    style: Annotated[str, typer.Option(help="default, or released: the rules behind the released sets.")] = "default",
    rules: Annotated[bool, typer.Option("--rules/--no-rules", help="Whether to use the rules.")] = True,
    llm: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A language model that adds more, or local:FOLDER.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Its OpenAI-compatible endpoint. Default: Hugging Face's providers.")
    ] = None,
    number: Annotated[int, typer.Option(min=1, max=100, help="Contrastive prompts that it writes per prompt.")] = 20,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="Its sampling temperature.")] = 0.7,
    template: Annotated[Path | None, typer.Option(help="Text file of your own with the request.")] = None,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for an answer.")] = 120.0,
    attempts: Annotated[int, typer.Option(min=1, help="Attempts per prompt.")] = 5,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Prompts that are worked on at once.")] = 4,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps the answers. Default: in HF_HOME.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that tia2 did not make.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Make contrastive prompts for a prompt, or for all prompts of a file or dataset.

    The variable TIA2_LLM_API_KEY holds the key of the endpoint. Stop it whenever you like: what a language model wrote
    is kept, and the same command resumes where it stopped.
    """
    from tia2 import console
    from tia2.prompts.making import check_target, make_prompt_sets, write_files
    from tia2.prompts.prompt_files import exists, read_prompts
    from tia2.prompts.rules.contrastive import STYLES

    if llm is None and not rules:
        raise UsageError("--no-rules leaves nothing to do without --llm.")
    if llm is None and (base_url or template):
        raise UsageError("--base-url and --template are for a language model: name one with --llm.")
    if out is not None:
        check_target(out, overwrite=overwrite)
    single = not exists(source) and len(source.split()) > 1 and Path(source).suffix.lower() not in _FILES
    prompt_list = [source.strip()] if single else read_prompts(source, column)
    writer = None
    if llm is not None:
        writer = _writer(llm, base_url, number, temperature, template, timeout, attempts, workers, cache)
    chosen = next((name for name in STYLES if name == style), None)
    if chosen is None:
        raise unknown_name("style", style, STYLES)
    if writer is None:
        prompt_sets = make_prompt_sets(prompt_list, chosen)
    else:
        with console.progress() as bar:
            task = bar.add_task("prompts", total=len(prompt_list))
            prompt_sets = make_prompt_sets(
                prompt_list,
                chosen,
                rules=rules,
                writer=writer,
                progress=lambda _, done, total: bar.update(task, completed=done, total=total),
            )
    _warn(prompt_sets, len(prompt_list))
    if out is not None:
        record = _record(source, column, prompt_list, style, rules, writer)
        beside = write_files(prompt_sets, out, record, overwrite=overwrite)
        total = sum(map(len, prompt_sets.sets.values()))
        done = (
            f"{total:,} contrastive prompts of {len(prompt_sets.sets):,} prompts: {out}. How they were made: {beside}"
        )
        console.stderr.print(done, markup=False, soft_wrap=True)
    elif single and not as_json:
        for text in prompt_sets.sets.get(prompt_list[0], []):
            console.stdout.print(text, markup=False, soft_wrap=True)
    else:
        console.print_json(prompt_sets.sets)
    if prompt_sets.failed:
        first, count = next(iter(prompt_sets.failed.values())), len(prompt_sets.failed)
        raise PromptError(
            f"{first} {count:,} of {len(prompt_list):,} prompts failed; the same command tries only these again."
        )


_FILES = {".txt", ".json", ".jsonl", ".csv", ".tsv", ".parquet"}


def _writer(
    llm: str,
    base_url: str | None,
    number: int,
    temperature: float,
    template: Path | None,
    timeout: float,
    attempts: int,
    workers: int,
    cache: Path | None,
) -> Writer:
    from tia2.prompts.writer.clients import LOCAL, Client, Endpoint, Local
    from tia2.prompts.writer.template import load_template
    from tia2.prompts.writer.writer import Writer, default_cache

    asked = load_template(template)
    client: Client
    if llm.startswith(LOCAL):
        if base_url is not None:
            raise UsageError(f"{llm} runs on this machine; it has no --base-url.")
        client = Local(llm.removeprefix(LOCAL))
    else:
        client = Endpoint(llm, base_url, temperature=temperature, timeout=timeout)
    return Writer(client, asked, number, cache or default_cache(), attempts=attempts, workers=workers)


def _record(
    source: str, column: str | None, prompt_list: list[str], style: str, rules: bool, writer: Writer | None
) -> dict[str, Any]:
    from tia2._version import __version__
    from tia2.prompts.making import RULES_VERSION, writer_record

    return {
        "tia2": __version__,
        "source": {"input": source, "column": column, "prompts": len(prompt_list)},
        "rules": {"version": RULES_VERSION, "style": style} if rules else None,
        "language_model": None if writer is None else writer_record(writer),
    }


def _warn(prompt_sets: PromptSets, total: int) -> None:
    from tia2 import console

    if prompt_sets.without:
        named = ", ".join(repr(_short(prompt)) for prompt in prompt_sets.without[:SHOWN])
        more = ", …" if len(prompt_sets.without) > SHOWN else ""
        line = f"{len(prompt_sets.without):,} of {total:,} prompts have no contrastive prompts: {named}{more}"
        console.stderr.print("warning: ", console.plain(line), sep="", soft_wrap=True)
    for reason in list(prompt_sets.failed.values())[1 : SHOWN + 1]:
        console.stderr.print("warning: ", console.plain(reason), sep="", soft_wrap=True)


def _short(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= 60 else f"{line[:60]} …"
