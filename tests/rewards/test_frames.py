"""Image rewards on videos: evenly spaced frames, each encoded once, pooled with TextNorm after or before."""

from __future__ import annotations

import io

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image
from sklearn.metrics import roc_auc_score

import tia2
from tia2.cli import main
from tia2.decoding import is_video, read_picture
from tia2.errors import BenchmarkError, ImageFileError, MissingDependencyError, RewardError
from tia2.frames import read_frames, spaced
from tia2.miniworld.videos import video_benchmark
from tia2.rewards.frames import FramesReward

LEVELS = list(range(0, 250, 25))


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (16, 16), (level, level, level))


def moving(kind: str) -> bytes:
    sink = io.BytesIO()
    first, *others = map(grey, LEVELS)
    extra = {"duration": 100} if kind == "GIF" else {"lossless": True} if kind == "WEBP" else {}
    first.save(sink, kind, save_all=True, append_images=others, **extra)
    return sink.getvalue()


def brightness(images, texts):
    return [
        np.asarray(image).mean() / 255 * (2 if "bright" in text else 1)
        for image, text in zip(images, texts, strict=True)
    ]


def rows(contents: list[bytes]) -> Dataset:
    from tia2.benchmark.columns import features

    kinds = features()
    names = ["item_id", "subset", "prompt_id", "prompt", "image", "votes", "contrastive_prompts"]
    return Dataset.from_list(
        [
            {
                "item_id": f"a/{number}",
                "subset": "a",
                "prompt_id": "a/0",
                "prompt": "bright",
                "image": {"bytes": content, "path": None},
                "votes": [1, 0],
                "contrastive_prompts": ["dark", "grey"],
            }
            for number, content in enumerate(contents)
        ],
        features=type(kinds)({name: kinds[name] for name in names}),
    )


def test_frames_are_the_middles_of_equal_parts():
    assert spaced(100, 4) == [12, 37, 62, 87]
    assert spaced(8, 8) == list(range(8))
    assert spaced(9, 1) == [4]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_pillow_reads_moving_pictures_and_views(kind):
    frames = read_frames(moving(kind), 5)
    assert [frame.mode for frame in frames] == ["RGB"] * 5
    found = [int(np.asarray(frame).mean()) for frame in frames]
    np.testing.assert_allclose(found, [LEVELS[index] for index in (1, 3, 5, 7, 9)], atol=1)


def test_a_still_picture_has_one_frame():
    sink = io.BytesIO()
    grey(100).save(sink, "PNG")
    assert len(read_frames(sink.getvalue(), 8)) == 1


