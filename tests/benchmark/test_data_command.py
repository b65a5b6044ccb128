"""`tia2 data`, as a user types it."""

from __future__ import annotations

import json

import pytest
from datasets import load_dataset

from tia2.benchmark.upstream import sources
from tia2.cli import main

SUBSETS = ("comprehensive", "counting", "composition")


@pytest.fixture
def tia2_data(capfd, monkeypatch):
    """Run `tia2 data …` and return (exit code, stdout, stderr), in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words):
        code = main(["data", *map(str, words)])
        done = capfd.readouterr()
        return code, done.out, done.err

    return run


@pytest.mark.parametrize("command", ["show", "check", "download", "export"])
def test_each_command_has_examples(tia2_data, command):
    code, out, _ = tia2_data(command, "--help")
    assert code == 0
    assert "Examples:" in out
    assert f"tia2 data {command}" in out


def test_show(tia2_data, layout):
    code, out, _ = tia2_data("show", "--data-dir", layout.root)
    assert code == 0
    (total,) = [line.split() for line in out.splitlines() if line.startswith("all ")]
    assert total == ["all", "6", "0", "18", "54", "6", "33.3%", "0"]
    assert "18 items have no image" in out
    assert max(map(len, out.splitlines())) <= 80


def test_show_leaves_it_to_the_table_to_say_that_images_are_missing(tia2_data, layout):
    assert "there are no images" not in tia2_data("show", "--data-dir", layout.root)[2]


def test_show_json(tia2_data, layout):
    code, out, _ = tia2_data("show", "counting", "--data-dir", layout.root, "--json")
    assert code == 0
    about = json.loads(out)
    assert about["name"] == "counting"
    assert about["subsets"][0]["items"] == 6
    assert len(about["fingerprint"]) == 64


def test_check_well(tia2_data, layout):
    layout.add_images("counting", "zip")
    code, out, _ = tia2_data("check", "counting", "--data-dir", layout.root)
    assert code == 0
    assert "All is well." in out


def test_check_not_well(tia2_data, layout, make_jpeg):
    changes = {f"more_{index}": make_jpeg(index) for index in range(8)}
    layout.add_images("counting", image_0_0_0=None, image_0_0_1=b"x", image_1_0_0=make_jpeg(1, (8, 8)), **changes)
    code, out, _ = tia2_data("check", "counting", "--data-dir", layout.root)
    assert code == 1
    assert "1 missing" in out
    assert "counting/image_0_0_1: not an image" in out
    assert "most are 16x16" in out
    assert "counting/image_1_0_0: 8x8" in out
    assert "and 3 more; --json lists all" in out
    assert "annotations differ from the released ones in counting" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = tia2_data("check", "counting", "--data-dir", layout.root, "--json")
    assert code == 1
    (report,) = json.loads(out)
    assert len(report["surplus"]) == 8
    assert report["problems"] == 11


@pytest.mark.parametrize("words", [["check"], ["show"], ["export", "out"]])
def test_truncated_archive_is_one_line(tia2_data, layout, monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    path = layout.add_images("counting", "zip")
    path.write_bytes(path.read_bytes()[:100])
    code, _, err = tia2_data(*words, "--data-dir", layout.root)
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert "counting.zip is not a whole zip archive" in line
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_show_without_a_network_shows_what_is_here(tia2_data, monkeypatch):
    monkeypatch.setenv(sources.BASE_URL_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setattr(sources, "FIRST_WAIT", 0.0)
    code, out, err = tia2_data("show")
    assert code == 0
    assert out.startswith("Benchmark mini\n")
    assert "3,000" in out
    assert "warning: this is mini, the built-in benchmark. Could not download" in err
    assert tia2_data("show", "all")[0] == 1, "what was asked for by name is shown or refused"


def test_check_without_images(tia2_data, layout):
    code, out, _ = tia2_data("check", "--data-dir", layout.root)
    assert code == 1
    assert "There are no images: `tia2 data download`" in out


@pytest.mark.parametrize(
    ("words", "expected", "message"),
    [
        (["show", "mydta"], 1, "A file or folder would do as well, and there is none of that name."),
        (["show", "countng"], 1, "error: Unknown benchmark 'countng'. Did you mean 'counting'?"),
        (["show", "--data-dir", "/nowhere"], 1, "/nowhere is not a folder"),
        (["check", "./nowhere"], 1, "is no file or folder"),
        (["download", "--images"], 2, "--images needs --to DIR"),
    ],
)
def test_errors_are_one_line(tia2_data, words, expected, message):
    code, out, err = tia2_data(*words)
    assert code == expected
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""


@pytest.fixture
def offline_release(layout, monkeypatch):
    """Let the 'download' copy the tiny layout."""
    checksums = {path: sources.sha256_of(layout.root / path) for path in sources.SHA256}
    monkeypatch.setattr(sources, "SHA256", checksums)

    def download(url, target, sha256):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((layout.root / url.partition(sources.COMMIT + "/")[2]).read_bytes())

    monkeypatch.setattr(sources, "download", download)


def test_download_fills_a_folder_that_is_good_as_data_dir(tia2_data, offline_release, tmp_path):
    code, out, _ = tia2_data("download", "--to", tmp_path / "copy")
    assert code == 0
    assert "6 annotation files, 6 fetched just now" in out
    assert sources.IMAGES_URL in out
    assert f"tia2 data check --data-dir {tmp_path / 'copy'}" in out
    assert len(load_dataset("tia2", data_dir=str(tmp_path / "copy"), split="test")) == 18
    assert "6 annotation files, 0 fetched just now" in tia2_data("download", "--to", tmp_path / "copy")[1]


def test_download_into_the_cache(tia2_data, offline_release, isolated_caches):
    code, _, _ = tia2_data("download")
    assert code == 0
    assert len(list(isolated_caches.rglob("*.json"))) == 6
    assert len(load_dataset("tia2", split="test")) == 18


def test_images_need_gdown(tia2_data, offline_release, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = tia2_data("download", "--to", tmp_path / "copy", "--images")
    assert code == 1
    assert "error: Fetching images needs gdown: pip install gdown" in err


@pytest.mark.parametrize("outcome", ["files", "nothing", "refused"])
def test_images_with_gdown(tia2_data, offline_release, tmp_path, monkeypatch, outcome):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "gdown.py").write_text(
        "import pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'asked')!r}).write_text(chr(10).join(sys.argv[1:]))\n"
        + {
            "files": "pathlib.Path(sys.argv[4], 'counting.zip').write_bytes(b'x')",
            "nothing": "",
            "refused": "sys.exit('Too many users have viewed or downloaded this file recently')",
        }[outcome]
    )
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    code, out, err = tia2_data("download", "--to", tmp_path / "copy", "--images")
    asked = ["--folder", sources.IMAGES_URL, "-O", str(tmp_path / "copy" / "images"), "--continue"]
    assert (tmp_path / "asked").read_text().split("\n") == asked
    assert code == (0 if outcome == "files" else 1)
    if outcome == "files":
        assert "tia2 data check --data-dir" in out
    else:
        assert "Get the images with a browser" in err


def test_export(tia2_data, layout, tmp_path):
    for subset in SUBSETS:
        layout.add_images(subset)
    code, out, _ = tia2_data("export", tmp_path / "out", "--data-dir", layout.root)
    assert code == 0
    assert "4 files" in out
    assert len(load_dataset(str(tmp_path / "out"), split="test")) == 18
    code, _, err = tia2_data("export", tmp_path / "out", "--data-dir", layout.root)
    assert code == 1
    assert "is not empty" in err


def test_export_without_images(tia2_data, layout, tmp_path):
    code, _, err = tia2_data("export", tmp_path / "out", "--benchmark", "counting", "--data-dir", layout.root)
    assert code == 1
    assert "6 of 6 items of counting have no image" in err
    assert "--allow-missing" in err
    assert tia2_data("export", tmp_path / "out", "--benchmark", layout.root, "--allow-missing")[0] == 0
