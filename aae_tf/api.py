"""`train()`: from a recipe and data to a `Run`."""

import itertools
import os
from pathlib import Path

from rich.console import Console

from aae_tf import data, models, priors, runs
from aae_tf.backend import tf
from aae_tf.defaults import for_data
from aae_tf.errors import InputError
from aae_tf.recipes import get_recipe
from aae_tf.training import Trainer, checkpoints, dtype_policy, learning_rate, make_optimizer
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
    progress=True,
    **options,
):
    """Train a recipe's model, measure it, draw it and export it.

    Args:
        recipe: a recipe's name (see `aae_tf.recipes`) or a `Recipe`.
        dataset: a dataset's name, a folder of images, an array [N, H, W(, C)] (uint8, or float in [0, 1]),
            (images, labels), or a `tf.data.Dataset`; by default the recipe's.
        out_dir: the run directory. Training again into it resumes; by default `runs/<recipe>`, or `runs/<recipe>-2`
            and so on where that holds another run.
        prior: a name ('mixture', ...; see `Recipe`), an `aae_tf.priors.Prior`, a tfp distribution or a function
            (n, seed), in place of the recipe's prior.
        model: a `LatentModel` in place of the recipe's (its networks are then yours).
        callbacks: `keras.callbacks.Callback` objects.
        strategy: a `tf.distribute.Strategy`; the batch size is over all its replicas.
        jit_compile: whether XLA compiles the training steps; None: where that makes them faster, which is everywhere
            but for convolutions on a CPU.
        progress: show progress and results on stderr.
        **options: fields of the recipe to change: `epochs=5`, `seed=1`, `widths=(500, 500)`,
            `reconstruction={"learning_rate": 0.02}`.

    Returns:
        A `Run`, its directory holding recipe.json, history.csv, checkpoints, TensorBoard events, evaluation.json,
        figures, model.keras and saved_model.

    Raises:
        InputError: anything that cannot be used, before training starts.
        NonFiniteLossError: a loss became NaN or infinite; the last good checkpoint is kept.
    """
    console = Console(stderr=True, quiet=not progress)
    if isinstance(prior, str):
        options, prior = {**options, "prior": prior}, None
    recipe, dataset = _resolve(recipe, dataset, prior, options)
    policy = dtype_policy(recipe.precision)
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        model = _build(_make_model(recipe, dataset, prior, policy) if model is None else model, dataset)
        training = _training_images(recipe, model, dataset)
        compiled = _compiles_well(model) if jit_compile is None else jit_compile
        trainer = _make_trainer(recipe, model, training, policy, strategy=strategy, jit_compile=compiled)
    out_dir = _open_directory(out_dir, recipe, dataset, policy)
    if model.trains_on_labels and isinstance(training, data.Split):
        runs.write_labelled(out_dir, training)
    trainer.checkpoint_folder = out_dir / "checkpoints"
    return _train_into(out_dir, recipe, dataset, trainer, callbacks, console)


def _compiles_well(model):
    """Return whether XLA's steps are the faster ones: its convolutions on a CPU take many times as long as others."""
    convolutional = any(len(weight.shape) == 4 for weight in model.trainable_weights)
    return not convolutional or bool(tf.config.list_physical_devices("GPU"))


def _make_trainer(recipe, model, training, policy, **how):
    """Return the `Trainer` of a built model by a recipe's numbers."""
    owners = _owners(recipe, model)
    settings = {owner.name: getattr(recipe, owner.kind) for owner in owners.values()}
    optimizers = {name: make_optimizer(each, policy) for name, each in settings.items()}
    return Trainer(
        model,
        training,
        {name: optimizers[owner.name] for name, owner in owners.items()},
        weights={"reconstruction": recipe.reconstruction_weight, "generator": recipe.generator_weight},
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        order=recipe.order,
        weight_average=recipe.weight_average,
        rates=lambda epoch: {
            name: learning_rate(each, epoch, recipe.epochs)
            for name, each in settings.items()
            if each.schedule != "constant"
        },
        **how,
    )


