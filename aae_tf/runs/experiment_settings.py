"""The settings of a sweep: recipes with some options changed, each with its runs."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aae_tf.errors import InputError
from aae_tf.recipes import get_recipe
from aae_tf.runs.comparison import options_taken


@dataclass
class Setting:
    """A recipe with some options changed, trained once for each seed.

    Attributes:
        recipe: its recipe's name.
        changed: dict of the options that the sweep varies to their values here.
        options: dict of all options that are changed in the recipe, seed apart.
        runs: dict of seed to its finished `Run`; a seed whose training failed is missing.
        failed: dict of such a seed to what went wrong.
        chosen: whether it is the best of its recipe, by the number that the model watches on validation images.
        reports: list of the metrics of the runs, one dict a seed, on the images that the sweep reports on.
    """

    recipe: str
    changed: dict
    options: dict
    runs: dict = field(default_factory=dict)
    failed: dict = field(default_factory=dict)
    chosen: bool = False
    reports: list = field(default_factory=list)

    @property
    def name(self):
        """The recipe's name and what is changed in it."""
        return " ".join([self.recipe, *(f"{name}={shown(value)}" for name, value in self.changed.items())])

    @property
    def monitor(self):
        """The name of the validation number that settings are chosen by; None where the model watches none."""
        return next((run.recipe.monitor or run.model.monitor for run in self.runs.values()), None)

    def folder(self, seed):
        """Return the run directory of a seed, a relative Path.

        Args:
            seed: int.
        """
        parts = [self.recipe, ",".join(f"{name}={shown(value)}" for name, value in self.changed.items())]
        return Path(*(part.replace("/", "_") for part in parts if part), f"seed-{seed}")

    def validated(self):
        """Return the monitor number of each run whose weights were kept, a float array [seeds]."""
        found = []
        for run in self.runs.values():
            kept = run.outcome.get("kept")
            found.append(kept["value"] if kept else run.history[-1].get(self.monitor, np.nan))
        return np.array(found, float)

    def unit(self):
        """Return what the monitor number is measured in: errors of differently scaled columns do not compare."""
        run = next(iter(self.runs.values()))
        of_rows = run.data.element.scaled_errors and self.monitor == "val_reconstruction_error"
        return str((run.recipe.options.get("image_scale"), run.data.columns.get_config())) if of_rows else None

    def order(self):
        """Return what settings are compared by: how many seeds failed, then the mean of the monitor number."""
        return len(self.failed), np.nan_to_num(self.validated(), nan=np.inf).mean()


def shown(value):
    """Return an option's value as text, a tuple's parts with commas between.

    Args:
        value: of any kind that options have.
    """
    return ",".join(map(shown, value)) if isinstance(value, tuple | list) else str(value)


def settings_of(recipes, grid, options):
    """Return the settings of a sweep, checked: a list of `Setting`.

    Args:
        recipes: names of recipes.
        grid: dict of option name to a list of values.
        options: dict of option name to a value that all have.

    Raises:
        InputError: no recipes, one twice or unknown, an option without values or that no recipe takes.
    """
    names = list(recipes)
    if not names or len(set(names)) < len(names):
        raise InputError(f"a sweep needs recipes, each once; given: {', '.join(names) or 'none'}")
    if "seed" in {*grid, *options}:
        raise InputError("the seeds of a sweep are given as seeds; seed cannot be set beside them")
    fixed = options_taken(names, options)
    varied = {name: {} for name in names}
    for option, values in grid.items():
        if not values:
            raise InputError(f"{option} has no values; give one or more")
        for value in values:
            for name, taken in options_taken(names, {option: value}).items():
                if taken:
                    varied[name].setdefault(option, []).append(value)
    found = []
    for name in names:
        for values in itertools.product(*varied[name].values()):
            changed = dict(zip(varied[name], values, strict=True))
            get_recipe(name).with_likely(**fixed[name], **changed)
            found.append(Setting(name, changed, {**fixed[name], **changed}))
    folders = [each.folder(0) for each in found]
    if len(set(folders)) < len(folders):
        raise InputError("a value was given twice, so two settings are the same; give each once")
    return found


def values_of(recipes, option, text):
    """Return the values that a text of the command line gives an option in turn: a list.

    They are separated by ';', or by ',' where one of the recipes does not take the whole text as one value.

    Args:
        recipes: names of recipes.
        option: the option's name.
        text: '0.1,0.2', 'gaussian', '500,500' or '500,500;1000,1000'.
    """
    if ";" in text:
        return [part.strip() for part in text.split(";") if part.strip()]
    try:
        options_taken(recipes, {option: text})
        return [text]
    except InputError:
        return [part.strip() for part in text.split(",")]


def seeds_of(text):
    """Return the seeds that a text of the command line names, a list of int.

    Args:
        text: '0-4' or '0,3,7'.

    Raises:
        InputError: it cannot be read.
    """
    try:
        spans = [[int(end) for end in part.split("-")] for part in text.split(",")]
        return [number for span in spans for number in range(span[0], span[-1] + 1)]
    except ValueError:
        raise InputError(f"--seeds {text} cannot be read; accepted: 0-4 or 0,3,7") from None
