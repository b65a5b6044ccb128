"""The figures that were released with the paper, prompt by prompt, as entries.

Upstream's `alignment_scores/alignment_scores_SUBSET.json` holds, for every prompt whose labels differ, the share of
aligned images and the seven figures of CLIP, BLIP-2, ImageReward, PickScore and TextNorm. TextNorm's scale and λ were
chosen for each prompt on its own test labels: its figures are an upper bound, and named "oracle".
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tia2.benchmark.configs import SUBSETS, subsets_of
from tia2.benchmark.upstream import sources
from tia2.benchmark.upstream.layout import resolve_data_dir
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.assembly import prompt_results, subset_results
from tia2.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel
from tia2.evaluation.people.reference_rows import people
from tia2.evaluation.result import BenchmarkInfo, Entry, Result, RewardInfo
from tia2.files import cache_dir, json_of

Floats = NDArray[np.float64]

CONFIGS = ("all", *SUBSETS)
SHA256 = {
    "comprehensive": "b4428bc28fe6af6963e3e8e7545356f1f8fb18bdccb9371c3ec36c86a10fff0e",
    "counting": "f69a728fcb1a408f9b010cb2be2130e783bbedfec0ff6fef1b8c4f01628aee01",
    "composition": "7bfe88c8b709c9ae0e685d4d4eea2fb724ac2d797c5b894845774a8fe48ee1c5",
}
REWARDS = {"clip": "CLIP", "blip2": "BLIP-2", "imagereward": "ImageReward", "pickscore": "PickScore"}
TEXTNORM = {"comprehensive": "textnorm_ur", "counting": "textnorm_ur", "composition": "textnorm_mean"}
RELEASED = ("auroc", "auprc", "ap5", "ap10", "ap25", "spearman", "kendall")
"""The metrics of the released files; others are unknown."""
_TITLES = {"textnorm_ur": "TextNorm-UR", "textnorm_mean": "TextNorm-mean"}


def published(
    config: str = "all", data_dir: str | os.PathLike[str] | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Result]:
    """Return the figures released with the paper as results, to be shown beside one's own and compared with them.

    Args:
        config: "comprehensive", "counting", "composition", or "all".
        data_dir: A local copy in upstream's layout. Scores that it doesn't hold, in `alignment_scores/`, are downloaded
            from the pinned commit and checked by sha256, as the annotations are.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        CLIP, BLIP-2, ImageReward and PickScore, and TextNorm: the uncertainty-regularised ensemble on comprehensive and
        counting, the mean ensemble on composition, marked as upper bounds. Pooled figures are NaN and numbers of ties
        None, since the rewards themselves were not released.

    Raises:
        UnknownNameError: No such config.
        ResultError: A file isn't what was released.
        DownloadError: A file could not be downloaded.

    Example:
        >>> {one.entry.name: one.overall.metrics["auroc"].mean for one in published("counting")}  # doctest: +SKIP
        {'CLIP (as published)': 0.595…, …}

    Source: github.com/kykim0/TextNorm, `alignment_scores`.
    """
    from tia2.benchmark import load

    if config not in CONFIGS:
        raise unknown_name("config with published figures", config, CONFIGS)
    folder = resolve_data_dir(data_dir)
    subsets = subsets_of(config)
    benchmark = load(config, data_dir=folder)
    items = benchmark.items
    panel = Panel.of(items, seed=seed, resamples=resamples)
    released = {subset: _read(_scores_file(folder, subset), subset, panel) for subset in subsets}
    info = BenchmarkInfo(
        name=benchmark.name,
        fingerprint=benchmark.fingerprint,
        votes_fingerprint=benchmark.votes_fingerprint,
        scores_fingerprint=benchmark.scores_fingerprint,
        items=len(benchmark),
        images_fingerprint=None,
    )
    by_people = people(items, seed, resamples)
    textnorm = {subset: TEXTNORM[subset] for subset in subsets}
    results = []
    for entry, keys in [
        *((_entry(title), dict.fromkeys(subsets, key)) for key, title in REWARDS.items()),
        (_textnorm_entry(textnorm), textnorm),
    ]:
        figures = np.full((len(panel.prompts), len(METRICS)), np.nan)
        for subset in subsets:
            rows = panel.used_rows(subset)
            texts = panel.prompts["prompt"][rows]
            figures[rows] = [
                [released[subset][text][keys[subset]].get(name, np.nan) for name in METRICS] for text in texts
            ]
        by_subset, overall = subset_results(panel, figures, None)
        results.append(
            Result(
                tia2_version=_version(),
                entry=entry,
                benchmark=info,
                seed=seed,
                resamples=resamples,
                confidence=CONFIDENCE,
                subsets=by_subset,
                overall=overall,
                people=by_people,
                prompts=prompt_results(panel, figures, None),
            )
        )
    return results


def _version() -> str:
    from tia2._version import __version__

    return __version__


def _entry(title: str) -> Entry:
    source = f"github:{sources.REPOSITORY}@{sources.COMMIT}"
    return Entry(
        name=f"{title} (as published)",
        rewards=[RewardInfo(name=title, spec=source, fingerprint="unknown")],
        calibration="raw",
        settings={"source": source},
    )


def _textnorm_entry(keys: dict[str, str]) -> Entry:
    titles = {_TITLES[key] for key in keys.values()}
    title = titles.pop() if len(titles) == 1 else "TextNorm"
    raw = _entry(title)
    settings = {**raw.settings, "setting": "oracle", "scaling": "minmax"}
    ensembles = {subset: key.removeprefix("textnorm_") for subset, key in keys.items()}
    return raw.model_copy(
        update={
            "name": f"{title} (as published, oracle, upper bound)",
            "calibration": "textnorm",
            "settings": {**settings, "ensemble": ensembles},
            "upper_bound": True,
        }
    )


def _scores_file(folder: Path | None, subset: str) -> Path:
    """Return the released scores of a subset: the local copy's own, or downloaded ones."""
    relative = f"alignment_scores/alignment_scores_{subset}.json"
    if folder is not None and (folder / "alignment_scores").is_dir():
        return folder / relative
    target = cache_dir() / "annotations" / sources.COMMIT / relative
    if not (target.is_file() and sources.sha256_of(target) == SHA256[subset]):
        sources.download(f"{sources.base_url()}/{relative}", target, SHA256[subset])
    return target


