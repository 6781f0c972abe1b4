"""The base of the scikit-learn estimators: parameters, rows or images, training, pickling."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from aae_tf import data
from aae_tf.data.dataset import Dataset, joined
from aae_tf.errors import InputError
from aae_tf.models import LatentModel
from aae_tf.recipes import Recipe, get_recipe
from aae_tf.runs.load import load_run
from aae_tf.runs.run import Run
from aae_tf.runs.train import train

PICKLED = ("recipe.json", "model.json", "history.csv", "model.keras", "detector.json")


@dataclasses.dataclass(eq=False, repr=False)
class RunEstimator(BaseEstimator):
    """Trains a recipe on rows or images; the base of the estimators.

    Args:
        recipe: a recipe's name (see `aae_tf.recipes`) or a `Recipe`; None for the estimator's `default_recipe`.
        latent_dim: dimension of the code; None for the recipe's.
        epochs: passes over the training rows; None for the recipe's.
        image_shape: (H, W) or (H, W, C) if rows [N, H W C] are flattened images; None if rows are vectors. Images
            [N, H, W(, C)] need no shape.
        options: dict of further arguments of `aae_tf.train`: options of the recipe, `jit_compile`, `progress`, ...
            Columns are real numbers by default; `{"columns": {"counts": "all"}}`, or names x0, x1, ..., change that.
        random_state: int or `RandomState`, for the seed; None for the recipe's seed.

    Attributes:
        run_: the trained `Run`.
        n_features_in_: number of values of a row or image.
    """

    default_recipe = "gaussian"

    recipe: str | Recipe | None = None
    _: dataclasses.KW_ONLY
    latent_dim: int | None = None
    epochs: int | None = None
    image_shape: tuple[int, ...] | None = None
    options: dict | None = None
    random_state: int | np.random.RandomState | None = None

    def _elements(self, X: ArrayLike, reset: bool = False) -> np.ndarray:
        """Return rows as the model takes them: images, or the rows themselves."""
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

    def _train(self, elements: np.ndarray, classes: np.ndarray | None = None, **more: object) -> Self:
        """Train on all elements except those that `_split` holds out."""
        options = dict(self.options or {})
        columns = options.pop("columns", None)
        dataset = self._split(data.load(elements if classes is None else (elements, classes), columns=columns))
        given = {"latent_dim": self.latent_dim, "epochs": self.epochs, **options, **more}
        given = {name: value for name, value in given.items() if value is not None}
        if self.random_state is not None:
            given["seed"] = int(check_random_state(self.random_state).randint(2**31 - 1))
        recipe = get_recipe(self.recipe or self.default_recipe)
        size = given.get("batch_size", recipe.batch_size)
        if "batch_size" in given or len(dataset.train) < (dataset.element.smallest_batch or size):
            given["batch_size"] = min(size, len(dataset.train))
        given = {"progress": False, **given, "report": False, "out_dir": self._new_folder()}
        self.run_ = train(recipe, dataset, **given)
        self._flat = elements.ndim == 2 or self.image_shape is not None
        return self

    def _new_folder(self) -> Path:
        """Return a run directory that is deleted with the estimator."""
        self._folder = tempfile.TemporaryDirectory(prefix="aae_tf-", ignore_cleanup_errors=True)
        return Path(self._folder.name) / "run"

    def _split(self, dataset: Dataset) -> Dataset:
        """Return the dataset with all its elements in training; validation uses some of them again."""
        return dataclasses.replace(dataset, train=joined(dataset.train, dataset.validation, dataset.test))

    @property
    def _fitted_run(self) -> Run:
        check_is_fitted(self, "run_")
        return self.run_

    @property
    def _model(self) -> LatentModel:
        return self._fitted_run.model

    def __getstate__(self) -> dict:
        state = dict(super().__getstate__())
        run = state.pop("run_", None)
        state.pop("_folder", None)
        if run is not None:
            paths = (run.out_dir / name for name in PICKLED)
            state["_files"] = {path.name: path.read_bytes() for path in paths if path.exists()}
        return state

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            folder = self._new_folder()
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            self.run_ = load_run(folder)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
