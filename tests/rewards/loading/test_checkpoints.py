"""Checkpoints are read as tensors only and loaded strictly; fingerprints depend on content, not on places."""

from __future__ import annotations

import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import save_file

from tia2.errors import RewardError
from tia2.rewards.loading.checkpoints import load_strict, read_state_dict, rename
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.loading.hub import commit_of, is_hub_id


@pytest.fixture
def state():
    return {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "module"])
def test_state_dicts_are_unwrapped(tmp_path, state, wrapper):
    path = tmp_path / "a.pt"
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, path)
    found = read_state_dict(path)
    assert list(found) == list(state)
    assert torch.equal(found["weight"], state["weight"])


def test_safetensors_are_read(tmp_path, state):
    save_file(state, tmp_path / "a.safetensors")
    assert torch.equal(read_state_dict(tmp_path / "a.safetensors")["bias"], state["bias"])


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/tia2-must-not-exist",)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(RewardError, match="more than tensors, which would have to run code: expected a state dict"):
        read_state_dict(tmp_path / "evil.pt")
    (tmp_path / "evil.bin").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(RewardError, match=r"^[^\n]*evil\.bin[^\n]*$"):
        read_state_dict(tmp_path / "evil.bin")
    assert not os.path.exists("/tmp/tia2-must-not-exist")


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize("size", [0, 7, 100, 400])
def test_cut_off_files_are_one_line(tmp_path, state, name, size):
    path = tmp_path / name
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[: min(size, path.stat().st_size - 5)])
    with pytest.raises(RewardError, match=rf"^[^\n]*{name}[^\n]*$"):
        read_state_dict(path)


def test_what_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(RewardError, match=r"There is no checkpoint '.*gone\.pt'"):
        read_state_dict(tmp_path / "gone.pt")
    torch.save({"epoch": 3}, tmp_path / "a.pt")
    with pytest.raises(RewardError, match="holds dict without tensors; expected a state dict"):
        read_state_dict(tmp_path / "a.pt")
    (tmp_path / "page.pt").write_text("<html>Not found</html>")
    with pytest.raises(RewardError, match=r"^[^\n]*page\.pt[^\n]*$"):
        read_state_dict(tmp_path / "page.pt")


def test_missing_unexpected_and_misshaped_weights_are_counted_and_named(state):
    module = torch.nn.Linear(3, 2)
    before = module.weight.clone()
    wrong = {"weight": torch.ones(4, 3), **{f"extra.{number}": torch.zeros(1) for number in range(7)}}
    message = (
        r"The weights of a\.pt don't fit the model: 1 missing \(bias\); 7 unexpected "
        r"\(extra\.0, extra\.1, extra\.2, extra\.3, extra\.4, …\); 1 of another shape \(weight 4x3, expected 2x3\)\.$"
    )
    with pytest.raises(RewardError, match=message):
        load_strict(module, wrong, "a.pt")
    assert torch.equal(module.weight, before)
    load_strict(module, {**state, "embeddings.position_ids": torch.zeros(1)}, "a.pt")
    assert torch.equal(module.weight, state["weight"])


def test_keys_are_renamed_rule_after_rule():
    assert list(rename({"a.0.b": torch.zeros(1)}, [(r"^a", "c"), (r"^c\.(\d)", r"d\1")])) == ["d0.b"]


def test_fingerprints_depend_on_names_content_and_settings_alone(tmp_path):
    for folder, names in (("one", "ab"), ("two", "ba")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text(name)
    first, second = (sorted((tmp_path / folder).iterdir()) for folder in ("one", "two"))
    assert fingerprint(first, formula=1) == fingerprint(second[::-1], formula=1)
    mixed = [first[0], shutil.move(second[1], tmp_path / "b")]
    assert fingerprint(mixed, formula=1) == fingerprint(first, formula=1)
    assert fingerprint(first, formula=2) != fingerprint(first, formula=1)
    first[0].write_text("changed")
    assert fingerprint(first, formula=1) != fingerprint(mixed[1:], formula=1)


@pytest.mark.parametrize(
    ("source", "is_id"),
    [("a/b", True), ("bert-base", True), ("./a", False), ("a/b/c", False), ("/a", False), ("", False)],
)
def test_hub_ids_are_told_from_paths(source, is_id):
    assert is_hub_id(source) is is_id


def test_the_commit_of_a_cached_file(tmp_path):
    cached = tmp_path / "models--a--b" / "snapshots" / "0123" / "sub" / "file.json"
    assert commit_of(cached) == "0123"
    assert commit_of(tmp_path / "file.json") is None
