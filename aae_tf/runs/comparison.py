"""`compare()`: several recipes on the same images, their numbers in one table and their latent planes in one figure."""

from pathlib import Path
from typing import Unpack

from aae_tf import figures
from aae_tf.errors import InputError
from aae_tf.recipes import get_recipe
from aae_tf.recipes.options import RecipeOptions
from aae_tf.reporting import HeldOut, plane_panel
from aae_tf.runs.plan import prepare
from aae_tf.runs.train import carry_out
from aae_tf.utils.files import atomic_write, write_json

# the metrics of a comparison, in its order: (name, heading, decimals)
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


class Comparison:
    """Several runs on the same images.

    Attributes:
        runs: dict of recipe name to `Run`.
        reports: dict of recipe name to its evaluation's metrics.
        figure: `matplotlib.figure.Figure` of codes over the prior and of samples, side by side (figure 2).
        out_dir: Path of the folder that holds the runs, comparison.json, comparison.md and comparison.png.
        split: held-out images that all of it is of, 'validation' or 'test'.
    """

    def __init__(self, runs, out_dir, split="validation"):
        self.runs, self.out_dir, self.split = runs, Path(out_dir), split
        self.reports = {name: run.last_report(split)["metrics"] for name, run in runs.items()}
        self.figure = figures.side_by_side([self._panel(name) for name in runs])

    def _panel(self, name):
        run, found = self.runs[name], self.reports[name]
        lines = [
            f"{heading} {found[measure]['value']:.{decimals}f}"
            for measure, heading, decimals in COLUMNS
            if measure in ("two_sample_accuracy", "prior_coverage_gap", "log_likelihood") and measure in found
        ]
        panel = plane_panel(run.model, HeldOut(run.data, self.split, run.recipe.seed))
        return {**panel, "title": name, "caption": "\n".join(lines)}

    def rows(self):
        """Return the table: a heading row, then one row a recipe, all texts; '-' where a measure does not fit."""
        known = [column for column in COLUMNS if any(column[0] in report for report in self.reports.values())]
        rows = [["recipe", "epochs", "time", *(heading for _, heading, _ in known)]]
        for name, report in self.reports.items():
            history = self.runs[name].history
            seconds = sum(row["seconds"] for row in history)
            rows.append([name, str(len(history)), f"{seconds:.0f} s", *(_cell(report, *column) for column in known)])
        return rows

    def markdown(self):
        """Return the table in Markdown."""
        return markdown_table(self.rows())

    def save(self):
        """Write comparison.json, comparison.md and comparison.png, each whole or not at all."""
        write_json(self.out_dir / "comparison.json", self.reports)
        atomic_write(self.out_dir / "comparison.md", lambda file: file.write(self.markdown().encode()))
        atomic_write(self.out_dir / "comparison.png", lambda file: self.figure.savefig(file, format="png", dpi=150))


def markdown_table(rows):
    """Return a table in Markdown.

    Args:
        rows: lists of texts, a heading row first.
    """
    heading, *others = rows
    lines = [heading, ["---"] * len(heading), *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(report, measure, _, decimals):
    if measure not in report:
        return "-"
    value, error = report[measure]["value"], report[measure].get("standard_error")
    text = f"{value:.{decimals}f}"
    return f"{text} ± {error:.{decimals}f}" if error and measure == "log_likelihood" else text


def options_taken(names, options):
    """Return which of the options each recipe takes: dict of recipe name to a dict of options.

    Args:
        names: names of recipes.
        options: dict of option name to value.

    Raises:
        InputError: an unknown recipe, or an option that none of them takes.
    """
    recipes = {name: get_recipe(name) for name in names}
    taken = {name: {} for name in names}
    for option, value in options.items():
        refusal = None
        for name, recipe in recipes.items():
            try:
                recipe.with_likely(**{option: value})
                taken[name][option] = value
            except InputError as error:
                refusal = refusal or error
        if not any(option in each for each in taken.values()):
            raise refusal
    return taken


def compare(
    recipes,
    dataset=None,
    *,
    out_dir="runs/compare",
    jit_compile=None,
    split="validation",
    progress=True,
    **options: Unpack[RecipeOptions],
):
    """Train several recipes on the same images, or reuse what is there, and compare them.

    Args:
        recipes: names of recipes; each has its run in `out_dir/NAME`, which is resumed, or reused if it is finished.
        dataset: as for `aae_tf.train`; by default the recipes' own.
        out_dir: folder of the comparison.
        jit_compile: as for `aae_tf.train`.
        split: held-out images they are compared on: 'validation', or 'test' to report.
        progress: show progress on stderr.
        **options: options changed in every recipe that takes them (`epochs=5`, `discriminator_widths=(500, 500)`).

    Returns:
        A `Comparison`, also written to `out_dir`.

    Raises:
        InputError: no recipes, an unknown one or one twice, options that none of them takes, or anything else that
            `train` refuses; before the first is trained, but for what starts from the run of another of them, and for
            a run directory that another process is training into.
    """
    names = list(recipes)
    if not names or len(set(names)) < len(names):
        raise InputError(f"a comparison needs recipes, each once; given: {', '.join(names) or 'none'}")
    taken = options_taken(names, options)
    shared = {"jit_compile": jit_compile, "split": split, "progress": progress}
    folders = {name: Path(out_dir) / name for name in names}

    def prepared(name):
        return prepare(name, dataset, out_dir=folders[name], **shared, **taken[name])

    def follows(name):
        """Return whether it starts from what another recipe of this comparison is trained to."""
        start = get_recipe(name).with_likely(**taken[name]).warm_start
        return bool(start) and Path(start).expanduser().resolve() in {folder.resolve() for folder in folders.values()}

    trainings, runs = {name: prepared(name) for name in names if not follows(name)}, {}
    for name in names:
        runs[name] = carry_out(trainings.pop(name) if name in trainings else prepared(name))
    for run in runs.values():  # a finished run may have been measured on other images
        if run.last_report(split) is None:
            run.evaluate(split)
    found = Comparison(runs, out_dir, split)
    found.save()
    return found
