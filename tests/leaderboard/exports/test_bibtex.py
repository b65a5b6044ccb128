"""What may be cited: well-formed references only, and nothing that TeX would run."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from tia2.leaderboard.exports import to_bibtex
from tia2.leaderboard.exports.bibtex import PAPER, parse

GOOD = [
    "@misc{a, title = {T}}",
    "@article{smith2024:x/y, title={A {Nested {T}itle}}, year=2024, month = jan,}",
    '@Book{b, title = "Quoted {"}inside{"} it", author = {G{\\"o}del and {\\\'E}toile and \\c{c}a, Stra{\\ss}e}}',
    "  @misc{c,\n  url = {https://x.org/a%20b#c_d?e=f&g},\n  note = {50\\% \\& more, $n$ of them}\n}\n",
    "@misc{d, author = {李 and “Müller”}}",
]
BAD = [
    "",
    "no entry",
    "@misc{a, title = {\\input{/etc/passwd}}}",
    "@misc{a, title = {\\write18{rm -rf /}}}",
    "@misc{a, title = {\\csname input\\endcsname{x}}}",
    "@misc{a, title = {^^5cinput{x}}}",
    "@misc{a, title = {\\immediate\\openin}}",
    "@misc{a, title = {\\cc}}",
    "@misc{a, title = {\\c@page}}",
    "@misc{a, title = {T}",
    "@misc{a, title = {T}}}",
    "@misc{a, title = {T}} trailing",
    "leading @misc{a, title = {T}}",
    "@misc{a, title = {T}} @misc{b, title = {U}}",
    "@misc{a, title = {open{}}",
    "@misc{a, title = {\\}}}",
    '@misc{a, title = "a}b{"}',
    "@misc{a, title = {100% of it}}",
    "@misc{a, title = {odd $}}",
    "@misc{a, title = {T} # {U}}",
    "@misc{a, title = name}",
    "@misc{a, title = {T}, title = {U}}",
    "@misc{a b, title = {T}}",
    "@misc{, title = {T}}",
    "@misc{a}",
    "@misc{a,}",
    "@string{a = {T}}",
    "@preamble{ {\\input x} }",
    "@comment{a, title = {T}}",
    "@misc(a, title = {T})",
    "@misc{a, title = {T\x00}}",
    "@misc{a, title = {" + "x" * 4000 + "}}",
]


@pytest.mark.parametrize("text", GOOD)
def test_harmless_references_are_taken_and_read_back_the_same(text):
    found = parse(text)
    assert found is not None
    assert parse(str(found)) == found


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_left_out(text):
    assert parse(text) is None


def test_fields_are_read():
    found = parse('@Article{k, Title = "On {X}", year = 2024, month = feb}')
    assert (found.kind, found.key) == ("article", "k")
    assert found.fields == {"title": "On {X}", "year": "2024", "month": "feb"}


def test_the_paper_comes_first_and_keys_are_not_taken_over(mini_board):
    assert to_bibtex(mini_board) == PAPER
    assert parse(PAPER) is not None
    cites = [
        "@misc{mine, title = {Mine}}",
        "@misc{Kim2024Confidence, title = {Fake}}",
        "@misc{x, title = {\\input{y}}}",
    ]
    board = copy.copy(mini_board)
    board.entries = tuple(
        replace(
            entry,
            listing=entry.listing.model_copy(
                update={"card": entry.listing.card.model_copy(update={"cite": cites[number % len(cites)]})}
            ),
        )
        for number, entry in enumerate(mini_board.entries)
    )
    made = to_bibtex(board)
    assert made.startswith(PAPER)
    assert made.count("@") == 2
    assert "@misc{mine,\n  title = {Mine},\n}" in made


def test_hostile_cites(hostile_board):
    made = to_bibtex(hostile_board)
    assert "\\input" not in made
    assert made.count("{") == made.count("}")
