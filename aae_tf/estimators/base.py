"""What the scikit-learn estimators share: parameters, rows or images, a run of their own, pickling."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from aae_tf import data
from aae_tf.data.dataset import joined
from aae_tf.errors import InputError
from aae_tf.recipes import get_recipe
from aae_tf.runs.load import load_run
from aae_tf.runs.train import train

KEPT = ("recipe.json", "model.json", "history.csv", "model.keras", "detector.json")


class RunEstimator(BaseEstimator):
    """What the estimators share: parameters, rows or images, training, pickling.

    Args:
        recipe: a recipe's name (see `aae_tf.recipes`) or a `Recipe`; None: the estimator's `usual`.
        latent_dim: dimension of the code; None: the recipe's.
        epochs: passes over the training rows; None: the recipe's.
        image_shape: (H, W) or (H, W, C) of the images that rows [N, H W C] are; None: rows are vectors, and images are
            given as [N, H, W(, C)].
        options: dict of further arguments of `aae_tf.train`: options of the recipe, `jit_compile`, `progress`, ...;
            None for none. Rows are real numbers unless `columns` says otherwise: `{"columns": {"counts": "all"}}`, or
            of single ones by the names x0, x1, ...
        random_state: int or `RandomState`, for the seed of everything random; None: the recipe's seed.

    Attributes:
        run_: the trained `Run`.
        n_features_in_: values of a row or of an image.
    """

    usual = "gaussian"

    def __init__(self, recipe=None, latent_dim=None, epochs=None, image_shape=None, options=None, random_state=None):
        self.recipe, self.latent_dim, self.epochs, self.image_shape = recipe, latent_dim, epochs, image_shape
        self.options, self.random_state = options, random_state

    def _elements(self, X, reset=False):
        """Return rows as what the model takes: images, or the rows themselves."""
        if getattr(X, "ndim", 2) > 2:
            X = np.asarray(X)
            values = int(np.prod(X.shape[1:]))
            if not reset and values != self.n_features_in_:
                raise InputError(f"images of {values} values were given; it was fitted on {self.n_features_in_}")
            self.n_features_in_ = values
            return X
        kind = "numeric" if self.image_shape else np.float64
        X = validate_data(self, X, reset=reset, dtype=kind, ensure_min_samples=2 if reset else 1)
        if self.image_shape is None:
            return X
        if np.prod(self.image_shape) != X.shape[1]:
            raise InputError(f"rows of {X.shape[1]} values are no images of shape {tuple(self.image_shape)}")
        return X.reshape(len(X), *self.image_shape)

    def _train(self, elements, classes=None, **more):
        """Train on all the elements but those that `_held_out` keeps back."""
        options = dict(self.options or {})
        columns = options.pop("columns", None)
        dataset = self._held_out(data.load(elements if classes is None else (elements, classes), columns=columns))
        given = {"latent_dim": self.latent_dim, "epochs": self.epochs, **options, **more}
        given = {name: value for name, value in given.items() if value is not None}
        if self.random_state is not None:
            given["seed"] = int(check_random_state(self.random_state).randint(2**31 - 1))
        recipe = get_recipe(self.recipe or self.usual)
        size = given.get("batch_size", recipe.batch_size)
        least = dataset.element.smallest_batch or size
        if "batch_size" in given or len(dataset.train) < least:
            given["batch_size"] = min(size, len(dataset.train))
        self._folder = tempfile.TemporaryDirectory(prefix="aae_tf-", ignore_cleanup_errors=True)
        given = {"progress": False, **given, "report": False, "out_dir": Path(self._folder.name) / "run"}
        self.run_ = train(recipe, dataset, **given)
        self._flat = elements.ndim == 2 or self.image_shape is not None
        return self

    def _held_out(self, dataset):
        """Return the dataset with all its elements in training; what is watched meanwhile is measured on some of them.

        What an estimator is judged by, its user holds out.
        """
        whole = joined(dataset.train, dataset.validation, dataset.test)
        return dataclasses.replace(dataset, train=whole)

    @property
    def _model(self):
        check_is_fitted(self, "run_")
        return self.run_.model

    def __getstate__(self):
        state = dict(super().__getstate__())
        run = state.pop("run_", None)
        state.pop("_folder", None)
        if run is not None:
            paths = (run.out_dir / name for name in KEPT)
            state["_files"] = {path.name: path.read_bytes() for path in paths if path.exists()}
        return state

    def __setstate__(self, state):
        state = dict(state)
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            self._folder = tempfile.TemporaryDirectory(prefix="aae_tf-", ignore_cleanup_errors=True)
            folder = Path(self._folder.name) / "run"
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            self.run_ = load_run(folder)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
