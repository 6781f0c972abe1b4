"""The commands that train: `aae-tf train`, `aae-tf compare` and `aae-tf sweep`."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from aae_tf.errors import InputError

Split = Annotated[
    str, typer.Option(metavar="validation|test", help="Held-out images to evaluate and draw; test only to report.")
]
Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change any option of the recipe; repeatable.")
]
RecipesData = Annotated[str | None, typer.Option(help="As for train; by default the recipes' own.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training images.")]
Seed = Annotated[int | None, typer.Option(help="Random seed.")]
Folder = Annotated[str, typer.Option(help="Output folder; finished runs in it are reused.")]


def train(
    recipe: Annotated[str, typer.Argument(help="The experiment; 'aae-tf recipes' lists them.")] = "gaussian",
    dataset: Annotated[
        str | None,
        typer.Option(help="TFDS name, folder, or .npz, .npy, .csv, .parquet file; by default the recipe's."),
    ] = None,
    epochs: Epochs = None,
    labels: Annotated[str | None, typer.Option(help="Labelled training images to use: 100, 20% or all.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of a table that holds the labels.")] = None,
    seed: Seed = None,
    out: Annotated[str | None, typer.Option(help="Run directory; the same command resumes it.")] = None,
    warm_start: Annotated[str | None, typer.Option(help="Run directory whose weights training starts from.")] = None,
    checkpoint_minutes: Annotated[float, typer.Option(min=0, help="Maximum minutes between checkpoints.")] = 10.0,
    from_last_good: Annotated[
        bool, typer.Option("--from-last-good", help="Resume a diverged run, with other rates, where it was finite.")
    ] = False,
    strategy: Annotated[
        str | None, typer.Option(help="mirrored: all GPUs of this machine; multi_worker: the workers in TF_CONFIG.")
    ] = None,
    split: Split = "validation",
    options: Options = None,
) -> None:
    """Train a recipe, then write its metrics, figures and a servable model."""
    changes = _changes(options, epochs=epochs, labels=labels, label=label, seed=seed, warm_start=warm_start)
    from aae_tf.recipes import get_recipe
    from aae_tf.runs.train import train as train_recipe

    get_recipe(recipe).with_likely(**changes)  # the text of --set names options, no other argument of train
    run_options = {"strategy": strategy, "checkpoint_minutes": checkpoint_minutes, "from_last_good": from_last_good}
    with _interruptible():
        run = train_recipe(recipe, changes.pop("dataset", dataset), out_dir=out, split=split, **run_options, **changes)
    typer.echo(run.out_dir)


def compare(
    recipes: Annotated[list[str], typer.Argument(help="Two or more recipes.")],
    dataset: RecipesData = None,
    epochs: Epochs = None,
    seed: Seed = None,
    out: Folder = "runs/compare",
    split: Split = "validation",
    options: Options = None,
) -> None:
    """Train several recipes on the same images, or reuse their runs; print a table and draw a figure."""
    changes = _changes(options, epochs=epochs, seed=seed)
    from aae_tf.runs.experiments import compare as compare_recipes

    with _interruptible():
        found = compare_recipes(recipes, changes.pop("dataset", dataset), out_dir=out, split=split, **changes)
    _print_transposed(found.rows())
    typer.echo(found.out_dir / "comparison.png")


def sweep(
    recipes: Annotated[list[str], typer.Argument(help="One or more recipes.")],
    dataset: RecipesData = None,
    seeds: Annotated[str, typer.Option(help="Seeds, one training each: 0-4 or 0,3,7.")] = "0-2",
    epochs: Epochs = None,
    labels: Annotated[str | None, typer.Option(help="Labelled training images: 100, or 100,1000.")] = None,
    out: Folder = "runs/sweep",
    processes: Annotated[int, typer.Option(min=1, help="Parallel trainings, each with its share of the cores.")] = 1,
    split: Split = "validation",
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=A,B", help="Values; ';' separates values with commas.")
    ] = None,
) -> None:
    """Train recipes with several seeds and settings, and choose the settings on validation images."""
    from aae_tf.runs.experiments import seeds_of, values_of
    from aae_tf.runs.experiments import sweep as sweep_recipes

    changes = _changes(options, labels=labels)
    dataset = changes.pop("dataset", dataset)
    values = {name: values_of(recipes, name, text) for name, text in changes.items()}
    fixed = {name: each[0] for name, each in values.items() if len(each) == 1}
    fixed |= {} if epochs is None else {"epochs": epochs}
    grid = {name: each for name, each in values.items() if len(each) > 1}
    with _interruptible():
        found = sweep_recipes(
            recipes, dataset, seeds=seeds_of(seeds), grid=grid, out_dir=out, processes=processes, split=split, **fixed
        )
    _print_transposed(found.rows())
    typer.echo(found.out_dir / "sweep.png")


def _changes(options: list[str] | None, **named: object) -> dict:
    """Return the options that the command line changes."""
    changes = {}
    for option in options or ():
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise InputError(f"--set {option} cannot be read; accepted: --set field=value")
        changes[name.strip()] = value.strip()
    return changes | {name: value for name, value in named.items() if value is not None}


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Exit with a message and code 130 or 143 on Ctrl-C or SIGTERM."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        code = 130 if isinstance(stop, KeyboardInterrupt) else stop.code
        if code not in (130, 143):  # not a signal
            raise
        typer.echo("interrupted; finished steps are kept: the same command resumes from there", err=True)
        raise typer.Exit(code) from None


def _print_transposed(rows: Iterable[Iterable[str]]) -> None:
    """Print rows, the first with headings, as columns."""
    (_, *names), *columns = zip(*rows, strict=True)
    print_table(("", *names), columns)


def print_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table, 160 characters wide where the output is not a terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings, box=None)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
