"""The identity of a run: everything that decides its weights, and in what two runs differ.

These are the recipe, the model and its priors (as Keras serialises them), the data with its labels, the precision, the
compilation and the weights of a warm start.
"""

import dataclasses
import itertools
import json
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.backend import keras
from aae_tf.data import Dataset
from aae_tf.errors import InputError
from aae_tf.recipes import Recipe

if TYPE_CHECKING:
    from aae_tf.models import LatentModel


@dataclasses.dataclass(frozen=True)
class Identity:
    """Everything that decides a run's weights."""

    recipe: Recipe  # with a value for every option
    dataset: Dataset
    precision: str  # dtype policy of the networks
    jit_compile: bool
    started_from: str | None  # digest of the weights of a warm start; None without, or where it is not known any more
    model: dict  # serialised, plain JSON values
    draws: dict  # samples of each prior, float lists [8, D] by the name of the code

    @classmethod
    def of(cls, recipe: Recipe, dataset: Dataset, model: "LatentModel", **settings) -> "Identity":
        """Return the identity of a run of a built model; one that cannot be saved raises `InputError`."""
        draws = {name: prior.sample(8, 2016).numpy().round(4).tolist() for name, prior in model.priors.items()}
        return cls(recipe, dataset, model=_serialized(model), draws=draws, **settings)

    def differences(self, record: dict, kept: dict | None, other_rates: bool = False) -> list[str]:
        """Return in what this run differs from a recorded one, as texts, by its recipe.json and model.json (`kept`).

        Another number of epochs is no difference, since a run may be made longer, unless a learning rate has a cosine
        schedule, which depends on it. With `other_rates` learning rates are none, until the other run is finished.
        """
        try:
            theirs = Recipe.from_dict(record["recipe"]).resolved()
        except InputError as error:
            return [f"its recipe has what is not known here: {error}"]
        different = self._other_options(theirs, record.get("outcome", {}), other_rates)
        different += data_difference(record, self.dataset)
        for name in ("precision", "jit_compile"):
            there, now = record.get(name, getattr(self, name)), getattr(self, name)
            if there != now:
                different.append(f"{name}: {there} there, {now} now")
        if self.started_from not in (None, record.get("started_from", self.started_from)):
            different.append("warm_start: that directory held other weights when it was trained")
        if not different and kept is not None:
            different += [f"model: {text}" for text in itertools.islice(_gaps(kept["model"], self.model), 3)]
            for name, draws in self.draws.items():
                if not np.allclose(kept["draws"].get(name, np.nan), draws, rtol=1e-2, atol=1e-2):
                    different.append(f"the prior of {name} draws other samples")
        return different

    def _other_options(self, theirs, outcome, other_rates):
        theirs, ours = (json.loads(json.dumps(each.flat())) for each in (theirs, self.recipe))
        cosine = any(value == "cosine" for name, value in ours.items() if name.endswith(".schedule"))
        free = {"summary", "dataset"} if cosine else {"summary", "dataset", "epochs"}  # data has a fingerprint
        if other_rates and not outcome.get("stopped_early") and outcome.get("epochs", 0) < ours["epochs"]:
            free |= {name for name in ours if name.endswith(".learning_rate")}
        defaults = {"weights": 1.0, "ramps": 0.0, "views": 0.0}
        names = [*ours, *(name for name in theirs if name.partition(".")[0] in defaults and name not in ours)]
        different = []
        for name in (name for name in names if name not in free):
            default = defaults.get(name.partition(".")[0])
            there, now = theirs.get(name, default), ours.get(name, default)
            if there != now:
                different.append(f"{name}: {there!r} there, {now!r} now")
        return different


def data_difference(record: dict, dataset: Dataset) -> list[str]:
    """Return a text, in a list, if a dataset is not the one of a recorded run; else []."""
    if record["data"]["fingerprint"] == dataset.fingerprint():
        return []
    return [f"it was trained on other images or labels: {record['data']['source']}"]


def _serialized(model):
    """Return a model as plain JSON values, once it is known that it can be loaded from them."""
    try:
        described = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
        keras.saving.deserialize_keras_object(described)
    except InputError:
        raise
    except Exception as error:  # whatever a user's get_config or constructor raises
        why = (str(error) or repr(error)).splitlines()[0]
        raise InputError(
            f"the model or a part of it cannot be saved and loaded again ({why}); give it a get_config() of plain "
            "values, and register it: keras.saving.register_keras_serializable()"
        ) from None
    for name in model.build_spec.fitted_state:
        described["config"].pop(name, None)
    return _without_counters(described)


def _without_counters(described):
    """Return a serialised model with the names that Keras counts up ('dense_7') replaced by their order in it."""
    # The module of a registered class is left out: a script and a plugin import one file by two names.
    names = {}

    def walk(value, key=None):
        if isinstance(value, dict):
            kept = value.keys() - ({"module"} if value.get("registered_name") else set())
            return {name: walk(part, name) for name, part in value.items() if name in kept}
        if isinstance(value, list):
            return [walk(part, key) for part in value]
        if isinstance(value, str) and (key == "name" or value in names):
            return names.setdefault(value, f"{value.rstrip('0123456789').rstrip('_')}:{len(names)}")
        return value

    return walk(described)


def _gaps(one, other, path=""):
    """Yield where two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {**one, **other}:
            yield from _gaps(one.get(name), other.get(name), name if name != "config" else path)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for first, second in zip(one, other, strict=True):
            yield from _gaps(first, second, path)
    elif one != other:
        yield f"{path} {str(one)[:40]} there, {str(other)[:40]} now"
