"""Put the figures and tables of the over-optimisation study into its page, from its results: `make pictures`."""

from __future__ import annotations

from pathlib import Path

from blocks import put

from tia2.figures import save_figure
from tia2.finetune.study.figures import choice_figure, forecast_figure, gold_figure, proxy_figure
from tia2.finetune.study.outcome import SeedMean, paired_difference
from tia2.finetune.study.results import StudyResults, load_results
from tia2.finetune.study.tables import entry_table, equal_distance_table, forecast_table, rank_correlation

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "findings-finetune.md"
STUDY = ROOT / "docs" / "study" / "miniature"
PAIRS = (
    ("countblind-textnorm", "countblind-raw"),
    ("countblind-wide", "countblind-textnorm"),
    ("countblind-plus", "countblind-raw"),
    ("vivid-textnorm", "vivid-raw"),
    ("vivid-wide", "vivid-textnorm"),
    ("vivid-wide", "vivid-raw"),
    ("vivid-plus", "vivid-raw"),
    ("strong-textnorm", "strong-raw"),
    ("strong-wide", "strong-textnorm"),
    ("strong-wide", "strong-raw"),
    ("web-textnorm", "web-raw"),
    ("mean-textnorm", "vivid-textnorm"),
    ("ur-textnorm", "mean-textnorm"),
    ("mean-wide", "mean-textnorm"),
    ("mean-wide", "vivid-wide"),
    ("vivid-minmax", "vivid-raw"),
    ("countblind-minmax", "countblind-raw"),
    ("vivid-rwr", "vivid-raw"),
    ("countblind-rwr", "countblind-raw"),
)
"""Conditions whose gold at the end is compared, seed by seed."""


def main() -> None:
    """Refresh the page's pictures and tables."""
    results = load_results("miniature", STUDY)
    images = ROOT / "docs" / "images"
    for name, figure in (
        ("gold", gold_figure(results)),
        ("proxy", proxy_figure(results)),
        ("best_of_n", choice_figure(results)),
        ("forecast", forecast_figure(results)),
    ):
        save_figure(figure, images / f"study_{name}.png")
    for name, text in tables(results).items():
        put(PAGE, name, text)


def tables(results: StudyResults) -> dict[str, str]:
    """Return the page's tables, by the name of the block that holds them."""
    return {
        "outcomes": outcomes(results),
        "differences": differences(results),
        "best of n": choices(results),
        "equal distance": equal_distances(results),
        "forecasts": forecasts(results),
    }


def outcomes(results: StudyResults) -> str:
    """Return what each condition's runs came to."""
    lines = [
        "| condition | seeds | proxy | gold, start → end | change of gold | drop after the peak | KL at the peak, "
        "at the end | over-optimised, ruined | held-out prompts |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, each in results.outcomes.items():
        total = len(each.verdicts)
        cells = [
            results.title(name),
            str(len(each.seeds)),
            f"{each.proxy_gain.mean:+.3f}",
            f"{each.base.mean:.2f} → {each.end.mean:.2f}",
            over_seeds(each.change),
            over_seeds(each.drop),
            f"{each.peak_kl.mean:.1f}, {each.end_kl.mean:.1f}",
            f"{each.verdicts.count('over-optimised')}, {each.verdicts.count('ruined')} of {total}",
            over_seeds(each.held_out_change),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def differences(results: StudyResults) -> str:
    """Return differences between conditions, seed by seed."""
    lines = ["| first | less second | seeds | difference of gold at the end |", "|---|---|---|---|"]
    for first, second in PAIRS:
        if first not in results.curves or second not in results.curves:
            continue
        difference = paired_difference(results.curves[first], results.curves[second])
        if difference.values:
            cells = [results.title(first), results.title(second), str(len(difference.values)), over_seeds(difference)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def choices(results: StudyResults) -> str:
    """Return gold under best-of-n."""
    shown = (1, 4, 16, 64, 120)
    heads = " | ".join(f"n = {n}" for n in shown)
    lines = [
        f"| entry | AUROC within prompts | {heads} | lowest, highest seed at {shown[-1]} | highest at n |",
        f"|---|---|{'---|' * len(shown)}---|---|",
    ]
    for name, each in results.choices.items():
        gold = each.gold.mean(axis=0)
        figures = [f"{gold[each.n.index(n)]:.3f}" for n in shown]
        ends = each.gold[:, each.n.index(shown[-1])]
        reach = f"{ends.min():.2f}, {ends.max():.2f}"
        cells = [results.title(name), f"{each.auroc.mean:.3f}", *figures, reach, str(each.peak)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def equal_distances(results: StudyResults) -> str:
    """Return how gold changes by training and by choosing, as far from the base model."""
    table = equal_distance_table(results)
    distances = table.drop_duplicates("n").set_index("n")["kl"]
    heads = [
        f"{words} {kl:.1f} nats{which}"
        for n, kl in distances.items()
        for words, which in (("training to", ""), ("best of n at", f" (n = {n})"))
    ]
    lines = [f"| condition | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for name, rows in table.groupby("condition", sort=False):
        cells = []
        for row in rows.to_dict("records"):
            every = len(results.curves[str(name)])
            some = "" if row["seeds"] == every else f", {row['seeds']} of {every} seeds"
            training = with_interval(row["training_change"], row["training_low"], row["training_high"])
            cells += ["–" if not row["seeds"] else f"{training}{some}"]
            cells += ["–" if row["best_of_n_change"] != row["best_of_n_change"] else f"{row['best_of_n_change']:+.3f}"]
        lines.append(f"| {results.title(str(name))} | {' | '.join(cells)} |")
    return "\n".join(lines)


def forecasts(results: StudyResults) -> str:
    """Return how what is known beforehand correlates with what optimising came to, over conditions."""
    lines = ["| known beforehand | what came of it | conditions | Spearman's ρ | p |", "|---|---|---|---|---|"]
    chosen, trained = entry_table(results), forecast_table(results)
    rows = [
        (chosen, "auroc", "AUROC within prompts", "best_of_n_change", "change of gold by best of 120"),
        (chosen, "pooled_auroc", "AUROC over all prompts", "best_of_n_change", "change of gold by best of 120"),
        (chosen, "auroc", "AUROC within prompts", "best_of_n_drop", "drop after the peak of best of n"),
        (trained, "auroc", "AUROC within prompts", "change", "change of gold by training"),
        (trained, "pooled_auroc", "AUROC over all prompts", "change", "change of gold by training"),
        (trained, "best_of_n_change", "change of gold by best of 120", "change", "change of gold by training"),
    ]
    for table, static, static_title, outcome, outcome_title in rows:
        rho, p = rank_correlation(table, static, outcome)
        figures = ["–", "–"] if rho != rho else [f"{rho:+.2f}", f"{p:.4f}"]
        lines.append(f"| {' | '.join([static_title, outcome_title, str(len(table)), *figures])} |")
    return "\n".join(lines)


def over_seeds(mean: SeedMean) -> str:
    """Return a mean over seeds with its interval, or alone where there is one seed."""
    return with_interval(mean.mean, *mean.interval)


def with_interval(mean: float, low: float, high: float) -> str:
    """Return a mean with its interval, or alone where there is none."""
    return f"{mean:+.3f}" if low != low else f"{mean:+.3f} ({low:+.2f}, {high:+.2f})"


if __name__ == "__main__":
    main()
