"""`compare()` and `sweep()`: several trainings on the same data, of recipes, of settings of their options, of seeds.

One seed says little: other labels or initial weights change an error by more than many options do. A sweep gives means
and standard deviations over seeds. It chooses between settings by the metric that their model monitors on validation
elements; test elements are used for the chosen setting alone.
"""

import itertools
import json
import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from rich.console import Console

from aae_tf.config.registry import load_plugin, loaded_plugins
from aae_tf.config.schema import Range
from aae_tf.errors import InputError, NonFiniteLossError, check_choice
from aae_tf.recipes import get_recipe
from aae_tf.recipes.options import ExperimentOptions
from aae_tf.runs.directory import read_record
from aae_tf.runs.execute import Execution
from aae_tf.runs.experiment_results import Comparison, Setting, Sweep, metrics_on
from aae_tf.runs.load import load_run
from aae_tf.runs.plan import resolve
from aae_tf.runs.train import train


def compare(
    recipes: Iterable[str],
    dataset: Any = None,
    *,
    out_dir: str | Path = "runs/compare",
    jit_compile: bool | None = None,
    split: str = "validation",
    progress: bool = True,
    **options: Unpack[ExperimentOptions],
) -> Comparison:
    """Train several recipes on the same data, or reuse finished runs, and compare their metrics and latent planes.

    Args:
        recipes: names of recipes, each with its run in `out_dir/NAME`.
        dataset: as for `aae_tf.train`; by default the recipes' own.
        out_dir: folder of the comparison.
        jit_compile: as for `aae_tf.train`.
        split: held-out elements of the comparison: 'validation', or 'test' for a final report.
        progress: as for `aae_tf.train`.
        **options: options changed in each recipe that has them (`epochs=5`, `discriminator_widths=(500, 500)`).

    Returns:
        A `Comparison`, also written to `out_dir`.

    Raises:
        InputError: no recipes, one unknown or twice, options that none of them has, or what `train` refuses. It is
            raised before any training, except for a recipe that starts from the weights of another one, and for locks.
    """
    out_dir = Path(out_dir).absolute()
    shared = {"jit_compile": jit_compile, "split": split}
    plans = {
        each.recipe: resolve(each.recipe, dataset, out_dir=out_dir / each.recipe, **shared, **each.options)
        for each in settings_of(recipes, {}, options)
    }
    folders = {str(plan.out_dir.resolve()) for plan in plans.values()}
    ready = {
        name: Execution(plan, progress=progress)
        for name, plan in plans.items()
        if plan.recipe.warm_start not in folders  # else it starts from another run of this comparison
    }
    runs = {name: (ready.pop(name, None) or Execution(plan, progress=progress)).run() for name, plan in plans.items()}
    found = Comparison(runs, out_dir, split)
    found.save()
    return found


def sweep(
    recipes: Iterable[str],
    dataset: Any = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    grid: dict[str, Sequence] | None = None,
    out_dir: str | Path = "runs/sweep",
    processes: int = 1,
    jit_compile: bool | None = None,
    split: str = "validation",
    progress: bool = True,
    **options: Unpack[ExperimentOptions],
) -> Sweep:
    """Train recipes with every combination of settings and seeds, or reuse finished runs, and choose between settings.

    Each training is a run (`out_dir/RECIPE/SETTING/seed-N`); the same call resumes an interrupted sweep. The chosen
    setting of a recipe has the lowest mean over seeds of the metric that its model monitors on validation elements.
    None is chosen if settings scale columns differently, since their errors cannot be compared. A training that fails
    (a loss that is not finite, an option that the recipe cannot use) is noted, and the others continue.

    Args:
        recipes: names of recipes.
        dataset: as for `aae_tf.train`; by default the recipes' own.
        seeds: ints; each gives other initial weights, shuffles and labelled elements.
        grid: dict of option name to its values, for each recipe that has it.
        out_dir: folder of the sweep.
        processes: number of trainings at a time, each in a process with its share of the cores and the loaded plugins.
        jit_compile: as for `aae_tf.train`.
        split: 'validation', or 'test' to evaluate the chosen settings on test elements as well.
        progress: whether to show progress on stderr.
        **options: options changed in each recipe that has them.

    Returns:
        A `Sweep`, also written to `out_dir`.

    Raises:
        InputError: no recipes or seeds, one twice, values that no recipe takes; before any training.
    """
    check_choice("split", split, ("validation", "test"))
    Range(1).check("processes", processes)
    if "seed" in {*(grid or {}), *options}:
        raise InputError("the seeds of a sweep are given as seeds; seed cannot be set beside them")
    settings = settings_of(recipes, grid or {}, options)
    seeds = list(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"a sweep needs seeds, each once; given: {', '.join(map(str, seeds)) or 'none'}")
    if processes > 1 and hasattr(dataset, "element_spec"):
        raise InputError("a tf.data.Dataset cannot be given to other processes; use processes=1, a name or arrays")
    out_dir = Path(out_dir).absolute()
    shared = {"jit_compile": jit_compile, "progress": progress and processes == 1}
    tasks = [
        (setting, seed, {"out_dir": out_dir / setting.folder(seed), "seed": seed, **shared, **setting.options})
        for seed, setting in itertools.product(seeds, settings)  # all settings with one seed before the next seed
    ]
    console = Console(stderr=True, quiet=not progress)
    in_turn = ((setting, seed, _train(setting.recipe, dataset, how)) for setting, seed, how in tasks)
    finished = in_turn if processes == 1 else _at_once(tasks, dataset, processes)
    for number, (setting, seed, failure) in enumerate(finished):
        text = failure or f"{setting.name} seed {seed}: done"
        console.print(f"{number + 1} of {len(tasks)}: {text}", highlight=False, soft_wrap=True)
        if failure:
            setting.failed[seed] = failure
    loaded = {}
    for setting in settings:
        folders = {seed: out_dir / setting.folder(seed) for seed in seeds if seed not in setting.failed}
        setting.runs = {seed: _finished(folder, dataset, loaded) for seed, folder in folders.items()}
    if not any(setting.runs for setting in settings):
        raise InputError(f"no training came to its end; the first: {next(iter(settings[0].failed.values()))}")
    _choose(settings)
    for setting in settings:
        if split == "validation" or setting.chosen:
            setting.reports = [metrics_on(split, run) for run in setting.runs.values()]
    found = Sweep(settings, seeds, split, out_dir)
    found.save()
    return found


