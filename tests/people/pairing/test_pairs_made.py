"""Studies of pairs from folders and runs: the right images, and nothing that tells raters whose they are."""

from __future__ import annotations

import io
import json
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tia2.errors import FinetuneError, StudyError
from tia2.people.pairing.create import create_pairs
from tia2.people.pairing.sources import ImageKey, model_images
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study

ROOT = Path(__file__).resolve().parents[3]


def settings(**fields) -> StudySettings:
    return StudySettings(name="which?", question={"kind": "pair"}, **{"gold_share": 0, "repeat_share": 0, **fields})


def brightness(content: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(content))).mean())


@pytest.fixture
def made(samples, tmp_path):
    models = [model_images(str(samples[name])) for name in ("dim", "bright")]
    result = create_pairs(tmp_path / "study", settings(), models, checks=3)
    study = Study(tmp_path / "study", durable=False)
    yield result, study
    study.close()


def test_a_pair_has_the_same_prompt_and_seed_of_both_models(made, samples):
    result, study = made
    assert (result.pairs, result.prompts, result.checks, result.alike, result.left_out) == (64, 16, 3, 0, 0)
    asked = [item for item in study.items() if item.gold is None]
    assert len({(item.prompt, tuple(item.facts["seeds"])) for item in asked}) == 64
    for item in asked:
        sides = [brightness((study.folder / "images" / name).read_bytes()) for name in item.images]
        brighter = ("a", "b")[int(np.argmax(sides))]
        assert item.facts[brighter] == "bright"
    firsts = Counter(item.facts["a"] for item in asked)
    assert firsts == {"dim": 32, "bright": 32}


def test_nothing_that_raters_get_says_whose_an_image_is(made):
    _, study = made
    names = [path.name for path in (study.folder / "images").iterdir()]
    contents = b"".join((study.folder / "images" / name).read_bytes() for name in names)
    for word in (b"prompt", b"seed", b"secret", b"dim", b"bright"):
        assert word not in contents
    assert not any(model in name for name in names for model in ("dim", "bright", "prompt"))
    rater = study.add_rater("Ann")
    (given,) = study.queue(rater).assignments
    assert not {"dim", "bright", "secret"} & set(json.dumps(given.__dict__, default=str).split())
    items = {item.key for item in study.items()}
    assert given.id not in items


def test_checks_show_an_image_and_the_same_in_pieces(made):
    _, study = made
    checks = [item for item in study.items() if item.gold is not None]
    for item in checks:
        images = [np.asarray(Image.open(study.folder / "images" / name).convert("RGB")) for name in item.images]
        assert (np.sort(images[0], axis=None) == np.sort(images[1], axis=None)).all(), "the same pixels"
        rough = [np.abs(np.diff(image.astype(float), axis=0)).mean() for image in images]
        whole = "AB"[int(np.argmin(rough))]
        assert item.gold == {"alignment": whole, "fidelity": whole}
    assert {item.gold["alignment"] for item in checks} == {"A", "B"}


def test_strips_hold_several_seeds_in_the_same_order(samples, tmp_path):
    models = [model_images(str(samples[name])) for name in ("dim", "bright")]
    result = create_pairs(tmp_path / "study", settings(), models, strip=4)
    assert (result.pairs, result.prompts) == (16, 16)
    study = Study(tmp_path / "study")
    for item in study.items():
        assert item.facts["seeds"] == ["0", "1", "2", "3"]
        assert len(item.images) == 8
        sides = [
            [brightness((study.folder / "images" / n).read_bytes()) for n in item.images[k : k + 4]] for k in (0, 4)
        ]
        gaps = np.subtract(*sides)
        assert abs(np.median(gaps)) > 40
        assert np.ptp(gaps) < 25, "seeds stand in the same order on both sides"
    study.close()


def test_fewer_pairs_are_spread_over_the_prompts(samples, tmp_path):
    models = [model_images(f"{name}={samples[name]}") for name in ("dim", "middle", "bright")]
    create_pairs(tmp_path / "study", settings(), models, pairs=16)
    study = Study(tmp_path / "study")
    assert len({item.prompt for item in study.items()}) > 9
    met = Counter(frozenset((item.facts["a"], item.facts["b"])) for item in study.items())
    assert sorted(met.values()) == [5, 5, 6]
    study.close()


def test_judges_score_every_image_once(samples, tmp_path):
    calls = []

    def judge(contents, prompts):
        calls.extend(prompts)
        return [brightness(content) for content in contents]

    models = [model_images(str(path)) for path in samples.values()]
    create_pairs(tmp_path / "study", settings(), models, pairs=64 * 3, judges={"light": judge})
    assert len(calls) == 64 * 3
    study = Study(tmp_path / "study")
    item = next(item for item in study.items() if item.facts["a"] == "bright")
    assert item.facts["scores"]["light"][0] > item.facts["scores"]["light"][1]
    study.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    make_run = runpy.run_path(str(ROOT / "tests" / "finetune" / "report" / "conftest.py"))["make_run"]
    path = tmp_path_factory.mktemp("runs") / "mine"
    make_run(path, gold=[0.25, 0.75, 0.5], images=4)
    return path


