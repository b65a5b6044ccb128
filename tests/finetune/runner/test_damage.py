"""A full disk and damaged files: a run says in one sentence what happened, and every other file stays whole."""

import resource
import shutil
import zipfile

import pytest
import torch

from tia2.errors import FinetuneError
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.policy.weights import save_weights
from tia2.finetune.runner.run import Run
from tia2.finetune.runner.state import RunFolder


@pytest.fixture
def full_disk():
    """Let no file grow beyond a number of bytes: writers see what they see on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def loaded_tiny(tiny):
    """A model with an adapter, to be written."""
    return DiffusionModel.load(tiny().model)


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_every_earlier_file_whole(tmp_path, finished_tiny, full_disk, loaded_tiny):
    folder = RunFolder(shutil.copytree(finished_tiny.path, tmp_path / "run"))
    state, frame = folder.load_checkpoint(), folder.evaluation(2)
    before = files(folder.path)
    journal = folder.path / "journal.jsonl"
    for most, write in (
        (1_000, lambda: folder.save_checkpoint(state)),
        (1_000, lambda: folder.save_evaluation(2, frame)),
        (1_000, lambda: save_weights(loaded_tiny, folder.weights_path(6))),
        (100, lambda: folder.forget_after(1)),
        (len(before[journal]), lambda: folder.log({"kind": "epoch", "epoch": 5})),
    ):
        full_disk(most)
        with pytest.raises(FinetuneError, match=r"can't be written: [^\n]+$"):
            write()
        full_disk(resource.RLIM_INFINITY)
        assert files(folder.path) == before


@pytest.mark.slow
def test_a_run_resumes_from_a_disk_that_was_full(tmp_path, assert_equal_runs, finished_tiny, tiny, full_disk):
    biggest = finished_tiny.checkpoint.stat().st_size
    run = Run(tmp_path / "run", tiny())
    full_disk(biggest * 3 // 4)  # the first checkpoint is half as large: the optimiser has no moments yet
    with pytest.raises(FinetuneError, match=r"checkpoint\.pt can't be written.*The checkpoint before it is kept"):
        run.go()
    full_disk(resource.RLIM_INFINITY)
    assert run.folder.load_checkpoint()["epoch"] == 0
    assert_equal_runs(finished_tiny, Run(tmp_path / "run", tiny()).go())


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """Change one bit in the middle of the largest member of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        member = max(archive.infolist(), key=lambda info: info.file_size)
    content = bytearray(path.read_bytes())
    content[member.header_offset + 200 + member.file_size // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.write_bytes(b"")], ids=["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_named(tmp_path, finished_tiny, damage):
    folder = RunFolder(shutil.copytree(finished_tiny.path, tmp_path / "run"))
    damage(folder.checkpoint)
    with pytest.raises(FinetuneError, match=r"checkpoint\.pt is damaged \(.+\)\. Restore it from a copy, or delete"):
        folder.load_checkpoint()


def test_a_checkpoint_of_something_else_is_named(tmp_path, finished_tiny, tiny):
    path = shutil.copytree(finished_tiny.path, tmp_path / "run")
    before = files(path)
    for content in ({"epoch": 1}, {"epoch": 1, "optimiser": {"weights": 3}, "trainer": {}}):
        torch.save(content, path / "checkpoint.pt")
        with pytest.raises(FinetuneError, match=r"checkpoint\.pt is no checkpoint of this run"):
            Run(path, tiny()).go()
    del before[path / "checkpoint.pt"]
    assert {name: content for name, content in files(path).items() if name in before} == before


@pytest.mark.parametrize(
    "line", [b"{torn", b"\xff\xfe", b"[]", b'{"kind": "epoch"}', b'{"kind": "evaluation", "epoch": 1}', b""]
)
def test_a_damaged_journal_is_named_by_its_line(tmp_path, finished_tiny, line):
    folder = RunFolder(shutil.copytree(finished_tiny.path, tmp_path / "run"))
    journal = folder.path / "journal.jsonl"
    lines = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]) + b"\n")
    with pytest.raises(FinetuneError, match=r"journal\.jsonl is damaged in line 3\. Restore it"):
        folder.records()


def test_an_unfinished_end_of_the_journal_is_no_damage(tmp_path, finished_tiny):
    folder = RunFolder(shutil.copytree(finished_tiny.path, tmp_path / "run"))
    records = folder.records()
    with (folder.path / "journal.jsonl").open("ab") as file:
        file.write(b'{"kind": "epo\xc3')
    assert folder.records() == records


def test_a_damaged_evaluation_is_named(tmp_path, finished_tiny):
    folder = RunFolder(shutil.copytree(finished_tiny.path, tmp_path / "run"))
    cut(folder.evaluation_path(0))
    with pytest.raises(FinetuneError, match=r"epoch_00000\.parquet can't be read: [^\n]+ reports then leave its epoch"):
        folder.evaluation(0)
    folder.evaluation(2, images=False)[["prompt", "number"]].to_parquet(folder.evaluation_path(2))
    with pytest.raises(FinetuneError, match=r"epoch_00002\.parquet is no evaluation: it lacks the column split"):
        folder.evaluation(2)
