"""Scores of answered questions: TIFA's and DSG's rules on upstream's layouts, against literal computations."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from tia2.benchmark.questions.rules import ImageQuestion, combine, find_rule, right_answers
from tia2.benchmark.questions.sets import question_sets
from tia2.errors import BenchmarkError, UnknownNameError

TIFA = [
    ("are there cats?", ["yes", "no"], "yes", "yes"),
    ("are there dogs?", ["yes", "no"], "yes", "no"),
    ("is there grass?", ["yes", "no"], "yes", "yes"),
    ("what is the animals sitting on?", ["grass", "leaves", "twigs", "sand"], "grass", "grass"),
    ("are the animals sitting?", ["yes", "no"], "yes", "yes"),
    ("how many cats are in the picture?", ["1", "2", "3", "4"], "3", "3"),
    ("are there two dogs?", ["yes", "no"], "yes", "no"),
    ("how many dogs are in the picture?", ["1", "2", "3", "4"], "2", "1"),
]
"""Question, choices, expected answer and mPLUG's answer of drawbench_52 in Yushi-Hu/tifa, scored 0.625 there."""

DSG = (
    "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language\n"
    "a_1,A red cat on a mat,cat,1,0,entity,whole,entity - whole (cat),Is there a cat?\n"
    'a_1,A red cat on a mat,"cat, red",2,1,attribute,color,attribute - color,Is the cat red?\n'
    "a_1,A red cat on a mat,mat,3,0,entity,whole,entity - whole (mat),Is there a mat?\n"
    'a_1,A red cat on a mat,"cat, mat",4,"1,3",relation,spatial,relation - spatial,Is the cat on the mat?\n'
    "a_2,A bus,bus,1,0,entity,whole,entity - whole (bus),Is there a bus?\n"
    'a_2,A bus,bus,2,"1, outside",global,,global - (outside),Is it outside?\n'
)


def test_tifas_sample_gets_its_published_score(tmp_path):
    rows = [
        {"id": "drawbench_52", "caption": "three cats", "question": question, "choices": choices, "answer": expected}
        for question, choices, expected, _ in TIFA
    ]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    (listed,) = question_sets(tmp_path / "questions.json").values()
    answers = {entry.key: given for entry, (_, _, _, given) in zip(listed, TIFA, strict=True)}
    assert combine(listed, right_answers(listed, answers), find_rule("tifa")) == 0.625


def test_dsgs_layout_and_rule(tmp_path):
    path = tmp_path / "dsg.csv"
    path.write_text(DSG)
    with pytest.warns(UserWarning, match="Of 1 prompts the dependencies can't be read and are left out: 'A bus'"):
        sets = question_sets(path)
    cat = sets["A red cat on a mat"]
    assert [entry.parents for entry in cat] == [(), ("1",), (), ("1", "3")]
    assert [entry.parents for entry in sets["A bus"]] == [(), ()]
    values = right_answers(cat, {"1": "no", "2": "yes", "3": "yes", "4": "yes"})
    assert combine(cat, values, find_rule("dsg")) == 0.25
    assert combine(cat, values, find_rule("tifa")) == 0.75
    # A parent counts by its own answer: the grandchild of a wrong answer is not void unless its parent is wrong.
    chain = [ImageQuestion("1", "a"), ImageQuestion("2", "b", parents=("1",)), ImageQuestion("3", "c", parents=("2",))]
    assert combine(chain, {"1": 0, "2": 1, "3": 1}, find_rule("dsg")) == pytest.approx(1 / 3)


def test_soft_rules_are_means_of_probabilities():
    listed = [ImageQuestion(str(number), f"{number}?") for number in range(5)]
    chances = dict(zip("01234", np.random.default_rng(0).uniform(0.1, 1, 5), strict=True))
    values = np.array(list(chances.values()))
    assert combine(listed, chances, find_rule("soft-tifa")) == pytest.approx(values.mean())
    assert combine(listed, chances, find_rule("soft-tifa-gm")) == pytest.approx(math.prod(values) ** (1 / 5))
    assert combine(listed, {**chances, "3": 0.0}, find_rule("soft-tifa-gm")) == 0
    assert combine([], {}, find_rule("dsg")) == 0


@pytest.mark.parametrize(
    "table",
    [
        [{"prompt": "a red cat", "questions": [{"question": "Is there a cat?"}, "Is it red?"]}],
        [{"prompt": "a red cat", "questions": '["Is there a cat?", "Is it red?"]'}],
        [
            {"prompt": "a red cat", "question": "Is there a cat?", "answer": "yes"},
            {"prompt": "a red cat", "question": "Is it red?", "answer": "yes"},
        ],
        {"a red cat": ["Is there a cat?", ImageQuestion("2", "Is it red?")]},
    ],
)
def test_every_layout_says_the_same(table, tmp_path):
    expected = {"a red cat": (ImageQuestion("1", "Is there a cat?"), ImageQuestion("2", "Is it red?"))}
    assert question_sets(table) == expected
    if isinstance(table, list) and isinstance(table[0].get("questions", ""), str):
        pd.DataFrame(table).to_csv(tmp_path / "table.csv", index=False)
        assert question_sets(tmp_path / "table.csv") == expected
    frame = pd.DataFrame(
        [{"prompt": "a red cat", "questions": [{"question": "Is there a cat?"}, {"question": "Is it red?"}]}]
    )
    frame.to_parquet(tmp_path / "table.parquet")
    assert question_sets(tmp_path / "table.parquet") == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([{"prompt": "a"}], "have the columns prompt; expected prompt and questions"),
        ({"a": 3}, "The questions of 'a' are no list"),
        ({"a": [3]}, "Question 1 of 'a' is 3; expected a text"),
        ({"a": [{"id": 1, "question": "x?"}, {"id": 1, "question": "y?"}]}, "the same name twice: 1"),
        ({"a": [{"question": "x?", "depends_on": "7"}]}, "depends on 7, which isn't another of them"),
        ({"a": [{"question": "x?", "depends_on": [1]}]}, "depends on 1, which isn't another of them"),
        ({"a": [{"question": "x?", "answer": "red"}]}, "expects 'red', which is none of its choices"),
        ("nowhere.csv", "nowhere"),
    ],
)
def test_wrong_questions_are_one_line(source, message):
    with pytest.raises(BenchmarkError, match=message):
        question_sets(source)


def test_values_and_rules_are_checked():
    listed = [ImageQuestion("1", "x?"), ImageQuestion("2", "y?")]
    with pytest.raises(BenchmarkError, match="Questions without an answer: 2"):
        combine(listed, {"1": 1.0}, find_rule("tifa"))
    with pytest.raises(BenchmarkError, match=r"counts 1\.5; expected 0 to 1"):
        combine(listed, {"1": 1.5, "2": 0}, find_rule("tifa"))
    with pytest.raises(UnknownNameError, match="Did you mean 'tifa'"):
        find_rule("tiffa")
