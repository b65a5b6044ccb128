"""Whether Parquet files hold what a score table's files do. Made to be run on anybody's bytes in a process of its own.

The footer is judged before any data is read. Then everything is decoded once under limits on memory and time, because
page headers can claim other sizes than the footer: what passes can be read again without harm.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tia2.files import without_folders

from .texts import shown

MOST_ROW_GROUPS = 64
MOST_METADATA = 64 * 1024
SPARE = 256 << 20
"""Address space beyond three times the decoded size: libraries, buffers, threads."""
SECONDS = 60
TEXT, TEXTS = "string", "list<element: string>"
COLUMNS = {
    "items": {
        "item_id": TEXT,
        "subset": TEXT,
        "prompt_id": TEXT,
        "prompt": TEXT,
        "votes": "list<element: int8>",
        "ratings": "list<element: double>",
        "compared_with": TEXTS,
        "preferences": "list<element: double>",
        "human_score": "double",
        "label": "bool",
        "contrastive_prompts": TEXTS,
        "texts": TEXTS,
    },
    "shard": {"item_id": TEXT, "image_sha256": TEXT, "rewards": "list<element: float>"},
    "evaluation": {"prompt": TEXT, "split": TEXT, "part": TEXT, "number": "int64", "image": "binary"},
}
"""Columns and types of each kind of file, in order; an evaluation's scores stand before its images."""
OPTIONAL = frozenset({"votes", "ratings", "compared_with", "preferences"})
PHYSICAL = {
    "string": "BYTE_ARRAY", "int8": "INT32", "int64": "INT64", "double": "DOUBLE", "bool": "BOOLEAN", "float": "FLOAT",
    "binary": "BYTE_ARRAY",
}  # fmt: skip
ANY_ROWS = -1
MOST_ROWS = 100_000
"""Images of an evaluation, whose number its settings decide."""
BROKEN = (OSError, ValueError, OverflowError, MemoryError, TypeError, NotImplementedError, KeyError, pa.ArrowException)
"""What pyarrow raises on bytes that aren't what they say."""


@dataclass(frozen=True)
class Wanted:
    """What a file must be.

    Attributes:
        path: Where it is.
        name: Name in messages.
        kind: "items", "shard" or "evaluation".
        rows: Number of items that it must have; `ANY_ROWS` for up to `MOST_ROWS`.
        decoded: The most bytes that its columns may take in memory.
        texts: The most texts that an item may have.
        numbers: Columns of numbers that an evaluation must have, in order.
    """

    path: str
    name: str
    kind: str
    rows: int
    decoded: int
    texts: int
    numbers: tuple[str, ...] = ()


def problem(wanted: Wanted) -> str | None:
    """Say in one sentence what is wrong with a file, or return None.

    Example:
        >>> problem(Wanted("nothing.parquet", "items.parquet", "items", 1, 1000, 1))
        "items.parquet is damaged or no Parquet file ([Errno 2] ... 'nothing.parquet'...)."
    """
    try:
        # A thrift structure can claim to be of any length: bound what is believed.
        with pq.ParquetFile(
            wanted.path, thrift_string_size_limit=MOST_METADATA * 16, thrift_container_size_limit=MOST_METADATA
        ) as file:
            sentence = _footer_problem(file, wanted)
        if sentence is not None:
            return sentence
        table = pq.read_table(wanted.path, partitioning=None, use_threads=False)
        return _content_problem(table, wanted)
    except MemoryError:
        return f"{wanted.name} takes more memory to read than a score table of this benchmark does."
    except BROKEN as error:
        return f"{wanted.name} is damaged or no Parquet file ({reason(error)})."


def reason(error: BaseException) -> str:
    """Return an error's text on one line, and not too long."""
    return shown(without_folders(" ".join(str(error).split())), 120).rstrip(".") or type(error).__name__


