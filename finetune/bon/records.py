"""Parts of best-of-n curves as they stand in files."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from tia2.evaluation.bootstrap import Interval

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number, NaN where undefined; null in the file."""


class Part(BaseModel):
    """Anything in the file: no unknown fields, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class MeanInterval(Part):
    """A mean over prompts with its interval."""

    mean: Number
    low: Number
    """Lower end; NaN with fewer than two prompts."""
    high: Number
    """Upper end."""

    @classmethod
    def of(cls, interval: Interval) -> MeanInterval:
        """Return what the bootstrap gave."""
        return cls(**interval._asdict())

    def __str__(self) -> str:
        if math.isnan(self.low):
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


class MeanCurve(Part):
    """A mean over prompts, and its pointwise intervals, at each n of the result."""

    mean: list[Number]
    low: list[Number]
    high: list[Number]


class Peak(Part):
    """Where the gold is highest for n up to the result's limit, and what follows.

    The curve's highest point is chosen among several, so its own height and drop would flatter it. `gain` and `drop`
    are cross-fitted: even prompts choose n, odd ones are measured there, and the other way round.
    """

    n: int
    """Where the mean over all prompts is highest."""
    low: int
    """Least n of the confidence set: all n that a 95 % max-t test doesn't tell from the highest."""
    high: int
    """Largest n of it. At the limit the peak is open: the gold may rise further."""
    inside: bool
    """Whether the gold at the limit is surely below its peak. If not, there is no peak within the limit."""
    chosen: list[int]
    """What even prompts chose, and what odd ones; empty with too few prompts."""
    gain: MeanInterval
    """Gold at the chosen n, less that at n = 1."""
    drop: MeanInterval
    """Gold at the chosen n, less that at the limit; positive where it falls."""


class FrontierFit(Part):
    """The law of Gao et al. for best-of-n, gain = d (α − β d) with d = √KL, by least squares over n up to the limit."""

    alpha: MeanInterval
    beta: MeanInterval
    """Positive where the gain levels off."""
    residuals: list[Number]
    """Gain less fit, at each n up to the limit."""
    rms: Number
    """Root mean square of the residuals."""
    peak_d: Number
    """α / 2β, where the fit is highest; NaN where it rises or falls all along."""
    peak_n: Number
    """The n of that divergence, beyond the limit an extrapolation."""


class BestOfNSubset(Part):
    """The curves of one subset, or of all: then counts are sums, and curves the means of the subsets'."""

    prompts: int
    gold: MeanCurve
    """Expected gold of the best of n by the proxy; n = 1 is what chance gives."""
    gain: MeanCurve
    """Gold less that at n = 1, paired by prompt."""
    proxy: MeanCurve
    """Expected proxy of the same, in the proxy's unit."""
    proxy_gain: MeanCurve
    """Proxy less that at n = 1, in standard deviations of each prompt's proxies, so that entries can share an axis."""
    oracle: MeanCurve
    """Expected gold of the best of n by the gold itself: no proxy can do better."""
    kl_with_ties: list[Number]
    """Mean over prompts of the divergence that counts ties in the proxy; below `kl` where there are many."""
    peak: Peak | None
    """None with fewer than two prompts in a subset, or a single n."""
    fit: FrontierFit | None
    """None with fewer than three n from 2 to the limit."""
    proxy_fit: FrontierFit | None
    """The same for `proxy_gain`."""


class BestOfNPrompt(Part):
    """The curves of one prompt."""

    subset: str
    prompt_id: str
    prompt: str
    items: int
    distinct: int
    """Distinct proxies among its items."""
    gold: list[Number]
    proxy: list[Number]
    oracle: list[Number]
    gain: Number
    """Gold at the limit, less that at n = 1."""
    error: Number
    """Standard error of the gain over the prompt's items, by the jackknife."""