def _owners(recipe, model):
    """Return, for each phase's name, the phase whose optimizer takes its update: its own, or the one it joins."""
    phases = {phase.name: phase for phase in model.phases()}
    joined = {name: phase.joins for name, phase in phases.items() if phase.joins}
    if recipe.joint:
        if "generator" not in phases:
            raise InputError(f"joint is for models with a generator phase, which {type(model).__name__} has not")
        joined["generator"] = "reconstruction"
    return {name: phases[joined.get(name, name)] for name in phases}


def _training_images(recipe, model, dataset):
    """Return the training images with the labels the recipe grants, checked against what the model needs."""
    name = type(model).__name__
    if not model.trains_on_labels:
        if recipe.labels != "all":
            raise InputError(f"labels={recipe.labels!r} was asked for, but {name} trains without labels")
        return dataset.train
    train = dataset.with_labels(recipe.labels, recipe.seed).train
    if isinstance(train, data.Split):
        known = 0 if train.labels is None else int((train.labels >= 0).sum())
        if model.reads_labels and known < len(train):
            raise InputError(f"{name} decodes with every image's label; {len(train) - known} training images have none")
        if model.wants_labelled and not known:
            raise InputError(f"{name} learns classes from labels, and no training image has one; set labels")
    return train


def _train_into(out_dir, recipe, dataset, trainer, callbacks, console):
    done = trainer.restore()
    run = runs.Run(recipe, trainer.model, out_dir, trainer.history, dataset)
    if done >= recipe.epochs and (out_dir / "model.keras").exists():
        console.print(f"{out_dir} is finished: {done} epochs. Nothing to train.", highlight=False)
    elif done:
        console.print(f"{out_dir}: going on after epoch {done}", highlight=False)
    else:
        console.print(f"{recipe.name} on {dataset.source} → {out_dir}", highlight=False, soft_wrap=True)
    if done < recipe.epochs:
        for stale in (out_dir / "model.keras", out_dir / "evaluation.json"):
            stale.unlink(missing_ok=True)  # of a shorter run that is now being made longer
        _fit(out_dir, recipe, dataset, trainer, callbacks, console)
    if trainer.average:
        trainer.average.apply()
    if trainer.model.prior.fitted_after:
        train = dataset.train if isinstance(dataset.train, data.Split) else dataset.validation
        trainer.model.prior.fit(trainer.model.encode(train.images, seed=recipe.seed), recipe.seed)
    _finish(run, console)
    return run


def _fit(out_dir, recipe, dataset, trainer, callbacks, console):
    display = ProgressDisplay(recipe.batch_size, console)
    own = [
        display,
        HistoryFile(out_dir / "history.csv", trainer.history),
        TensorBoardEvents(out_dir / "events"),
    ]
    try:
        trainer.fit(
            recipe.epochs,
            [*own, *callbacks],
            lambda: trainer.model.validate(dataset.validation),
        )
    finally:
        display.close()


def _finish(run, console):
    """Write whatever a finished run's directory still lacks."""
    out_dir = run.out_dir
    if not (out_dir / "history.csv").exists():
        HistoryFile(out_dir / "history.csv", run.history).on_epoch_end(len(run.history))
    if (out_dir / "model.keras").exists() and (out_dir / "evaluation.json").exists():
        return
    console.print("measuring, drawing and exporting", highlight=False)
    run.save_model()  # first: whatever goes wrong after it, the trained model is there
    run.figures()
    report = run.report()
    exported = run.export(report=report)
    checkpoints.write_json(out_dir / "evaluation.json", report)  # last: it says that everything is done
    values = {name: measure["value"] for name, measure in report["measures"].items()}
    console.print(show(values), highlight=False, soft_wrap=True)
    console.print(f"figures in {out_dir / 'figures'}, SavedModel in {exported}", highlight=False, soft_wrap=True)