def _footer_problem(file: Any, wanted: Wanted) -> str | None:
    meta, schema = file.metadata, file.schema_arrow
    if wanted.rows == ANY_ROWS and not 1 <= meta.num_rows <= MOST_ROWS:
        return f"{wanted.name} says it has {meta.num_rows:,} images; 1 to {MOST_ROWS:,} are read."
    if wanted.rows not in (ANY_ROWS, meta.num_rows):
        return f"{wanted.name} says it has {meta.num_rows:,} items; {wanted.rows:,} were expected."
    if meta.num_row_groups > MOST_ROW_GROUPS:
        return f"{wanted.name} has {meta.num_row_groups:,} row groups; at most {MOST_ROW_GROUPS} are read."
    expected = dict(COLUMNS[wanted.kind])
    if wanted.numbers:
        image = expected.pop("image")
        expected |= {**dict.fromkeys(wanted.numbers, "double"), "image": image}
    names = [name for name in expected if name not in OPTIONAL or name in schema.names]
    if schema.names != names:
        return f"{wanted.name} must have the columns {', '.join(names)}, got {_listed(schema.names)}."
    for number, name in enumerate(names):
        # Older writers call a list's elements item.
        kind = str(schema.types[number]).replace("item:", "element:").replace("large_", "")
        leaf = file.schema.column(number)
        physical = PHYSICAL[expected[name].removeprefix("list<element: ").removesuffix(">")]
        if kind != expected[name] or leaf.physical_type != physical or leaf.path.split(".")[0] != name:
            return f"{wanted.name}: column {name} must be {expected[name]}, got {shown(kind)}."
    groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
    if sum(group.num_rows for group in groups) != meta.num_rows or any(group.num_rows < 0 for group in groups):
        return f"{wanted.name} contradicts itself: its row groups don't add up to its {meta.num_rows:,} items."
    if sum(group.total_byte_size for group in groups) > wanted.decoded:
        return f"{wanted.name} takes more memory to read than a score table of this benchmark does."
    metadata: Mapping[bytes, bytes] = schema.metadata or {}
    if sum(len(key) + len(value) for key, value in metadata.items()) > MOST_METADATA:
        return f"{wanted.name} holds more than {MOST_METADATA // 1024} KiB of metadata."
    return None


def _content_problem(table: Any, wanted: Wanted) -> str | None:
    if wanted.rows not in (ANY_ROWS, table.num_rows):
        return f"{wanted.name} has {table.num_rows:,} items; {wanted.rows:,} were expected."
    if table.nbytes > wanted.decoded:
        return f"{wanted.name} takes more memory to read than a score table of this benchmark does."
    table.validate(full=True)
    for name in table.column_names:
        if name in OPTIONAL:
            continue
        column = table.column(name)
        if column.null_count:
            return f"{wanted.name}: column {name} has no value in {column.null_count:,} rows."
        if not pa.types.is_list(column.type):
            continue
        chunks = column.chunks
        if any(chunk.flatten().null_count for chunk in chunks):
            return f"{wanted.name}: column {name} has lists with an empty place."
        longest = max((length.as_py() or 0 for length in _longest(chunks)), default=0)
        if longest > wanted.texts:
            most = f"the benchmark has at most {wanted.texts} texts"
            return f"{wanted.name}: column {name} has {longest:,} values in a row; {most}."
    return None


def _longest(chunks: Sequence[Any]) -> list[Any]:
    import pyarrow.compute as pc

    return [pc.max(chunk.value_lengths()) for chunk in chunks]


def _listed(names: Sequence[str]) -> str:
    listed = shown(", ".join(names[:12]), 200)
    return f"{listed} and {len(names) - 12} more" if len(names) > 12 else listed or "none"


def main() -> None:
    """Check the files that stdin lists, and write the first problem, or null, to stdout as JSON."""
    listed = json.load(sys.stdin)
    wanted = [Wanted(**{**fields, "numbers": tuple(fields["numbers"])}) for fields in listed]
    pa.set_cpu_count(1)
    _limit(max((file.decoded for file in wanted), default=0))
    first = next((text for text in map(problem, wanted) if text is not None), None)
    sys.stdout.write(json.dumps(first))


def as_json(wanted: Sequence[Wanted]) -> str:
    """Return what `main` reads."""
    return json.dumps([asdict(file) for file in wanted])


def _limit(decoded: int) -> None:
    """Give the process no more memory and time than an honest file needs, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # no Linux
        now = 4 << 30
    most = now + SPARE + 3 * decoded
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
