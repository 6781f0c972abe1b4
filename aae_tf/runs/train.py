"""`train()`: from a recipe and data to a `Run`."""

import contextlib
from typing import Unpack

from aae_tf import data
from aae_tf.backend import keras
from aae_tf.config.training import CHECKPOINT_MINUTES
from aae_tf.recipes.options import TrainOptions
from aae_tf.runs import directory as run_directory
from aae_tf.runs import run as runs
from aae_tf.runs.lock import held
from aae_tf.runs.plan import prepare
from aae_tf.training.distribution import broadcast, is_chief, read_by_chief
from aae_tf.training.progress import ProgressDisplay, show
from aae_tf.training.records import HistoryFile, TensorBoardEvents


def train(
    recipe="gaussian",
    dataset=None,
    *,
    out_dir=None,
    prior=None,
    model=None,
    callbacks=(),
    strategy=None,
    jit_compile=None,
    split="validation",
    report=True,
    checkpoint_minutes=CHECKPOINT_MINUTES,
    from_last_good=False,
    progress=True,
    **options: Unpack[TrainOptions],
):
    """Train a recipe's model, measure it, draw it and export it.

    Args:
        recipe: a recipe's name (see `aae_tf.recipes`) or a `Recipe`.
        dataset: a dataset's name, a folder of images, an array [N, H, W(, C)] (uint8, or float in [0, 1]), a
            `tf.data.Dataset`, a table (an array [N, D], a DataFrame, sparse rows, a CSV or Parquet file), or
            (images or rows, labels), see `aae_tf.data.load`; by default the recipe's.
        out_dir: the run directory. Training again into it resumes; by default `runs/<recipe>`, or `runs/<recipe>-2`
            and so on where that holds another run.
        prior: a name ('mixture', ...; see `aae_tf.priors.PRIORS`) or a dict of it and its arguments, an
            `aae_tf.priors.Prior`, a tfp distribution or a function (n, seed), in place of the recipe's prior.
        model: a `LatentModel` in place of the recipe's (its networks, its prior and its options are then yours). It
            is trained from the weights that it has; by those a finished run is not told from another.
        callbacks: `keras.callbacks.Callback` objects; they see the weights that validation measured.
        strategy: a `tf.distribute.Strategy`, 'mirrored' (all GPUs of this machine) or 'multi_worker' (the workers that
            TF_CONFIG names, each of which calls `train` alike); the batch size is over all replicas. Of several workers
            the chief alone reads and writes the run directory, and every one ends with the same weights and history.
        jit_compile: whether XLA compiles the training steps; None: where that makes them faster, which is everywhere
            but for convolutions on a CPU.
        split: held-out images that the report and the figures are of: 'validation', or 'test' to report.
        checkpoint_minutes: how long training goes on without a checkpoint, at most; those at the ends of epochs come
            more often. Training that is killed goes on from the last one, and ends as if it had not been.
        from_last_good: whether this run may have had other learning rates so far: one that has diverged goes on from
            its last checkpoint, whose weights and losses are finite, by those that are given now.
        report: whether to measure, draw and export what was trained; the model is saved either way, and training into
            the directory again does what was left out.
        progress: show progress and results on stderr.
        **options: fields of the recipe and options of its model to change: `epochs=5`, `seed=1`, `widths=(500, 500)`,
            `reconstruction={"learning_rate": 0.02}`; of a table `label="species"`, the column that holds the labels,
            and `columns={"drop": ("id",)}`, see `aae_tf.data.tables.options.TableOptions`.

    Returns:
        A `Run`, its directory holding recipe.json, history.csv, checkpoints, TensorBoard events, evaluation.json,
        figures, model.keras and saved_model.

    Raises:
        InputError: anything that cannot be used, before training starts.
        NonFiniteLossError: a loss, a validation number or a weight is not finite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C in training; the steps under way are finished and kept. Again, and it ends at once.
        SystemExit: SIGTERM in training, likewise, with code 143.
    """
    training = prepare(
        recipe,
        dataset,
        out_dir=out_dir,
        prior=prior,
        model=model,
        callbacks=callbacks,
        strategy=strategy,
        jit_compile=jit_compile,
        split=split,
        checkpoint_minutes=checkpoint_minutes,
        from_last_good=from_last_good,
        progress=progress,
        **options,
    )
    return carry_out(training, report=report)


