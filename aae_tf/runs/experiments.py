"""`sweep()`: recipes trained with several seeds and settings; what is chosen is chosen on validation images.

One seed says little: another draw of labels or of initial weights moves an error by more than many a setting does. A
sweep gives means and standard deviations over seeds, and compares settings by the number that their model watches on
validation images. Test images are looked at for the chosen setting alone.
"""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Unpack

import numpy as np
from rich.console import Console

from aae_tf import figures
from aae_tf.config.registry import load_plugin, loaded_plugins
from aae_tf.errors import InputError, NonFiniteLossError, check_choice
from aae_tf.recipes.options import RecipeOptions
from aae_tf.runs.comparison import COLUMNS, markdown_table
from aae_tf.runs.directory import read_record
from aae_tf.runs.experiment_settings import Setting, settings_of, shown
from aae_tf.runs.run import load_run
from aae_tf.runs.train import train
from aae_tf.utils.files import atomic_write, write_json


class Sweep:
    """Settings, each trained with the same seeds.

    Attributes:
        settings: list of `Setting`.
        seeds: tuple of int.
        split: held-out images that the metrics are of: 'validation', or 'test' for the chosen settings.
        out_dir: Path of the folder that holds the runs, sweep.json, sweep.md and sweep.png.
    """

    def __init__(self, settings, seeds, split, out_dir):
        self.settings, self.seeds, self.split, self.out_dir = settings, tuple(seeds), split, Path(out_dir)

    def rows(self):
        """Return the table: a heading row, then one a setting, all texts: mean ± standard deviation over seeds."""
        measured = [report for setting in self.settings for report in setting.reports]
        known = [column for column in COLUMNS if any(column[0] in report for report in measured)]
        monitor = list(dict.fromkeys(setting.monitor for setting in self.settings if setting.monitor))
        rows = [["setting", "chosen", "seeds", "epochs", "seconds", *monitor, *(heading for _, heading, _ in known)]]
        for setting in self.settings:
            lengths = [len(run.history) for run in setting.runs.values()]
            seconds = [sum(row["seconds"] for row in run.history) for run in setting.runs.values()]
            found = setting.validated()
            found = found[np.isfinite(found)]
            cells = [spread(found if name == setting.monitor else [], 4) for name in monitor]
            for measure, _, decimals in known:
                values = [report[measure]["value"] for report in setting.reports if measure in report]
                cells.append(spread(values, decimals))
            seeds = f"{len(setting.runs)}" + (f" ({len(setting.failed)} failed)" if setting.failed else "")
            about = ["yes" if setting.chosen else "", seeds, spread(lengths, 0), spread(seconds, 0)]
            rows.append([setting.name, *about, *cells])
        return rows

    @property
    def figure(self):
        """The monitor number over epochs, mean and standard deviation over seeds: a `matplotlib.figure.Figure`."""
        names = dict.fromkeys(setting.monitor for setting in self.settings if setting.monitor)
        panels = {
            name: {
                setting.name: [[row[name] for row in run.history if name in row] for run in setting.runs.values()]
                for setting in self.settings
                if setting.monitor == name
            }
            for name in names
        }
        return figures.curves(panels, f"validation images, {len(self.seeds)} seeds: mean and standard deviation")

    def save(self):
        """Write sweep.json, sweep.md and sweep.png, each whole or not at all."""
        kept = [
            {
                "setting": setting.name,
                "recipe": setting.recipe,
                "changed": {name: shown(value) for name, value in setting.changed.items()},
                "chosen": setting.chosen,
                "monitor": setting.monitor,
                "validation": {
                    str(seed): float(value) if np.isfinite(value) else None
                    for seed, value in zip(setting.runs, setting.validated(), strict=True)
                },
                "failed": {str(seed): text for seed, text in setting.failed.items()},
                "runs": [str(setting.folder(seed)) for seed in setting.runs],
                "metrics": {
                    name: [report[name]["value"] for report in setting.reports] for name in _common(setting.reports)
                },
            }
            for setting in self.settings
        ]
        write_json(self.out_dir / "sweep.json", {"split": self.split, "seeds": list(self.seeds), "settings": kept})
        atomic_write(self.out_dir / "sweep.md", lambda file: file.write(markdown_table(self.rows()).encode()))
        atomic_write(self.out_dir / "sweep.png", lambda file: self.figure.savefig(file, format="png", dpi=150))


def _common(reports):
    return [name for name in (reports[0] if reports else {}) if all(name in report for report in reports)]


def spread(values, decimals):
    """Return 'mean ± standard deviation' of numbers, as text; '-' for none, the number alone for one.

    Args:
        values: list or array of numbers.
        decimals: int, digits after the point.
    """
    if not len(values):
        return "-"
    text = f"{np.mean(values):.{decimals}f}"
    return f"{text} ± {np.std(values, ddof=1):.{decimals}f}" if len(values) > 1 else text