def settings_of(recipes: Iterable[str], grid: dict[str, Sequence], options: dict[str, Any]) -> list[Setting]:
    """Return the settings of recipes: every combination of the values of `grid`, with `options` in all of them."""
    names = list(recipes)
    if not names or len(set(names)) < len(names):
        raise InputError(f"recipes are needed, each once; given: {', '.join(names) or 'none'}")
    fixed, varied = options_taken(names, options), {name: {} for name in names}
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
    if len({each.folder(0) for each in found}) < len(found):
        raise InputError("a value was given twice, so two settings are the same; give each once")
    return found


def options_taken(names: Sequence[str], options: dict[str, Any]) -> dict[str, dict]:
    """Return a dict of options for each recipe, those that it has; one that none of them has raises `InputError`."""
    taken, known = {name: {} for name in names}, {name: get_recipe(name) for name in names}
    for option, value in options.items():
        refusals = []
        for name, recipe in known.items():
            try:
                recipe.with_likely(**{option: value})
                taken[name][option] = value
            except InputError as error:
                refusals.append(error)
        if len(refusals) == len(known):
            raise refusals[0]
    return taken


def values_of(recipes: Sequence[str], option: str, text: str) -> list[str]:
    """Return the values in a text, separated by ';', or by ',' where no recipe takes the text as one value."""
    if ";" in text:
        return [part.strip() for part in text.split(";") if part.strip()]
    try:
        options_taken(recipes, {option: text})
        return [text]
    except InputError:
        return [part.strip() for part in text.split(",")]


def seeds_of(text: str) -> list[int]:
    """Return the seeds in a text of the command line: '0-4' or '0,3,7'."""
    try:
        spans = [[int(end) for end in part.split("-")] for part in text.split(",")]
        return [number for span in spans for number in range(span[0], span[-1] + 1)]
    except ValueError:
        raise InputError(f"--seeds {text} cannot be read; accepted: 0-4 or 0,3,7") from None


def _at_once(tasks, dataset, processes):
    """Train in several processes, each with its share of the cores; yield each result as it comes."""
    cores = max(1, (os.cpu_count() or 1) // processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin_process, (cores, tuple(loaded_plugins))) as pool:
        waiting = {pool.submit(_train, each.recipe, dataset, how, True): (each, seed) for each, seed, how in tasks}
        try:
            for done in as_completed(waiting):
                yield *waiting[done], done.result()
        except BrokenProcessPool:
            raise InputError("a training's process was ended from outside; the same command resumes it") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin_process(cores, plugins):
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(cores)
    for plugin in plugins:
        load_plugin(plugin)


def _train(recipe, dataset, how, alone=False):
    """Train once; return the error message, None without an error. A signal ends the process of an `alone` training."""
    try:
        train(recipe, dataset, **how)
    except (InputError, NonFiniteLossError) as error:
        return f"{how['out_dir']}: {error}"
    except (KeyboardInterrupt, SystemExit) as stop:
        if alone:  # otherwise the process would get the next training
            os._exit(130 if isinstance(stop, KeyboardInterrupt) else 143)
        raise
    return None


def _finished(folder, dataset, loaded):
    """Return the `Run` in a folder; its data is that of an earlier run where it is the same."""
    recipe = read_record(folder)["recipe"]
    key = json.dumps([recipe.get(name) for name in ("dataset", "image_size", "columns")], sort_keys=True)
    run = load_run(folder, loaded.get(key, dataset))
    loaded[key] = run.data
    return run


def _choose(settings):
    """Mark the best setting of each recipe, unless the units of the monitored metric differ."""
    for name in dict.fromkeys(setting.recipe for setting in settings):
        found = [each for each in settings if each.recipe == name and each.monitor]
        judged = [each for each in found if np.isfinite(each.validated()).all()]
        if len({_unit(each) for each in judged}) == 1:
            min(judged, key=lambda each: (len(each.failed), each.validated().mean())).chosen = True


def _unit(setting):
    """Return the unit of the monitored metric: errors of differently scaled columns cannot be compared."""
    run = next(iter(setting.runs.values()))
    scaled = run.data.element.scaled_errors and setting.monitor == "val_reconstruction_error"
    return str((run.recipe.options.get("image_scale"), run.data.columns.get_config())) if scaled else None