def carry_out(training, report=True):
    """Train what was prepared, or go on with it, and measure, draw and export it: a `Run`.

    Args:
        training: `Training`.
        report: as for `train`.

    Raises:
        InputError: another process trains into the run directory.
        NonFiniteLossError, KeyboardInterrupt, SystemExit: as for `train`.
    """
    recipe, trainer, out_dir = training.recipe, training.trainer, training.out_dir
    with contextlib.ExitStack() as stack:

        def begin():
            (out_dir / "checkpoints").mkdir(parents=True, exist_ok=True)  # it may be long since it was chosen
            stack.enter_context(held(out_dir))
            other_rates = run_directory.write_record(
                out_dir, recipe, training.dataset, training.identity, training.from_last_good
            )
            if set(trainer.model.required_inputs) & {"labels", "labelled"} and not isinstance(
                training.images, data.Stream
            ):
                run_directory.write_labelled(out_dir, training.images)
            return other_rates

        trainer.other_rates = broadcast(trainer.strategy, begin)
        run = _train_into(out_dir, recipe, training.dataset, trainer, training.callbacks, training.console)

        def finish():
            if report:
                _finish(run, training.split, training.console)
            elif not (out_dir / "model.keras").exists():
                run.save_model()

        broadcast(trainer.strategy, finish)  # the other workers wait for it
    return run


def _train_into(out_dir, recipe, dataset, trainer, callbacks, console):
    done, chief = trainer.restore(), is_chief(trainer.strategy)
    finished = done >= recipe.epochs or trainer.stopped
    finished = finished and broadcast(trainer.strategy, (out_dir / "model.keras").exists)
    run = runs.Run(recipe, trainer.model, out_dir, trainer.history, dataset)
    if finished:
        early = f" (stopped early, of {recipe.epochs})" if trainer.stopped and done < recipe.epochs else ""
        text = f"{out_dir} is finished: {done} epochs{early}. Nothing to train."
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        _load_weights(run, trainer.strategy)
    else:
        begun = trainer.begun
        text = f"{out_dir}: going on after {begun}" if begun else f"{recipe.name} on {dataset.source} → {out_dir}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        stale = [out_dir / "model.keras", out_dir / "detector.json", *out_dir.glob("evaluation*.json")] if chief else []
        for path in stale:
            path.unlink(missing_ok=True)  # of a shorter run that is now being made longer
        _fit(out_dir, recipe, dataset, trainer, callbacks, console)
        if chief:
            run_directory.write_outcome(out_dir, _outcome(trainer, callbacks))
    if trainer.model.needs_finalizing:
        trainer.model.finalize(dataset.training_images(10**9, recipe.seed).images, recipe.seed)
    return run


def _load_weights(run, strategy):
    """Give the model of a finished run the weights that were kept, of several workers the chief's."""

    def kept():
        run.model.load_weights(run.out_dir / "model.keras")
        return len(run.history), [], {}

    read_by_chief(strategy, run.model.weights, kept)


def _outcome(trainer, callbacks):
    """Return how a training ended: epochs, whether a callback stopped it, and which weights were kept by what."""
    outcome = {"epochs": trainer.epoch, "stopped_early": trainer.stopped}
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights:
            best = {"epoch": callback.best_epoch + 1, "watched": callback.monitor, "value": float(callback.best)}
            outcome["kept"] = {**best, "of": "validation images"}
    return outcome


def _fit(out_dir, recipe, dataset, trainer, callbacks, console):
    display = ProgressDisplay(recipe.batch_size, console, dataset.element.plural)
    displays = [display]
    if is_chief(trainer.strategy):
        displays += [HistoryFile(out_dir / "history.csv", trainer.history), TensorBoardEvents(out_dir / "events")]
    try:
        trainer.fit(recipe.epochs, callbacks, lambda: trainer.model.validate(dataset.validation), displays)
    finally:
        display.close()


def _finish(run, split, console):
    """Write whatever a finished run's directory still lacks."""
    out_dir = run.out_dir
    if not (out_dir / "history.csv").exists():
        HistoryFile(out_dir / "history.csv", run.history).on_epoch_end(len(run.history))
    if (out_dir / "model.keras").exists() and (out_dir / "evaluation.json").exists():
        if run.last_report(split) is None:
            console.print(f"measuring on {split} {run.data.element.plural}", highlight=False)
            run.evaluate(split)
        return
    console.print(f"measuring on {split} {run.data.element.plural}, drawing and exporting", highlight=False)
    run.save_model()  # first: whatever goes wrong after it, the trained model is there
    run.figures(split)
    report = run.report(split)
    exported = run.export(report=report)
    run.write_report(report)  # last: it says that everything is done
    values = {name: measure["value"] for name, measure in report["metrics"].items()}
    console.print(show(values), highlight=False, soft_wrap=True)
    console.print(f"figures in {out_dir / 'figures'}, SavedModel in {exported}", highlight=False, soft_wrap=True)
