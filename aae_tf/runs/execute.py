"""Carry out a planned run: build, train, evaluate, draw, export."""

import contextlib
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from aae_tf import data
from aae_tf.backend import keras, tf
from aae_tf.runs.build import build, early_stopping, recorded
from aae_tf.runs.directory import RunDirectory
from aae_tf.runs.identity import Identity
from aae_tf.runs.run import Run
from aae_tf.runs.warm_start import WarmStart
from aae_tf.training.callbacks import check_callbacks
from aae_tf.training.distribution import as_strategy, broadcast, is_chief, read_by_chief
from aae_tf.training.progress import ProgressDisplay, show
from aae_tf.training.records import HistoryFile, TensorBoardEvents

if TYPE_CHECKING:
    from aae_tf.runs.plan import Plan


class Execution:
    """A planned run with its model and trainer, and a directory that it may be trained into; nothing is written yet.

    Arguments and errors are those of `aae_tf.train`.
    """

    def __init__(
        self,
        plan: "Plan",
        callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] = (),
        strategy: tf.distribute.Strategy | str | None = None,
        progress: bool = True,
    ):
        self.plan, self.strategy = plan, as_strategy(strategy)
        self.console = Console(stderr=True, quiet=not (progress and is_chief(self.strategy)))
        start = WarmStart.of(plan, self.console)
        self.model, self.trainer = build(plan, self.strategy, start)
        self.recipe = recorded(plan, self.model)
        callbacks = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else callbacks
        self.callbacks = [*early_stopping(self.recipe, self.model), *callbacks]
        check_callbacks(self.callbacks, lambda: [*self.trainer.names, *self.model.validate(plan.dataset.validation)])
        self.identity = Identity.of(
            self.recipe,
            plan.dataset,
            self.model,
            precision=plan.precision,
            jit_compile=bool(self.trainer.settings.jit_compile),
            started_from=start and start.digest,
        )
        choose = functools.partial(RunDirectory.choose, plan.out_dir, self.identity, plan.from_last_good)
        self.directory = RunDirectory(broadcast(self.strategy, lambda: str(choose().path)))
        self.trainer.checkpoint_folder = self.directory.path / "checkpoints"

    def run(self, report: bool = True) -> Run:
        """Train, or resume, then evaluate, draw and export where `report` is set; errors as of `aae_tf.train`."""
        with contextlib.ExitStack() as stack:

            def claim():
                other_rates = stack.enter_context(self.directory.claim(self.identity, self.plan.from_last_good))
                uses_labels = {"labels", "labelled"} & set(self.model.training_spec.required_inputs)
                if uses_labels and not isinstance(self.plan.train, data.Stream):
                    self.directory.write_labelled(self.plan.train.labels)
                return other_rates

            self.trainer.other_rates = broadcast(self.strategy, claim)
            run = self._train()

            def finish():
                if report:
                    _finish(run, self.plan.split, self.console)
                elif not (run.out_dir / "model.keras").exists():
                    run.save_model()

            broadcast(self.strategy, finish)  # the other workers wait for it
        return run

    def _train(self):
        """Train until the last epoch, unless that is done, and return the `Run`."""
        trainer, recipe, out_dir, dataset = self.trainer, self.recipe, self.directory.path, self.plan.dataset
        done = trainer.restore()
        finished = done >= recipe.epochs or trainer.stopped
        finished = finished and broadcast(self.strategy, (out_dir / "model.keras").exists)
        run = Run(recipe, self.model, out_dir, trainer.history, dataset)
        if finished:
            early = f" (stopped early, of {recipe.epochs})" if trainer.stopped and done < recipe.epochs else ""
            self._say(f"{out_dir} is finished: {done} epochs{early}. Nothing to train.")
            _load_weights(run, self.strategy)
        else:
            resumed = f"{out_dir}: going on after {trainer.begun}"
            self._say(resumed if trainer.begun else f"{recipe.name} on {dataset.source} → {out_dir}")
            self._fit()
        if self.model.needs_finalizing:
            self.model.finalize(dataset.training_images(10**9, recipe.seed).images, recipe.seed)
        return run

    def _fit(self):
        out_dir, trainer, dataset = self.directory.path, self.trainer, self.plan.dataset
        display = ProgressDisplay(self.recipe.batch_size, self.console, dataset.element.plural)
        displays = [display]
        if is_chief(self.strategy):
            for path in (out_dir / "model.keras", out_dir / "detector.json", *out_dir.glob("evaluation*.json")):
                path.unlink(missing_ok=True)  # of a shorter run that becomes longer
            displays += [HistoryFile(out_dir / "history.csv", trainer.history), TensorBoardEvents(out_dir / "events")]
        try:
            trainer.fit(self.recipe.epochs, self.callbacks, lambda: self.model.validate(dataset.validation), displays)
        finally:
            display.close()
        if is_chief(self.strategy):
            self.directory.write_outcome(self._outcome())

    def _outcome(self):
        """Return how a training ended: epochs, whether a callback stopped it, and which weights were kept by what."""
        outcome = {"epochs": self.trainer.epoch, "stopped_early": self.trainer.stopped}
        for callback in self.callbacks:
            if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights:
                best = {"epoch": callback.best_epoch + 1, "monitor": callback.monitor, "value": float(callback.best)}
                outcome["kept"] = {**best, "of": "validation images"}
        return outcome

    def _say(self, text):
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _load_weights(run, strategy):
    """Load the saved weights of a finished run, on several workers those of the chief."""

    def saved():
        run.model.load_weights(run.out_dir / "model.keras")
        return len(run.history), [], {}

    read_by_chief(strategy, run.model.weights, saved)


def _finish(run, split, console):
    """Write what the directory of a finished run lacks."""
    out_dir = run.out_dir
    if not (out_dir / "history.csv").exists():
        HistoryFile(out_dir / "history.csv", run.history).on_epoch_end(len(run.history))
    if (out_dir / "model.keras").exists() and (out_dir / "evaluation.json").exists():
        if run.last_report(split) is None:
            console.print(f"measuring on {split} {run.data.element.plural}", highlight=False)
            run.evaluate(split)
        return
    console.print(f"measuring on {split} {run.data.element.plural}, drawing and exporting", highlight=False)
    run.save_model()  # first: an error in what follows leaves the trained model
    run.figures(split)
    report = run.report(split)
    exported = run.export(report=report)
    run.write_report(report)  # last: evaluation.json marks a complete directory
    values = {name: measure["value"] for name, measure in report["metrics"].items()}
    console.print(show(values), highlight=False, soft_wrap=True)
    console.print(f"figures in {out_dir / 'figures'}, SavedModel in {exported}", highlight=False, soft_wrap=True)
