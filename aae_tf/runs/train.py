"""`train()`: from a recipe and data to a `Run`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from aae_tf.config.training import CHECKPOINT_MINUTES
from aae_tf.recipes import Recipe
from aae_tf.recipes.options import TrainOptions
from aae_tf.runs.plan import resolve

if TYPE_CHECKING:
    from aae_tf.backend import keras, tf
    from aae_tf.models import LatentModel
    from aae_tf.runs.run import Run


def train(
    recipe: str | Recipe = "gaussian",
    dataset: Any = None,
    *,
    out_dir: str | Path | None = None,
    prior: Any = None,
    model: "LatentModel | None" = None,
    callbacks: "keras.callbacks.Callback | Sequence[keras.callbacks.Callback]" = (),
    strategy: "tf.distribute.Strategy | str | None" = None,
    jit_compile: bool | None = None,
    split: str = "validation",
    report: bool = True,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    from_last_good: bool = False,
    progress: bool = True,
    **options: Unpack[TrainOptions],
) -> "Run":
    """Train the model of a recipe, evaluate it, draw its figures and export it.

    Args:
        recipe: name of a recipe (see `aae_tf.recipes`), or a `Recipe`.
        dataset: name of a dataset, a folder of images, an array [N, H, W(, C)] (uint8, or float in [0, 1]), a
            `tf.data.Dataset`, a table (an array [N, D], a DataFrame, sparse rows, a CSV or Parquet file), or
            (images or rows, labels), see `aae_tf.data.load`. By default the dataset of the recipe.
        out_dir: run directory. Training into it again resumes the run. By default `runs/<recipe>`, or
            `runs/<recipe>-2` and so on if that holds another run.
        prior: name of a prior ('mixture', ...; see `aae_tf.priors.PRIORS`), a dict of its 'name' and arguments, an
            `aae_tf.priors.Prior`, a tfp distribution, or a function (n, seed) that samples. It replaces the recipe's.
        model: `LatentModel` that replaces the recipe's, with its own networks, prior and options. Training starts from
            the model's current weights. Initial weights are not part of the run's identity.
        callbacks: `keras.callbacks.Callback` objects. They get the model with the weights that were validated.
        strategy: `tf.distribute.Strategy`, 'mirrored' (all GPUs of this machine) or 'multi_worker' (the workers listed
            in TF_CONFIG, each of which makes the same call). The batch size is the total over replicas. Only the chief
            worker reads and writes the run directory; all workers end with the same weights and history.
        jit_compile: whether XLA compiles the training steps. By default it does, except for convolutions on a CPU,
            which it makes slower.
        split: held-out elements for the report and the figures: 'validation', or 'test' for a final report.
        report: whether to evaluate, draw and export after training. The model is saved either way; training into the
            directory again adds what is missing.
        checkpoint_minutes: Maximum minutes between checkpoints. An interrupted run resumes from the latest one with
            identical results.
        from_last_good: If True, resume a diverged run from its last finite checkpoint with the learning rates given
            here.
        progress: whether to show progress and results on stderr.
        **options: fields of the recipe and options of its model: `epochs=5`, `seed=1`, `widths=(500, 500)`,
            `reconstruction={"learning_rate": 0.02}`; for a table `label="species"`, the column with the labels, and
            `columns={"drop": ("id",)}`, see `aae_tf.data.tables.options.TableOptions`.

    Returns:
        A `Run`. Its directory holds recipe.json, history.csv, checkpoints, TensorBoard events, evaluation.json,
        figures, model.keras and saved_model.

    Raises:
        InputError: an argument, option or dataset that cannot be used; before training starts.
        NonFiniteLossError: a loss, a validation metric or a weight is not finite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C during training; the steps in progress are finished and saved. A second Ctrl-C ends at
            once.
        SystemExit: SIGTERM during training, likewise, with code 143.
    """
    if strategy is not None:  # first: workers have to meet before TensorFlow computes anything
        from aae_tf.training.distribution import as_strategy

        strategy = as_strategy(strategy)
    plan = resolve(
        recipe,
        dataset,
        out_dir=out_dir,
        prior=prior,
        model=model,
        jit_compile=jit_compile,
        split=split,
        checkpoint_minutes=checkpoint_minutes,
        from_last_good=from_last_good,
        **options,
    )
    from aae_tf.runs.execute import Execution  # imports TensorFlow

    return Execution(plan, callbacks, strategy, progress).run(report)
