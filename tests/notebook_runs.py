"""How the tests run a notebook: from top to bottom, on the embedded data, with less to do than its reader asks for."""

import atexit
import functools
import inspect
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.util import run_sync

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
NEEDS_ALL_DIGITS = ("12_anomaly_detection",)  # others have every fifth
NEEDS_REPORTS = ("00_quickstart", "07_dimensionality_reduction")  # others ask for what they show
SMALL = {"epochs": 1, "widths": (64,), "discriminator_widths": (64,), "jit_compile": False}
BATCH = 350  # of the embedded digits: two steps for every fifth of them
FEWER = {  # what a notebook does at length, and what it does in the tests
    "02_labels_in_the_game": {'(100, 350, "all")': "(100,)"},
    "03_likelihood": {"=10_000": "=500", "300, 1000, 3000, 10_000, 30_000]": "300]", "count = 1000": "count = 200"},
    "06_clustering": {"n_init=4": "n_init=1"},
    "09_serving": {"images[::100]": "images[::20]"},
    "12_anomaly_detection": {"for digit in range(10):\n    own_run": "for digit in range(1):\n    own_run"},
}


def quicken(small, batch, folder, whole=False, report=False):
    """Begin in a folder, with every training of this process a small one, whatever is asked for."""
    import dataclasses
    import gc
    import os

    import aae_tf
    import aae_tf.runs.experiments
    import aae_tf.runs.train

    os.chdir(folder)
    if "fifth" not in aae_tf.data.DATASETS:  # the first notebook of this process
        from matplotlib.figure import Figure

        from aae_tf.backend import tf
        from aae_tf.data import DATASETS, load
        from aae_tf.runs.run import Run
        from aae_tf.training.step_loop import StepLoop

        steps, export = StepLoop.__call__, Run.export

        def eager_steps(loop, *args):
            """Take few steps without tracing them first."""
            tf.config.run_functions_eagerly(loop.steps < 10)
            try:
                return steps(loop, *args)
            finally:
                tf.config.run_functions_eagerly(False)

        def asked_export(run, dest=None, *args, **options):
            """Export what a notebook asks for, and leave it out of reports."""
            return dest and export(run, dest, *args, **options)

        StepLoop.__call__, Run.export = eager_steps, asked_export
        Run.evaluate.__defaults__ = Run.report.__defaults__ = ("test", 500, None)  # samples for the likelihood
        Figure.savefig = lambda *args, **options: None  # files stay empty: what a notebook shows is drawn for it anyway
        digits = load("mnist_5k")
        parts = {name: getattr(digits, name).take(slice(None, None, 5)) for name in ("train", "validation", "test")}
        fifth = dataclasses.replace(digits, **parts)
        DATASETS.register(lambda image_size: fifth, "fifth")
        DATASETS.register(DATASETS["mnist_5k"], "every")
    digits = aae_tf.data.DATASETS["every" if whole else "fifth"]
    aae_tf.data.DATASETS.register(digits, "mnist_5k", override=True)
    train, compare = aae_tf.runs.train.train, aae_tf.runs.experiments.compare

    def quick_train(recipe="gaussian", *args, **options):
        from aae_tf.recipes import get_recipe

        taken = {} if options.get("model") is not None else get_recipe(recipe).accepted()
        fitting = {name: value for name, value in small.items() if name in taken or name in ("epochs", "jit_compile")}
        if isinstance(options.get("dataset"), str) and options["dataset"] == "mnist_5k":
            fitting["batch_size"] = batch
        return train(recipe, *args, **{"report": report} | options | fitting)

    def quick_compare(*args, **options):
        fitting = {name: small[name] for name in ("epochs", "widths", "jit_compile")}
        return compare(*args, **options | fitting | {"batch_size": batch})

    aae_tf.train, aae_tf.compare = quick_train, quick_compare
    gc.freeze()  # what is there already is left out of collections


@functools.cache
def kernel():
    """Start a kernel for all of a process's notebooks: importing TensorFlow takes longer than many a notebook."""
    manager = NotebookClient(nbformat.v4.new_notebook()).create_kernel_manager()
    run_sync(manager.start_kernel)()
    atexit.register(lambda: run_sync(manager.shutdown_kernel)(now=True))
    return manager


def run(path, folder):
    """Run a notebook in a folder, nothing of one before it being known; return what its cells gave out (a cell that
    fails raises)."""
    notebook = nbformat.read(path, as_version=4)
    needs = path.stem in NEEDS_ALL_DIGITS, path.stem in NEEDS_REPORTS
    for often, seldom in FEWER.get(path.stem, {}).items():
        (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code" and often in cell.source)
        cell.source = cell.source.replace(often, seldom)
    start = f"{inspect.getsource(quicken)}\nquicken({SMALL}, {BATCH}, {str(folder)!r}, *{needs})"
    notebook.cells[:0] = [nbformat.v4.new_code_cell(source) for source in ("%reset -f", start)]
    NotebookClient(notebook, timeout=300, km=kernel()).execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
