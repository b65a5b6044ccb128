"""Figures in tables, TensorBoard and Weights & Biases: all of them, each once, however often the run was resumed."""

import importlib.util
import json
import math
import struct
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tia2.errors import MissingDependencyError
from tia2.finetune.runner.run import Run
from tia2.finetune.runner.state import RunFolder
from tia2.finetune.runner.trackers import figures, open_trackers


def expected(folder):
    """Every figure of the journal: {name: {epoch: value}}."""
    values = {}
    for record in folder.records():
        for name, value in figures(record).items():
            values.setdefault(name, {})[record["epoch"]] = value
    return values


def test_curves_hold_every_figure_of_the_journal(finished_tiny):
    frame = pd.read_parquet(finished_tiny.curves_path)
    records = finished_tiny.records()
    assert frame["kind"].tolist() == [record["kind"] for record in records]
    assert set(frame.columns) == {name for record in records for name in record}
    for record, (_, row) in zip(records, frame.iterrows(), strict=True):
        for name in frame.columns:
            if name == "step_kl":
                np.testing.assert_array_equal(record.get(name, []), [] if row[name] is None else row[name])
            elif isinstance(record.get(name), (int, float)):
                assert row[name] == record[name] or math.isnan(record[name])
    assert pd.api.types.is_numeric_dtype(frame["validation_gold"])
    assert frame["epoch"].dtype == np.int64


def events(folder):
    """What TensorBoard's own reader finds: {name: [(step, value), …]}, duplicates included."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder.path / "tensorboard"), {"scalars": 0}, purge_orphaned_data=False)
    reader.Reload()
    return {name: [(event.step, event.value) for event in reader.Scalars(name)] for name in reader.Tags()["scalars"]}


@pytest.mark.slow
def test_tensorboard_shows_each_figure_once_after_a_resumed_run(tmp_path, tiny, run_until):
    pytest.importorskip("tensorboard", reason="the tracker needs tensorboard: pip install 'tia2[tensorboard]'")
    settings = tiny(trackers=["tensorboard"])
    run_until(tmp_path / "run", settings, calls=12)
    folder = Run(tmp_path / "run", settings).go()
    read, wanted = events(folder), expected(folder)
    assert read.keys() == wanted.keys()
    assert {"epoch/loss", "evaluation/proxy", "evaluation/gold", "evaluation/kl"} <= set(read)
    for name, values in wanted.items():
        assert [step for step, _ in read[name]] == list(values), name
        np.testing.assert_allclose([value for _, value in read[name]], list(values.values()), rtol=1e-6)
    files = list((folder.path / "tensorboard").iterdir())
    assert len(files) == 1


def test_weights_and_biases_keeps_each_figure_once_offline(tmp_path, finished_tiny, monkeypatch):
    pytest.importorskip("wandb", reason="the tracker needs wandb: pip install 'tia2[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    folder = copied(finished_tiny, tmp_path / "run")
    for _ in range(2):  # as if it had been resumed
        for tracker in open_trackers(folder, ["wandb"]):
            tracker.close()
    files = list((folder.path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 1
    # A process of W&B's own writes the file, on a busy machine after the run is closed.
    until = time.monotonic() + 60
    while (read := offline_history(files[0])) != expected(folder) and time.monotonic() < until:
        time.sleep(0.5)
    assert read == expected(folder)


def offline_history(path):
    """Every figure of an offline run's file: {name: {step: value}}."""
    from wandb.proto import wandb_internal_pb2

    read = {}
    for data in log_entries(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for name, value in items.items():
            if not name.startswith("_"):
                assert items["_step"] not in read.setdefault(name, {})
                read[name][items["_step"]] = value
    return read


def log_entries(content, block=32_768):
    """The entries of a log in LevelDB's format, behind the seven bytes that say whose it is."""
    position, entry = 7, b""
    while position + 7 <= len(content):
        if block - position % block < 7:  # no header fits there
            position += block - position % block
            continue
        length, kind = struct.unpack_from("<HB", content, position + 4)
        entry += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield entry
            entry = b""


class FakeRun:
    """A run that a server already has two steps of."""

    offline, starting_step = False, 2

    def __init__(self):
        self.logged = []

    def log(self, values, step):
        self.logged.append((step, values))

    def finish(self):
        self.logged.append("finished")


def test_weights_and_biases_online_gets_what_it_does_not_have_yet(finished_tiny, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="the tracker needs wandb: pip install 'tia2[wandb]'")
    fake, options = FakeRun(), {}
    monkeypatch.setattr(wandb, "init", lambda **given: options.update(given) or fake)
    (tracker,) = open_trackers(finished_tiny, ["wandb"])
    tracker.close()
    assert fake.logged == [
        *((record["epoch"], figures(record)) for record in finished_tiny.records() if record["epoch"] >= 2),
        "finished",
    ]
    assert options["resume"] == "allow"
    assert options["id"] == finished_tiny.facts()["identity"]


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_that_is_not_installed_is_refused_before_the_run(tmp_path, tiny, monkeypatch, name):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "tia2.finetune.runner.trackers.find_spec", lambda wanted: None if wanted == name else find_spec(wanted)
    )
    with pytest.raises(MissingDependencyError, match=rf"needs {name}, which isn't installed.*'tia2\[{name}\]'"):
        Run(tmp_path / "run", tiny(trackers=[name]))
    assert not (tmp_path / "run").exists()


def copied(folder, path):
    import shutil

    return RunFolder(Path(shutil.copytree(folder.path, path)))