def sweep(
    recipes,
    dataset=None,
    *,
    seeds=(0, 1, 2),
    grid=None,
    out_dir="runs/sweep",
    processes=1,
    jit_compile=None,
    split="validation",
    progress=True,
    **options: Unpack[RecipeOptions],
):
    """Train recipes with every combination of seeds and settings, or reuse what is there, and choose among settings.

    Each training is a run of its own (`out_dir/RECIPE/SETTING/seed-N`): interrupted, the same call goes on where it
    was. The chosen setting of a recipe has the lowest mean over seeds of the number its model watches on validation
    images; none is chosen where settings scale columns differently, for their errors do not compare. A training that
    fails (a loss that is not finite, an option that this recipe cannot use) is noted, and the others go on.

    Args:
        recipes: names of recipes.
        dataset: as for `aae_tf.train`; by default the recipes' own.
        seeds: ints, each another draw of weights, shuffles and labelled images.
        grid: dict of option name to the list of values it is to have in turn, in every recipe that takes it.
        out_dir: folder of the sweep.
        processes: trainings at a time, each in a process of its own with its share of the cores and the plugins that
            are loaded here.
        jit_compile: as for `aae_tf.train`.
        split: 'validation', or 'test': the chosen settings are then measured on test images too.
        progress: show progress on stderr.
        **options: options changed in every recipe that takes them.

    Returns:
        A `Sweep`, also written to `out_dir`.

    Raises:
        InputError: no recipes or seeds, one twice, values that none takes; before any training.
    """
    check_choice("split", split, ("validation", "test"))
    if processes < 1:
        raise InputError(f"processes={processes} train nothing; accepted: 1 or more")
    settings = settings_of(recipes, grid or {}, options)
    seeds = list(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"a sweep needs seeds, each once; given: {', '.join(map(str, seeds)) or 'none'}")
    if processes > 1 and hasattr(dataset, "element_spec"):
        raise InputError("a tf.data.Dataset cannot be given to other processes; use processes=1, a name or arrays")
    shared = {"jit_compile": jit_compile, "progress": progress and processes == 1}
    tasks = [
        (setting, seed, {"out_dir": Path(out_dir) / setting.folder(seed), "seed": seed, **shared, **setting.options})
        for seed in seeds  # a whole round of settings before the next seed: what there is can be compared early
        for setting in settings
    ]
    console = Console(stderr=True, quiet=not progress)
    finished = _in_turn(tasks, dataset) if processes == 1 else _at_once(tasks, dataset, processes)
    for number, (setting, seed, failure) in enumerate(finished):
        text = failure or f"{setting.name} seed {seed}: done"
        console.print(f"{number + 1} of {len(tasks)}: {text}", highlight=False, soft_wrap=True)
        if failure:
            setting.failed[seed] = failure
    loaded = {}
    for setting in settings:
        for seed in (seed for seed in seeds if seed not in setting.failed):
            setting.runs[seed] = _finished(Path(out_dir) / setting.folder(seed), dataset, loaded)
    if not any(setting.runs for setting in settings):
        raise InputError(f"no training came to its end; the first: {next(iter(settings[0].failed.values()))}")
    found = Sweep(_chosen(settings, split), seeds, split, out_dir)
    found.save()
    return found


def _in_turn(tasks, dataset):
    for setting, seed, how in tasks:
        yield setting, seed, _train(setting.recipe, dataset, how)


def _at_once(tasks, dataset, processes):
    """Train in several processes, each with its share of the cores; yields what finishes, as it does."""
    cores = max(1, (os.cpu_count() or 1) // processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _prepare, (cores, tuple(loaded_plugins))) as pool:
        waiting = {pool.submit(_train_alone, each.recipe, dataset, how): (each, seed) for each, seed, how in tasks}
        try:
            for done in as_completed(waiting):
                yield *waiting[done], done.result()
        except BrokenProcessPool:
            raise InputError(
                "a training's process was ended from outside; the same command goes on from there"
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _prepare(cores, plugins):
    """Make ready a process that trains."""
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(cores)
    for plugin in plugins:
        load_plugin(plugin)


def _train_alone(recipe, dataset, how):
    """Train in a process of its own, as `_train`; a signal ends it, where a pool would give it the next training."""
    try:
        return _train(recipe, dataset, how)
    except (KeyboardInterrupt, SystemExit) as stop:  # what was done is kept
        os._exit(130 if isinstance(stop, KeyboardInterrupt) else 143)


def _train(recipe, dataset, how):
    """Train once; return what went wrong, None if nothing did."""
    try:
        train(recipe, dataset, **how)
    except (InputError, NonFiniteLossError) as error:
        return f"{how['out_dir']}: {error}"
    return None


def _finished(folder, dataset, loaded):
    """Return the `Run` in a folder, its images those of the runs before it where they are the same."""
    recipe = read_record(folder)["recipe"]
    images = json.dumps([recipe.get(name) for name in ("dataset", "image_size", "columns")], sort_keys=True)
    run = load_run(folder, loaded.get(images, dataset))
    loaded[images] = run.data
    return run


def _chosen(settings, split):
    """Return the settings with the best of each recipe marked, and their metrics read or made."""
    for name in dict.fromkeys(setting.recipe for setting in settings):
        judged = [each for each in settings if each.recipe == name and each.monitor and np.isfinite(each.order()[1])]
        if judged and len({each.unit() for each in judged}) == 1:
            min(judged, key=Setting.order).chosen = True
    for setting in settings:
        for run in setting.runs.values() if split == "validation" or setting.chosen else ():
            report = run.last_report(split) or run.evaluate(split)
            setting.reports.append(report["metrics"])
    return settings