def _read(path: Path, subset: str, panel: Panel) -> dict[str, dict[str, Any]]:
    """Return a subset's released scores, checked against the benchmark."""
    try:
        content = json_of(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultError(f"Can't read the published scores {path}: {error.strerror or error}.") from None
    except ValueError as error:
        raise ResultError(f"{path} does not hold published scores: it isn't JSON ({error}).") from None
    rows = panel.used_rows(subset)
    aligned = dict(zip(panel.prompts["prompt"][rows], panel.aligned[rows], strict=True))
    if not isinstance(content, dict) or set(content) != set(aligned):
        count = len(content) if isinstance(content, dict) else 0
        raise ResultError(
            f"{path} does not hold the published scores of {subset}: expected its {len(aligned)} prompts whose labels "
            f"differ, got {count}, which are not the same."
        )
    for prompt, scores in content.items():
        _check(path, subset, prompt, scores, aligned[prompt])
    return content


def _check(path: Path, subset: str, prompt: str, scores: Any, aligned: float) -> None:
    where = f"{path}, prompt {prompt!r}"
    if not isinstance(scores, dict) or not _is_number(scores.get("human")) or abs(scores["human"] - aligned) > 1e-9:
        raise ResultError(f"{where}: expected human to be {aligned:.2f}, the share of aligned images.")
    for key in (*REWARDS, TEXTNORM[subset]):
        figures = scores.get(key)
        for name in RELEASED:
            if not isinstance(figures, dict) or not _is_number(figures.get(name)):
                raise ResultError(f"{where}: expected a number for {name} of {key}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
