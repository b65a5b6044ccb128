"""What the sources look like, measured: files, functions, folders, state, names and prose.

    python tests/project/code_survey.py [FOLDER ...]

prints the findings of every rule, in all folders or in those given. `test_conventions.py` turns them into tests.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tia2", "leaderboard", "finetune")

MOST_LINES = 400
MOST_FUNCTION_LINES = 80
MOST_MODULES = 14

VAGUE = ("found", "one", "place", "places", "known", "own", "made", "told", "way")
"""Local names that don't say what the thing is, as rare as 0.1 % of the functions in four projects looked at."""

FRAGMENT = re.compile(r"(Of|In|By|How|What|Which|At|With|Into|From|For|On|As|To)\b(?! (least|most)\b)")
"""How a description begins that doesn't stand alone in `help()`."""
DIALECT = re.compile(
    r"\banew\b|\bbroken[ -]off\b|\bbreaks? off\b|\bmend(s|ed|ing)?\b|\btold first\b|\btell nobody\b|\bgoes on\b",
    re.IGNORECASE,
)
"""Words that aren't plain international English."""
UNITS = (
    "batch|caption|column|entry|epoch|figure|file|image|item|layer|member|metric|model|pair|picture|prompt|row|scope|"
    "shard|step|subset|table|text|token|vote|word"
)
A_FOR_PER = re.compile(
    r"\b(?:(?:one|two|three|four|five|\d[\d,]*)(?: (?!of\b|in\b|is\b|for\b|to\b|as\b|and\b|or\b|that\b)\w+)?|"
    r"(?:bar|column|figure|image|line|number|picture|rank|row|second|value|vote)s?)"
    rf" an? (?:{UNITS})\b(?! (?:of|and|or|is|in|with|that|as)\b)"
)
"""As in "one figure a prompt"; plain English has "per"."""

MUTABLE = {"dict", "list", "set", "defaultdict", "deque", "Counter", "OrderedDict", "WeakKeyDictionary", "LRUCache"}
OBJECTS_THAT_STAY = {"Console", "Registry", "TypeVar", "Typer"}
MUTATORS = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove",
    "setdefault", "update", "move_to_end",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Finding:
    """One place where a rule doesn't hold."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Source:
    """One module."""

    path: Path
    text: str

    @cached_property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in self.nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]

    @cached_property
    def docstrings(self) -> list[tuple[int, str]]:
        """Line and text of the docstrings of the module, its classes, functions and attributes."""
        strings = []
        for node in self.nodes:
            body = getattr(node, "body", [])
            for child in body if isinstance(body, list) else []:
                value = child.value if isinstance(child, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    strings.append((child.lineno, value.value))
        return strings

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]

    @cached_property
    def strings(self) -> list[tuple[int, str]]:
        """Line and text of all string constants, docstrings too."""
        return [
            (node.lineno, node.value)
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]


def sources(folders: Sequence[str] = FOLDERS) -> list[Source]:
    """Return all modules in these folders of the checkout."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [Source(path, path.read_text(encoding="utf-8")) for path in sorted(paths)]