def test_mp4_is_read_with_pyav():
    av = pytest.importorskip("av")
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for level in LEVELS:
            frame = av.VideoFrame.from_image(grey(level).resize((64, 64)))
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    content = sink.getvalue()
    assert is_video(content)
    found = [np.asarray(frame).mean() for frame in read_frames(content, 5)]
    np.testing.assert_allclose(found, [LEVELS[index] for index in (1, 3, 5, 7, 9)], atol=4)
    with pytest.raises(ImageFileError, match=r"a video: score its frames with --frames"):
        read_picture(content)
    with pytest.raises(ImageFileError):
        read_frames(content[: len(content) // 3], 5)


def test_without_pyav_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tia2\[video\]'"):
        read_frames(bytes(4) + b"ftypisom" + bytes(20), 4)


@pytest.mark.parametrize("pool", ["mean", "min", "max"])
@pytest.mark.parametrize("temperature", [None, 0.2])
def test_pooling_equals_a_literal_computation(pool, temperature):
    reward = FramesReward(brightness, frames=5, pool=pool, temperature=temperature)
    table = tia2.score(reward, tia2.benchmark.load(rows([moving("GIF"), moving("WEBP")])), batch_size=2)
    of_frames = np.array([[2 * LEVELS[i] / 255, LEVELS[i] / 255, LEVELS[i] / 255] for i in (1, 3, 5, 7, 9)])
    if temperature is None:
        wanted = getattr(np, pool)(of_frames, axis=0)
    else:
        powers = np.exp(of_frames / temperature)
        wanted = temperature * np.log(getattr(np, pool)(powers / powers.sum(axis=1, keepdims=True), axis=0))
    np.testing.assert_allclose(table.rewards[0], wanted, atol=0.01)
    np.testing.assert_allclose(table.rewards[1], wanted, atol=0.01)


def test_each_frame_and_each_text_is_encoded_once():
    model = tia2.load_reward("mini-strong", device="cpu")
    seen: list[int] = []
    embed = model.embed_images
    model.embed_images = lambda prepared: (seen.append(len(prepared)), embed(prepared))[1]
    table = tia2.score(FramesReward(model, frames=4), tia2.benchmark.load(rows([moving("GIF")] * 3)), batch_size=2)
    assert sum(seen) == 12
    single = model.score_matrix(read_frames(moving("GIF"), 4), ["bright", "dark", "grey"]).mean(axis=0)
    np.testing.assert_allclose(table.rewards[0], single, atol=1e-6)


def test_names_cards_and_fingerprints_say_how_frames_are_pooled():
    rewards = [
        FramesReward(brightness),
        FramesReward(brightness, frames=4),
        FramesReward(brightness, pool="min"),
        FramesReward(brightness, temperature=0.1),
    ]
    assert len({reward.fingerprint for reward in rewards}) == 4
    assert len({reward.name for reward in rewards}) == 4
    assert "min over 8 evenly spaced frames" in rewards[2].card.formula
    assert rewards[3].card.range == (None, 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool": "median"}, "pool is 'median'; expected mean, min or max"),
        ({"frames": 0}, "frames is 0; expected 1 or more"),
        ({"temperature": 0.0}, "expected a number above 0"),
    ],
)
def test_wrong_settings_are_one_line(options, message):
    with pytest.raises(RewardError, match=message):
        FramesReward(brightness, **options)


def test_damaged_videos_are_named():
    with pytest.raises(BenchmarkError, match=r"The frames of a/0 can't be read"):
        tia2.score(FramesReward(brightness), tia2.benchmark.load(rows([moving("GIF")[:60]])))


def test_textnorm_before_pooling_tells_more_on_videos_of_the_miniature_world():
    prompts = ["two red circles", "a blue square above a green circle", "three green triangles", "four blue crosses"]
    benchmark = video_benchmark(prompts, per_prompt=6, frames=8, seed=3)
    labels, ids = benchmark.items["label"].to_numpy(), benchmark.items["prompt_id"].to_numpy()
    assert labels.mean() == 0.5
    model = tia2.load_reward("mini-strong", device="cpu")
    scale = model.card.default_temperature

    def within(values: np.ndarray) -> float:
        return np.mean([roc_auc_score(labels[ids == prompt], values[ids == prompt]) for prompt in np.unique(ids)])

    def over_all(values: np.ndarray) -> float:
        return roc_auc_score(labels, values)

    # Within these few prompts the minimum tells all videos apart either way.
    for pool, figure in (("mean", within), ("min", over_all)):
        after, before = (
            tia2.score(FramesReward(model, frames=8, pool=pool, temperature=temperature), benchmark)
            for temperature in (None, scale)
        )
        scaled = np.where(after.mask, after.rewards / scale, -np.inf)
        normalised = np.exp(scaled[:, 0] - np.logaddexp.reduce(scaled, axis=1))
        assert figure(before.raw) > figure(normalised) + 0.02


def test_the_command_scores_frames(tmp_path):
    benchmark = video_benchmark(["two red circles"], per_prompt=2, frames=4)
    tia2.benchmark.export(benchmark, tmp_path / "videos")
    given = ["score", "--reward", "mini-strong", "--benchmark", str(tmp_path / "videos"), "--device", "cpu"]
    out = ["--out", str(tmp_path / "table")]
    assert main([*given, *out, "--frames", "4", "--pool", "min", "--normalise-frames", "0.05"]) == 0
    table = tia2.ScoreTable.load(tmp_path / "table")
    assert table.name == "mini-strong (4 frames, min, normalised at 0.05)"
    model = FramesReward(tia2.load_reward("mini-strong", device="cpu"), frames=4, pool="min", temperature=0.05)
    np.testing.assert_allclose(table.raw, tia2.score(model, benchmark).raw, atol=1e-6)
    assert main([*given, "--pool", "min"]) == 1
