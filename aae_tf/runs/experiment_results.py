"""The results of `compare()` and `sweep()`: settings with their runs, tables and figures."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aae_tf import figures
from aae_tf.reporting import HeldOut, plane_panel
from aae_tf.utils.files import atomic_write, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aae_tf.runs.run import Run

# the metrics of a table, in its order: (name, heading, decimals)
COLUMNS = (
    ("classification_error", "classification error", 4),
    ("clustering_error", "clustering error", 4),
    ("majority_error", "majority error", 4),
    ("assignment_error", "assignment error", 4),
    ("nmi", "NMI", 3),
    ("ari", "ARI", 3),
    ("clusters_used", "clusters used", 1),
    ("prior_class_accuracy", "prior class accuracy", 4),
    ("class_probe_z_nearest", "class probe on z", 4),
    ("class_probe_sampled_z_nearest", "class probe on sampled z", 4),
    ("sample_class_accuracy", "sample class accuracy", 4),
    ("log_likelihood", "log-likelihood (nats)", 1),
    ("reconstruction_error", "reconstruction error", 4),
    ("mmd", "MMD² of codes", 4),
    ("sliced_wasserstein", "sliced Wasserstein", 3),
    ("two_sample_accuracy", "two-sample accuracy", 3),
    ("prior_coverage_gap", "prior coverage gap", 3),
    ("frechet_distance", "Fréchet distance", 2),
    ("kernel_distance", "kernel distance", 3),
    ("precision", "precision", 3),
    ("recall", "recall", 3),
    ("density", "density", 3),
    ("coverage", "coverage", 3),
    ("copying", "copying", 3),
)
PANEL = ("log_likelihood", "two_sample_accuracy", "prior_coverage_gap")  # metrics in the figure of a comparison


@dataclass
class Setting:
    """A recipe with some options changed, trained once for each seed.

    Attributes:
        recipe: name of the recipe.
        changed: dict of the options that the sweep varies to their values here.
        options: dict of all options that are changed in the recipe, without the seed.
        runs: dict of seed to its finished `Run`; without the seeds whose training failed.
        failed: dict of seed to the error message of its training.
        chosen: whether it is the best of its recipe by the monitored validation metric.
        reports: list of the metrics of the runs, one dict a seed, on the split of the sweep.
    """

    recipe: str
    changed: dict
    options: dict
    runs: dict[int, "Run"] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    chosen: bool = False
    reports: list[dict] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The recipe's name and what is changed in it."""
        return " ".join([self.recipe, *self._changes])

    @property
    def _changes(self):
        return [f"{name}={shown(value)}" for name, value in self.changed.items()]

    @property
    def monitor(self) -> str | None:
        """Name of the validation metric that settings are chosen by; None if the model monitors none."""
        return next((run.recipe.monitor or run.model.report_spec.monitor for run in self.runs.values()), None)

    def folder(self, seed: int) -> Path:
        """Return the run directory of a seed, a relative path."""
        parts = (self.recipe, ",".join(self._changes))
        return Path(*(part.replace("/", "_") for part in parts if part), f"seed-{seed}")

    def validated(self) -> np.ndarray:
        """Return the monitored metric of the weights that each run kept, a float array [seeds]."""
        last = (run.history[-1].get(self.monitor, np.nan) for run in self.runs.values())
        kept = (run.outcome.get("kept") for run in self.runs.values())
        return np.array([best["value"] if best else value for best, value in zip(kept, last, strict=True)], float)


class Results:
    """Trained settings as a table, a figure and their files."""

    file: str  # name of the files, without their endings
    figure: "Figure"

    def __init__(self, split: str, out_dir: str | Path):
        self.split, self.out_dir = split, Path(out_dir).absolute()

    def markdown(self) -> str:
        """Return the table in Markdown."""
        heading, *others = self.rows()
        lines = [heading, ["---"] * len(heading), *others]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"

    def save(self) -> None:
        """Write the values, the table and the figure, each file atomically."""
        write_json(self.out_dir / f"{self.file}.json", self._values())
        atomic_write(self.out_dir / f"{self.file}.md", lambda file: file.write(self.markdown().encode()))
        atomic_write(self.out_dir / f"{self.file}.png", lambda file: self.figure.savefig(file, format="png", dpi=150))

    def _table(self, heading, lines, errors=False):
        """Return the rows of a table of `lines`, (cells, reports) each, with a column for each known metric."""
        # With `errors`, a likelihood has the standard error of its first report.
        known = [each for each in COLUMNS if any(each[0] in report for _, reports in lines for report in reports)]
        rows = [[*heading, *(title for _, title, _ in known)]]
        for cells, reports in lines:
            row = [*cells]
            for name, _, decimals in known:
                found = [report[name] for report in reports if name in report]
                error = found[0].get("standard_error") if errors and found and name == "log_likelihood" else None
                text = spread([each["value"] for each in found], decimals)
                row.append(f"{text} ± {error:.{decimals}f}" if error else text)
            rows.append(row)
        return rows


