"""Types of the options of `train`, `compare`, `sweep` and `Recipe.with_options`, for editors and type checkers.

The values and their checks are declared where each option belongs: fields of `Recipe`, and arguments of models,
networks and priors (`aae_tf.config.schema`). A test compares these names and types with them. Options of your own
model, and dotted names, are passed as a dictionary: `**options`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from aae_tf.config.training import OptimizerSettings


class OptimizerOptions(TypedDict, total=False):
    """Options of one optimizer, see `OptimizerSettings`."""

    name: Literal["sgd", "adam", "adamw"]
    learning_rate: float
    momentum: float
    schedule: Literal["constant", "cosine", "piecewise_constant"]
    boundaries: Sequence[int]


Optimizer = OptimizerSettings | OptimizerOptions


class TrainOptions(TypedDict, total=False):
    """Options that change a recipe; see `Recipe` and `aae-tf recipes NAME` for their meaning."""

    # training
    image_size: int
    columns: Mapping[str, object]
    label: str
    labels: int | str
    epochs: int
    batch_size: int
    seed: int
    order: str
    fused: Sequence[str]
    weights: Mapping[str, float]
    ramps: Mapping[str, float]
    optimizers: Mapping[str, Optimizer]
    reconstruction: Optimizer
    regularization: Optimizer
    classification: Optimizer
    views: Mapping[str, float]
    precision: str
    weight_ema: float
    keep: Literal["last", "best"]
    patience: int
    monitor: str
    warm_start: str
    # the code and its prior
    latent_dim: int
    components: int
    posterior: str
    posterior_std: float
    noise_dim: int
    label_conditioned: bool
    # networks
    architecture: str
    widths: Sequence[int]
    discriminator_widths: Sequence[int]
    filters: Sequence[int]
    units: int
    activation: str
    initializer: str
    batch_norm: bool | Sequence[int]
    decoder_batch_norm: bool | Sequence[int]
    head_batch_norm: Literal["none", "y", "both", "balanced"]
    input_noise: float
    input_dropout: float
    image_scale: str
    # losses
    reconstruction_loss: str
    adversarial_loss: str
    discriminator_noise: float
    discriminator_steps: int
    penalty_weight: float
    contraction: Literal["jacobian", "stochastic"]
    contraction_std: float
    consistency: bool
    perturbation: float
    mutual_information: bool
    marginal_entropy_weight: float
    # classes and clusters
    clusters: int
    overclustering: int
    centroid_distance: float


class ExperimentOptions(TrainOptions, total=False):
    """`TrainOptions` and the prior, for `compare` and `sweep`."""

    prior: str | Mapping[str, object]


class RecipeOptions(ExperimentOptions, total=False):
    """All fields that `Recipe.with_options` changes."""

    dataset: str
