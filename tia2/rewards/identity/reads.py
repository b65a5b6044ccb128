"""What a reward's own code says that it reads while it scores: environment variables and files that it names."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable
from pathlib import Path

_OF_THE_MACHINE = re.compile(
    r"(CUDA|NVIDIA|NCCL|HF|TRANSFORMERS|TOKENIZERS|TORCH\w*|PYTORCH|OMP|MKL|OPENBLAS|SLURM|RAY|KUBERNETES|XDG|LC|PYTHON\w*"
    r"|PYTEST|WANDB|TF)_\w+|(LOCAL_)?RANK|WORLD_SIZE|HOME|USER|LOGNAME|PATH|PWD|TMPDIR|TEMP|TMP|HOSTNAME|LANG|TERM|COLUMNS"
    r"|(https?|no|all)_proxy|\w*(TOKEN|KEY|SECRET|PASSWORD)\w*",
    re.I,
)
"""Variables that say where and how code runs, and secrets, which no digest should be made of."""
_READS = re.compile(r"open|load|loads?_\w+|read|read_\w+|from_pretrained|imread|fromfile|genfromtxt|loadtxt")
_WRITES = re.compile(r"[wax+]")


def environment_reads(paths: Iterable[Path]) -> set[str]:
    """Return the names of environment variables that Python files read, but for those of the machine and secrets.

    A name that is computed can't be seen.

    Args:
        paths: Python files.
    """
    names = {name for path in paths for name in _named(path)[0]}
    return {name for name in names if not _OF_THE_MACHINE.fullmatch(name)}


def file_reads(paths: Iterable[Path]) -> set[Path]:
    """Return the files that Python files name where they open, load or read one.

    They are looked for from the current folder and from that of the Python file. A name that is computed can't be seen.

    Args:
        paths: Python files.
    """
    files: set[Path] = set()
    for path in paths:
        for name in _named(path)[1]:
            files.update(file.resolve() for file in (Path(name), path.parent / name) if _is_file(file))
    return files


def _named(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the variables and the files that a Python file names where it reads them; none for another file."""
    if path.suffix != ".py":
        return frozenset(), frozenset()
    try:
        return _named_in(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset(), frozenset()


@functools.lru_cache(maxsize=256)
def _named_in(source: bytes) -> tuple[frozenset[str], frozenset[str]]:
    # Every reward of a file asks again, and parsing takes far longer than reading.
    nodes = list(ast.walk(ast.parse(source)))
    variables = frozenset(name for node in nodes if (name := _variable(node)) is not None)
    return variables, frozenset(name for node in nodes for name in _read_names(node))


def _variable(node: ast.AST) -> str | None:
    """Return the variable of os.environ["X"], os.environ.get("X") or os.getenv("X"), whatever os is called."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _last(node.value) == "environ":
        return _text(node.slice)
    if isinstance(node, ast.Call) and node.args:
        is_get = (
            isinstance(node.func, ast.Attribute) and node.func.attr == "get" and _last(node.func.value) == "environ"
        )
        if is_get or _last(node.func) == "getenv":
            return _text(node.args[0])
    return None


def _read_names(node: ast.AST) -> list[str]:
    """Return the texts in open("x"), Path("x").read_text(), torch.load(FOLDER / "x") and the like."""
    if not isinstance(node, ast.Call) or not _READS.fullmatch(_last(node.func) or ""):
        return []
    modes = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    if _last(node.func) == "open" and any(_WRITES.search(_text(mode) or "") for mode in modes):
        return []
    inside = [node.func, *node.args[:1]]
    return [text for part in inside for inner in ast.walk(part) if (text := _text(inner)) is not None]


def _last(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False
