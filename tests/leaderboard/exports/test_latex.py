"""The LaTeX table: its structure, its numbers, and that submitted text can't become a command."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tia2.calibration import TextNorm, UncertaintyRegularised
from tia2.errors import UnknownNameError
from tia2.leaderboard.exports import to_latex
from tia2.leaderboard.exports.latex import escaped

# fmt: off
COMMANDS = {
    "begin", "end", "centering", "caption", "label", "footnotesize", "setlength", "tabcolsep", "raggedright",
    "arraybackslash", "textwidth", "toprule", "midrule", "bottomrule", "textsuperscript", "dag", "rho", "tau",
    "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textasciigrave",
    "textquotedbl", "ldots", ",", "%", "{", "}", "$", "#", "&", "_", "\\",
}
# fmt: on
TOKEN = re.compile(r"\\([A-Za-z]+|.)|([{}$&%#~^_])|[^\\{}$&%#~^_]+", re.DOTALL)


def check(source):
    """Read the table as TeX would: known commands only, balanced, four cells a row. Returns the rows."""
    body = "".join(line for line in source.splitlines(keepends=True) if not line.startswith("%"))
    stack, cells, rows, tabular = [], 0, [], False
    math = False
    for token in TOKEN.finditer(body):
        command, special = token.groups()
        if command is not None:
            assert command in COMMANDS, command
            if command == "\\":
                assert tabular
                rows.append(cells + 1)
                cells = 0
            if command in ("begin", "end"):
                name = re.match(r"\{(\w+)\}", body[token.end() :]).group(1)
                tabular = command == "begin" if name == "tabular" else tabular
                stack.append(name) if command == "begin" else stack.remove(name)
        elif special == "{":
            stack.append("{")
        elif special == "}":
            assert stack, "a brace too many"
            assert stack.pop() == "{", "a brace too many"
        elif special == "$":
            math = not math
        elif special == "&":
            assert tabular
            cells += 1
        else:
            assert special is None, f"{special!r} is not escaped"
    assert not stack
    assert not math
    assert set(rows) == {4}
    return len(rows)


@pytest.mark.parametrize("metric", ["auroc", "ap5", "spearman", "kendall"])
def test_table_is_well_formed(mini_board, metric):
    source = to_latex(mini_board, "overall", metric)
    assert check(source) == 1 + len(mini_board) + 2
    people = source.index("People: noise ceiling")
    assert source.rindex(r"\midrule", 0, people) > source.rindex(r"\textsuperscript{\dag} &", 0, people)
    assert source.count("(oracle, upper bound)\\textsuperscript{\\dag}") == 4


def test_numbers_and_letters_are_the_boards(mini_board):
    source = to_latex(mini_board, "counting", "auroc")
    standing = mini_board.standing("counting", "auroc")
    mean, low, high = (mini_board.estimate("counting", "auroc", what) for what in ("mean", "low", "high"))
    for place in mini_board.ranked:
        mark = r"\textsuperscript{*}" if standing.like_best(place) else ""
        figure = f"{mean[place]:.3f}{mark} [{low[place]:.3f}, {high[place]:.3f}]"
        assert f"{standing.rank[place]} & {mini_board.entries[place].name} & {figure}" in source


def test_top_cuts_entries_and_bounds(mini_board):
    assert check(to_latex(mini_board, "overall", "auroc", top=2)) == 1 + 2 + 2 + 2


def test_negative_figures_have_a_minus(mini_board):
    import copy

    board = copy.copy(mini_board)
    board.estimates = -mini_board.estimates
    assert "$-$0." in to_latex(board, "overall", "spearman")


def test_hostile_text_is_literal(hostile_board):
    source = to_latex(hostile_board, "overall", "auroc")
    check(source)
    assert "\\input" not in source
    assert r"\textbackslash{}input\{/etc/passwd\}" in source
    assert "模型 “größe”" in source
    assert "^^" not in source
    assert source.count("\n%") == 1


@pytest.mark.parametrize("char", ["\\", "{", "}", "~", "^", "#", "$", "%", "&", "_"])
def test_every_special_character_is_escaped(char):
    check(
        "\\begin{table}\\begin{tabular}{rlll}\n"
        f"1 & {escaped(f'a{char}{char}b')} & 2 & 3 \\\\\n"
        "\\end{tabular}\\end{table}"
    )


def test_settings_in_names_need_no_greek_font():
    name = UncertaintyRegularised(of=TextNorm(temperature=1.0), penalty=0.25).name_of(["a", "b"])
    assert escaped(name) == r"UR of a \& b + TextNorm ($\tau$ = 1, $\lambda$ = 0.25)"
    assert escaped(name).isascii()


def test_lines_and_directions_are_flattened():
    assert escaped("a\n%b\r\u202ec\x07 --- “d”") == "a \\%b c -{}-{}- “d”"


def test_unknown_names_are_refused(mini_board):
    with pytest.raises(UnknownNameError, match="Unknown subset"):
        to_latex(mini_board, "x", "auroc")
    with pytest.raises(UnknownNameError, match="Unknown metric"):
        to_latex(mini_board, "overall", "x")


COMPILER = next(filter(shutil.which, ("pdflatex", "tectonic")), None)
OPTIONS = {"pdflatex": ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"], "tectonic": ["--untrusted"]}


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="needs pdflatex or tectonic; the structure is tested without them")
def test_it_compiles(mini_board, tmp_path):
    body = to_latex(mini_board, "overall", "spearman")
    head = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{array,booktabs}\\begin{document}\n"
    (tmp_path / "table.tex").write_text(head + body + "\\end{document}\n", encoding="utf-8")
    command = [COMPILER, *OPTIONS[COMPILER], "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    assert "Overfull" not in done.stdout + done.stderr, "it fits the width of an article"
