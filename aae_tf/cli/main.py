"""The `aae-tf` command: train, evaluate, draw, use and export models from a shell.

Exit codes: 0 finished; 1 training failed; 2 invalid input, with a message of one line; 3 another worker ended; 130 or
143 interrupted by Ctrl-C or SIGTERM (the same command resumes).
"""

import sys
from typing import Annotated

import typer

from aae_tf.cli.datasets import data_app
from aae_tf.cli.experiments import Split, compare, print_table, sweep, train
from aae_tf.cli.predict import COMMANDS
from aae_tf.config.registry import load_plugin
from aae_tf.errors import InputError, NonFiniteLossError, WorkerLostError

app = typer.Typer(
    help="Adversarial autoencoders: train, evaluate, draw and serve them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")

RunDirectory = Annotated[str, typer.Argument(metavar="RUN", help="A run directory.")]
OwnData = Annotated[str | None, typer.Option(help="The run's own data again, where it is not found by itself.")]

for command in (train, compare, sweep):
    app.command()(command)


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(help="A recipe, to list its options.")] = None) -> None:
    """List the recipes, or the options of one."""
    from aae_tf.recipes import get_recipe
    from aae_tf.recipes import recipes as known
    from aae_tf.recipes.changes import FIXED, settable
    from aae_tf.runs.experiment_results import shown

    if name is None:
        headings = ("recipe", "what it shows", "model", "dataset", "epochs")
        rows = [(each.name, each.summary, each.model, each.dataset, str(each.epochs)) for each in known().values()]
    else:
        recipe = get_recipe(name).resolved()
        headings, accepted = ("--set", "value", "accepted"), settable(recipe)
        rows = [
            (option, shown(value), accepted[option].accepts if option in accepted else "")
            for option, value in recipe.flat().items()
            if option not in FIXED
        ]
    print_table(headings, rows)


@app.command()
def evaluate(
    run: RunDirectory,
    dataset: OwnData = None,
    likelihood_samples: Annotated[int, typer.Option(min=0, help="Samples of the Parzen window; 0 for none.")] = 10_000,
    split: Split = "test",
) -> None:
    """Evaluate a run on held-out images and write evaluation.json."""
    from aae_tf.runs.load import load_run
    from aae_tf.training.progress import sample_progress

    loaded = load_run(run, dataset)
    with sample_progress(likelihood_samples) as progress:
        report = loaded.evaluate(split, likelihood_samples=likelihood_samples, progress=progress)
    rows = []
    for name, metric in report["metrics"].items():
        baseline = f"{metric['baseline']:.4g} ({metric['baseline_is']})" if "baseline" in metric else ""
        rows.append((name, f"{metric['value']:.4g}", baseline, metric["unit"], f"{metric['n']:,}"))
    print_table(("metric", "value", "baseline", "unit", "n"), rows)


@app.command()
def figures(run: RunDirectory, dataset: OwnData = None, split: Split = "test") -> None:
    """Draw a run's figures."""
    from aae_tf.runs.load import load_run

    loaded = load_run(run, dataset)
    for name in loaded.figures(split):
        typer.echo(loaded.out_dir / "figures" / f"{name}.png")


@app.command()
def export(
    run: RunDirectory,
    dest: Annotated[str, typer.Argument(help="Folder of the served model.")],
    precision: Annotated[str, typer.Option(help="How weights are stored: float32 or float16.")] = "float32",
    png: Annotated[bool, typer.Option("--png", help="Add signatures that take PNG or JPEG files.")] = False,
) -> None:
    """Write a run's model as a SavedModel, DEST/<next version>."""
    from aae_tf.runs.load import load_run

    typer.echo(load_run(run).export(dest, precision, png))


for command in COMMANDS:
    app.command()(command)


@app.command()
def serve(
    dest: Annotated[str, typer.Argument(help="Folder of the served model, as export wrote it.")],
    builtin: Annotated[bool, typer.Option("--builtin", help="Use this package's small server, for trials.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on (--builtin).")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the REST interface.")] = 8501,
) -> None:
    """Serve an exported model with TensorFlow Serving, or with --builtin."""
    from aae_tf.serving import launch

    if builtin:
        launch.serve_builtin(dest, host, port)
    else:
        launch.serve(dest, port)


@app.command()
def explore(
    run: RunDirectory,
    dataset: OwnData = None,
    split: Split = "validation",
    host: Annotated[str, typer.Option(help="Address to listen on; by default this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 5006,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Whether to open a browser.")] = True,
) -> None:
    """Explore a run's latent space in a browser."""
    from aae_tf.explorer import explore as explore_run
    from aae_tf.runs.load import load_run

    explore_run(load_run(run, dataset), split, host, port, show)


@app.callback()
def plugins(
    plugin: Annotated[
        list[str] | None, typer.Option(envvar="AAE_TF_PLUGINS", help="A file or module with own priors, models, ...")
    ] = None,
) -> None:
    """Import plugins."""
    for each in plugin or []:
        load_plugin(each)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit; errors of this package are printed as one line, without a traceback."""
    try:
        app(arguments)
    except (InputError, NonFiniteLossError, WorkerLostError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1 if isinstance(error, NonFiniteLossError) else 3)
