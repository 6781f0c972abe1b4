"""What a model declares: what is built, what is optimised and what is reported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self


class _Spec:
    def extended(self, **changes: Any) -> Self:
        """Return this spec with additions: tuples and dicts are appended to, other values are replaced."""
        for name, value in changes.items():
            old = getattr(self, name)
            if isinstance(old, tuple):
                changes[name] = tuple(dict.fromkeys((*old, *value)))
            elif isinstance(old, Mapping):
                changes[name] = {**old, **value}
        return replace(self, **changes)


@dataclass(frozen=True)
class BuildSpec(_Spec):
    """What is built; a class attribute of a model.

    Attributes:
        submodels: the constructor's arguments that are Keras objects or priors, each with its builder from a recipe: a
            function (`NetworkSpec`, options) to a network; None for the prior and the scale, which the data decides.
        excluded_args: arguments with defaults that are not options of a recipe.
        fitted_state: arguments that are fitted after training, so that they are not part of a model's identity.
        accepts_fitted_prior: whether the prior may be fitted to the codes of the trained model.
    """

    submodels: Mapping[str, Callable[..., Any] | None]
    excluded_args: tuple[str, ...] = ()
    fitted_state: tuple[str, ...] = ()
    accepts_fitted_prior: bool = False


@dataclass(frozen=True)
class TrainingSpec(_Spec):
    """What training needs; the updates themselves are `model.updates()`.

    Attributes:
        required_inputs: what a mini-batch holds besides images: 'labels' (one for each image, for the decoder),
            'labelled' (a mini-batch of labelled images) or 'views' (random augmentations of the images).
        minimum_batch: images that the losses need, on each replica.
        disabled_phases: names of phases that the model's options disable. Settings for these phases are ignored.
    """

    required_inputs: tuple[str, ...] = ()
    minimum_batch: int = 1
    disabled_phases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportSpec(_Spec):
    """What is reported.

    Attributes:
        metrics: names in `aae_tf.reporting.METRICS`, or functions (model, held_out).
        figures: names in `aae_tf.reporting.FIGURES`, or functions (model, held_out).
        monitor: the validation metric for early stopping and for the best weights; empty for none.
        equilibrium_loss: loss of a discriminator at equilibrium; None where there is none, or it is unknown.
    """

    metrics: tuple[str | Callable, ...] = ()
    figures: tuple[str | Callable, ...] = ()
    monitor: str = ""
    equilibrium_loss: float | None = None