def long_files(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield files of more than 400 lines."""
    for module in modules:
        lines = module.text.count("\n")
        if lines > MOST_LINES:
            yield Finding(module.name, lines, f"{lines} lines, at most {MOST_LINES}")


def long_functions(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield functions of more than 80 lines; a command's declarations of options don't count."""
    for module in modules:
        for function in module.functions:
            options = "typer.Option" in ast.unparse(function.args)
            first = function.body[0].lineno if options else function.lineno
            lines = (function.end_lineno or first) - first + 1
            if lines > MOST_FUNCTION_LINES:
                yield Finding(module.name, function.lineno, f"{function.name} has {lines} lines")


def full_folders(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield folders of more than 14 modules."""
    counts = Counter(module.path.parent for module in modules if module.path.name != "__init__.py")
    for folder, count in counts.items():
        if count > MOST_MODULES:
            yield Finding(folder.relative_to(ROOT).as_posix(), 0, f"{count} modules, at most {MOST_MODULES}")


def module_state(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield containers of a module that its code changes, and `global`; a registry is allowed."""
    for module in modules:
        containers = {name for node in module.tree.body for name in _containers(node)}
        for node in module.tree.body:
            for name in _objects(node):
                yield Finding(module.name, node.lineno, f"{name} is an object of the module")
        for node in module.nodes:
            if isinstance(node, ast.Global):
                yield Finding(module.name, node.lineno, f"global {', '.join(node.names)}")
            changed = _changed(node)
            if changed in containers:
                yield Finding(module.name, node.lineno, f"{changed} is state of the module")


def _assigned(node: ast.stmt) -> tuple[list[str], ast.expr | None]:
    """Return the names and the value of an assignment."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    return [target.id for target in targets if isinstance(target, ast.Name)], value


def _containers(node: ast.stmt) -> list[str]:
    names, value = _assigned(node)
    call = isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in MUTABLE
    literal = isinstance(value, (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp))
    return names if call or literal else []


def _objects(node: ast.stmt) -> list[str]:
    """Return the names, not written as a constant's, that stand for an object of a class."""
    names, value = _assigned(node)
    made_of = ast.unparse(value.func).rpartition(".")[2] if isinstance(value, ast.Call) else ""
    is_class = made_of[:1].isupper() and made_of not in OBJECTS_THAT_STAY
    return [name for name in names if is_class and name == name.lower()]


def _changed(node: ast.AST) -> str | None:
    """Return the name of the container that a statement changes, if it changes one by name."""
    target: ast.AST | None = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        target = node.func.value
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
        target = node.value
    return target.id if isinstance(target, ast.Name) else None


def shared_class_names(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield public classes whose name another module has too."""
    homes = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append((module.name, node.lineno))
    for name, where in homes.items():
        if len(where) > 1:
            others = ", ".join(path for path, _ in where[1:])
            yield Finding(*where[0], f"class {name}, also in {others}")


def fragments(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield descriptions of arguments, attributes and options that don't stand alone."""
    for module in modules:
        for line, text in module.docstrings:
            for offset, name, description in _described(text):
                if FRAGMENT.match(description):
                    yield Finding(module.name, line + offset, f"{name}: {description}")
        for node in module.nodes:
            is_help = isinstance(node, ast.keyword) and node.arg == "help" and isinstance(node.value, ast.Constant)
            if is_help and FRAGMENT.match(str(node.value.value)):
                yield Finding(module.name, node.value.lineno, f"help: {node.value.value}")


def _described(docstring: str) -> Iterator[tuple[int, str, str]]:
    """Yield offset, name and description of what a docstring lists under Args and Attributes."""
    indent: int | None = None
    for offset, line in enumerate(docstring.split("\n")):
        stripped = line.strip()
        depth = len(line) - len(line.lstrip())
        if stripped in ("Args:", "Attributes:"):
            indent = depth
        elif stripped and indent is not None and depth <= indent:
            indent = None
        elif indent is not None and depth == indent + 4:
            match = re.match(r"\*{0,2}(\w+)(?: \([^)]*\))?: (.*)", stripped)
            if match:
                yield offset, match[1], match[2]


def vague_names(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield functions with local names that don't say what the thing is."""
    for module in modules:
        for function in module.functions:
            names = {node.id for node in _within(function) if _stored(node)}
            names |= {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
            for name in sorted(names & set(VAGUE)):
                yield Finding(module.name, function.lineno, f"{name} in {function.name}")


def _stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _within(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function, but not those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child
            yield from _within(child)


def dialect(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield words in strings, comments and pages that aren't plain international English."""
    yield from _prose(modules, DIALECT)


def a_for_per(modules: Sequence[Source]) -> Iterator[Finding]:
    """Yield "one figure a prompt" in docstrings, comments and pages."""
    yield from _prose(modules, A_FOR_PER)


def _prose(modules: Sequence[Source], pattern: re.Pattern[str]) -> Iterator[Finding]:
    for module in modules:
        for line, text in [*module.strings, *module.comments]:
            for match in pattern.finditer(text):
                yield Finding(module.name, line + text[: match.start()].count("\n"), match[0])
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for match in pattern.finditer(text):
            line = 1 + text[: match.start()].count("\n")
            yield Finding(page.relative_to(ROOT).as_posix(), line, match[0])


def pages() -> list[Path]:
    """Return the documentation: what lies in docs/, and the readmes."""
    readmes = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "leaderboard" / "README.md"]
    return [*readmes, *sorted((ROOT / "docs").rglob("*.md"))]


RULES: dict[str, Callable[[Sequence[Source]], Iterator[Finding]]] = {
    "long files": long_files,
    "long functions": long_functions,
    "full folders": full_folders,
    "state of modules": module_state,
    "shared class names": shared_class_names,
    "fragments": fragments,
    "vague names": vague_names,
    "dialect": dialect,
    "a for per": a_for_per,
}


def main(chosen: Sequence[str]) -> None:
    """Print all findings, in these folders only if some are given, then how many there are by rule and room."""
    modules = sources()
    table = defaultdict(Counter)
    for rule, find in RULES.items():
        for finding in sorted(set(find(modules))):
            if not chosen or finding.path.startswith(tuple(chosen)):
                sys.stdout.write(f"[{rule}] {finding}\n")
                table[rule]["/".join(finding.path.split("/")[:2])] += 1
    for rule, counts in table.items():
        rooms = "  ".join(f"{room} {count}" for room, count in counts.most_common())
        sys.stdout.write(f"\n{rule}: {counts.total()}   {rooms}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