def test_checkpoints_of_a_run_are_taken_as_they_are(run, tmp_path):
    base, peak, last = (model_images(f"{run}{end}") for end in ("@base", "@peak", ""))
    assert base.images.keys() == peak.images.keys() == last.images.keys()
    assert {key.seed for key in base.images} == {"1", "3"}, "the half of the images that chose no checkpoint"
    assert (base.name, peak.name, last.name) == ("mini-ddpo base", "mini-ddpo peak", "mini-ddpo last")
    image = next(iter(peak.images.values()))
    assert set(image.scores) == {"mini-countblind (proxy)", "exact judge (gold)", "mini-strong"}
    assert Image.open(io.BytesIO(image.read())).size == (64, 64)
    assert sum(i.scores["exact judge (gold)"] for i in peak.images.values()) > sum(
        i.scores["exact judge (gold)"] for i in base.images.values()
    )
    result = create_pairs(tmp_path / "study", settings(), [base, peak])
    assert result.pairs == len(base.images)
    assert result.alike > 0, "images that training left as they were"
    study = Study(tmp_path / "study")
    assert set(study.items()[0].facts["scores"]) == set(image.scores)
    study.close()
    assert model_images(f"{run}@5").images == peak.images
    assert model_images(f"tuned={run}@5").name == "tuned"
    with pytest.raises(FinetuneError, match="--epoch takes a number"):
        model_images(f"{run}@best")


def test_a_list_of_files_names_prompts(tmp_path, samples):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(next(samples["dim"].iterdir()).read_bytes())
    (tmp_path / "metadata.csv").write_text('file_name,prompt\n0.png,"a cat, big"\n1.png,a dog\n', encoding="utf-8")
    assert set(model_images(str(tmp_path)).images) == {ImageKey("a cat, big", "0"), ImageKey("a dog", "0")}
    (tmp_path / "metadata.csv").unlink()
    lines = [json.dumps({"file_name": "0.png", "prompt": "a cat", "seed": seed}) for seed in (3, 4)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert set(model_images(str(tmp_path)).images) == {ImageKey("a cat", "3"), ImageKey("a cat", "4")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file_name\n0.png\n", "row 1: expected file_name and prompt"),
        ("file_name,prompt\n../0.png,a cat\n", "lies outside its folder"),
        ("file_name,prompt\n7.png,a cat\n", "7.png is not there"),
        ("file_name,prompt\n0.png,a cat\n0.png,a cat\n", "two images of one prompt with the seed 0"),
        ("file_name,prompt\n0.png,  \n", "empty prompt"),
        ("file_name,prompt\n0.png," + "x" * 6000 + "\n", "over 5,000 letters"),
    ],
)
def test_a_damaged_list_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "inner").mkdir()
    for folder in (tmp_path, tmp_path / "inner"):
        Image.new("RGB", (4, 4)).save(folder / "0.png")
    (tmp_path / "inner" / "metadata.csv").write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=message) as error:
        model_images(str(tmp_path / "inner"))
    assert "\n" not in str(error.value)


def test_folders_that_hold_no_samples_are_refused(tmp_path, samples):
    with pytest.raises(StudyError, match="is no folder"):
        model_images(str(tmp_path / "nothing"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="holds no images"):
        model_images(str(tmp_path / "empty"))
    with pytest.raises(StudyError, match="no checkpoint 'peak'"):
        model_images(f"{samples['dim']}@peak")
    Image.new("RGB", (4, 4)).save(tmp_path / "empty" / "cat.png")
    with pytest.raises(StudyError, match=r"doesn't say its prompt and seed: expected PNG metadata"):
        model_images(str(tmp_path / "empty"))
    (tmp_path / "empty" / "cat.png").write_bytes(b"<html>")
    with pytest.raises(StudyError, match="is no image"):
        model_images(str(tmp_path / "empty"))


def test_models_that_share_nothing_are_refused(tmp_path, samples):
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (4, 4)).save(other / "0.png")
    (other / "metadata.csv").write_text("file_name,prompt\n0.png,elsewhere\n", encoding="utf-8")
    models = [model_images(str(path)) for path in (samples["dim"], other)]
    with pytest.raises(StudyError, match="share no prompt and seed: dim has 'prompt 00' with seed 0, other has"):
        create_pairs(tmp_path / "study", settings(), models)
    with pytest.raises(StudyError, match="which a strip needs"):
        create_pairs(tmp_path / "study", settings(), [models[0], models[0]], strip=5)
    with pytest.raises(StudyError, match="called 'dim'"):
        create_pairs(tmp_path / "study", settings(), [models[0], models[0]])
    with pytest.raises(StudyError, match="of the kind 'pair'"):
        create_pairs(tmp_path / "study", StudySettings(name="other"), models)
    assert not (tmp_path / "study").exists()