class Comparison(Results):
    """Several recipes, each trained once on the same data.

    Attributes:
        runs: dict of recipe name to `Run`.
        reports: dict of recipe name to the metrics of its evaluation.
        split: held-out elements that all metrics are of, 'validation' or 'test'.
        out_dir: Path of the folder that holds the runs, comparison.json, comparison.md and comparison.png.
    """

    file = "comparison"

    def __init__(self, runs: dict[str, "Run"], out_dir: str | Path, split: str = "validation"):
        super().__init__(split, out_dir)
        self.runs = runs
        self.reports = {name: metrics_on(split, run) for name, run in runs.items()}

    @functools.cached_property
    def figure(self) -> "Figure":
        """Codes over the prior and samples of each recipe, side by side (figure 2)."""
        return figures.side_by_side([self._panel(name) for name in self.runs])

    def _panel(self, name):
        run, found = self.runs[name], self.reports[name]
        listed = [each for each in COLUMNS if each[0] in PANEL and each[0] in found]
        lines = [f"{title} {found[metric]['value']:.{decimals}f}" for metric, title, decimals in listed]
        panel = plane_panel(run.model, HeldOut(run.data, self.split, run.recipe.seed))
        return {**panel, "title": name, "caption": "\n".join(lines)}

    def rows(self) -> list[list[str]]:
        """Return the table: a heading row, then one row a recipe, all texts; '-' for a metric that it does not have."""
        lines = []
        for name, report in self.reports.items():
            history = self.runs[name].history
            seconds = sum(row["seconds"] for row in history)
            lines.append(([name, str(len(history)), f"{seconds:.0f} s"], [report]))
        return self._table(["recipe", "epochs", "time"], lines, errors=True)

    def _values(self):
        return self.reports


class Sweep(Results):
    """Settings, each trained with the same seeds.

    Attributes:
        settings: list of `Setting`.
        seeds: tuple of int.
        split: held-out elements that the metrics are of: 'validation', or 'test' for the chosen settings.
        out_dir: Path of the folder that holds the runs, sweep.json, sweep.md and sweep.png.
    """

    file = "sweep"

    def __init__(self, settings: list[Setting], seeds: tuple[int, ...], split: str, out_dir: str | Path):
        super().__init__(split, out_dir)
        self.settings, self.seeds = settings, tuple(seeds)

    @property
    def _monitors(self):
        return list(dict.fromkeys(setting.monitor for setting in self.settings if setting.monitor))

    def rows(self) -> list[list[str]]:
        """Return the table: a heading row, then one a setting, all texts: mean ± standard deviation over seeds."""
        lines = []
        for setting in self.settings:
            histories = [run.history for run in setting.runs.values()]
            seeds = f"{len(histories)}" + (f" ({len(setting.failed)} failed)" if setting.failed else "")
            cells = [setting.name, "yes" if setting.chosen else "", seeds, spread(list(map(len, histories)), 0)]
            cells.append(spread([sum(row["seconds"] for row in history) for history in histories], 0))
            found = setting.validated()
            found = found[np.isfinite(found)]
            cells += [spread(found if name == setting.monitor else [], 4) for name in self._monitors]
            lines.append((cells, setting.reports))
        heading = ["setting", "chosen", "seeds", "epochs", "seconds", *self._monitors]
        return self._table(heading, lines)

    @property
    def figure(self) -> "Figure":
        """The monitored metric over epochs, mean and standard deviation over seeds."""
        panels = {
            name: {
                setting.name: [[row[name] for row in run.history if name in row] for run in setting.runs.values()]
                for setting in self.settings
                if setting.monitor == name
            }
            for name in self._monitors
        }
        return figures.curves(panels, f"validation images, {len(self.seeds)} seeds: mean and standard deviation")

    def _values(self):
        return {"split": self.split, "seeds": list(self.seeds), "settings": list(map(_described, self.settings))}


def _described(setting):
    """Return a setting with its results as plain JSON values."""
    values = [float(value) if np.isfinite(value) else None for value in setting.validated()]
    reports = setting.reports
    names = [name for name in (reports[0] if reports else {}) if all(name in report for report in reports)]
    return {
        "setting": setting.name,
        "recipe": setting.recipe,
        "changed": {name: shown(value) for name, value in setting.changed.items()},
        "chosen": setting.chosen,
        "monitor": setting.monitor,
        "validation": dict(zip(map(str, setting.runs), values, strict=True)),
        "failed": {str(seed): text for seed, text in setting.failed.items()},
        "runs": [str(setting.folder(seed)) for seed in setting.runs],
        "metrics": {name: [report[name]["value"] for report in reports] for name in names},
    }


def metrics_on(split: str, run: "Run") -> dict:
    """Return the metrics of a run on a split: of its last report, or of a new evaluation."""
    return (run.last_report(split) or run.evaluate(split))["metrics"]


def spread(values: Any, decimals: int) -> str:
    """Return 'mean ± standard deviation' of numbers as text; '-' for none, the number alone for one."""
    if not len(values):
        return "-"
    text = f"{np.mean(values):.{decimals}f}"
    return f"{text} ± {np.std(values, ddof=1):.{decimals}f}" if len(values) > 1 else text


def shown(value: Any) -> str:
    """Return an option's value as text, a tuple's parts with commas between."""
    return ",".join(map(shown, value)) if isinstance(value, tuple | list) else str(value)