def _resolve(recipe, dataset, prior, options):
    """Return the recipe with its options, and the loaded `Dataset`."""
    recipe = get_recipe(recipe).with_options(**options)
    if isinstance(dataset, str | Path):
        recipe = recipe.with_options(dataset=str(dataset))
    elif dataset is not None:
        recipe = recipe.with_options(dataset="own")
    elif recipe.dataset == "own":
        raise InputError(f"recipe '{recipe.name}' is for own data; pass dataset=...")
    if prior is not None:
        recipe = recipe.with_options(prior="own")
    elif recipe.prior == "own":
        raise InputError("prior 'own' needs the object: train(prior=...)")
    dataset = data.load(recipe.dataset if dataset is None else dataset, recipe.image_size)
    return for_data(recipe, dataset, options), dataset


def _make_model(recipe, dataset, prior, policy):
    if prior is None:
        prior = priors.named_prior(recipe.prior, recipe.latent_dim, recipe.prior_std, recipe.components)
    prior = priors.as_prior(prior, recipe.latent_dim)
    return models.model_class(recipe.model).from_recipe(recipe, dataset.image_shape, prior, policy, dataset.classes)


def _build(model, dataset):
    """Return the model, built for the dataset's images, its image scale adapted to them."""
    shape = (None, *dataset.image_shape)
    if model.built and tuple(model.get_build_config()["input_shape"][1:]) != shape[1:]:
        raise InputError(
            f"the model is built for images of shape {model.get_build_config()['input_shape'][1:]}, "
            f"the data has {shape[1:]}"
        )
    model.build(shape)
    streamed = not isinstance(dataset.train, data.Split)
    model.image_scale.adapt((dataset.validation if streamed else dataset.train).images)
    return model


def _open_directory(out_dir, recipe, dataset, policy):
    """Return the run directory, made and recorded; one that holds another run is refused (or, unnamed, passed)."""
    chosen = Path(out_dir) if out_dir is not None else _free_directory(recipe, dataset)
    record = runs.read_record(chosen)
    if record is not None:
        found = runs.differences(recipe, record)
        if found:
            raise InputError(f"'{chosen}' holds a run of another recipe ({'; '.join(found[:3])}); use another out_dir")
        runs.check_same_data(chosen, record, dataset)
        if record["precision"] != policy:
            raise InputError(f"'{chosen}' was trained in {record['precision']}, not {policy}; set precision")
    try:
        (chosen / "checkpoints").mkdir(parents=True, exist_ok=True)
        if not os.access(chosen, os.W_OK):
            raise PermissionError(13, "Permission denied")
        if record is None and any(path.name != "checkpoints" for path in chosen.iterdir()):
            raise InputError(f"'{chosen}' is not empty and holds no run; use another out_dir")
        done = checkpoints.latest_epoch(chosen / "checkpoints")
        if done > recipe.epochs:
            raise InputError(f"'{chosen}' already has {done} epochs, more than {recipe.epochs}; use another out_dir")
        runs.write_record(chosen, recipe, dataset, policy)
    except OSError as error:
        raise InputError(f"cannot write to '{chosen}': {error.strerror or error}") from None
    return chosen


def _free_directory(recipe, dataset):
    """Return the first of runs/NAME, runs/NAME-2, ... that is empty or holds this very run."""
    for number in itertools.count(1):
        path = Path("runs") / (recipe.name if number == 1 else f"{recipe.name}-{number}")
        record = runs.read_record(path)
        if record is None:
            if not path.exists() or not any(path.iterdir()):
                return path
        elif (
            not runs.differences(recipe, record)
            and record["data"]["fingerprint"] == dataset.fingerprint()
            and checkpoints.latest_epoch(path / "checkpoints") <= recipe.epochs
        ):
            return path
