"""From a recipe's numbers to networks: what can be set of a network are the arguments of the function that makes it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from aae_tf.config.registry import Registry
from aae_tf.config.schema import Choices, Option, Range, options_of
from aae_tf.data.element import Element
from aae_tf.networks.decoders import ConvolutionalDecoder, MLPDecoder
from aae_tf.networks.discriminators import MLPDiscriminator
from aae_tf.networks.encoders import ConvolutionalBackbone, Encoder, MLPBackbone
from aae_tf.networks.posteriors import POSTERIORS, DeterministicPosterior
from aae_tf.networks.scales import SCALES, ColumnScale, ImageScale
from aae_tf.utils.random import seeds

ARCHITECTURES = Registry("architecture")
HEAD_NORMS = Choices(("none", "y", "both", "balanced"))
SCALE_LAYERS = {  # by `Element.scale`
    "image": lambda element, kind: ImageScale(kind),
    "columns": lambda element, kind: ColumnScale(element.columns, kind),
}
Widths = Annotated[tuple[int, ...], Range(1)]

# A logit of unit variance that is high for one image in K has it sqrt(K) above the others'; three times that makes the
# softmax all but one-hot.
BALANCED_LOGIT_STD = 3.0


@dataclass(frozen=True)
class NetworkSpec:
    """What networks are made for.

    Attributes:
        element: `aae_tf.data.Element`, what the model is of.
        latent_dim: dimension of z.
        classes: entries of y, 0 for none.
        code_std: standard deviation of the prior's coordinates.
        seed: the recipe's.
        dtype: Keras dtype policy.
    """

    element: Element
    latent_dim: int
    classes: int = 0
    code_std: float = 1.0
    seed: int = 0
    dtype: str = "float32"

    def seed_of(self, role: int) -> int:
        """Return the seed of the network with the number `role`."""
        return seeds([self.seed, role], 1)[0]

    def scale(self, kind: str) -> ImageScale | ColumnScale:
        """Return the scale layer of the elements; `kind` is a name in `SCALES`."""
        return SCALE_LAYERS[self.element.scale](self.element, kind)


@ARCHITECTURES.register("mlp")
class Dense:
    """Dense layers alone, the paper's."""

    backbone, decoder = MLPBackbone, MLPDecoder


@ARCHITECTURES.register("convolutional")
class Convolutional:
    """Convolutions of stride 2 beside the dense layers: before them in the encoder, after them in the decoder.

    Args:
        filters: filters of the encoder's convolutions, fine to coarse; the decoder has them the other way round.
    """

    def __init__(self, filters: Widths = (32, 64, 128)):
        self.backbone = partial(ConvolutionalBackbone, filters=filters)
        self.decoder = partial(ConvolutionalDecoder, filters=filters[::-1])


def encoder_builder(labels: bool = False, heads: dict[str, Callable] | None = None) -> Callable:
    """Return a function (NetworkSpec, options) that makes an `Encoder`, with its posterior as the head 'z'.

    Args:
        labels: whether it has a second head, the logits of q(y|x), float32 [N, K], under 'y_logits'.
        heads: builders of further heads by code name, functions (`NetworkSpec`, options) to posteriors of [N, dim].
    """
    further = heads or {}

    def make_encoder(
        spec,
        architecture: Annotated[str, ARCHITECTURES] = "mlp",
        posterior: Annotated[str, POSTERIORS] = "deterministic",
        widths: Widths = (1000, 1000),
        activation: str = "relu",
        initializer: str = "glorot_uniform",
        batch_norm: bool | tuple[int, ...] = False,  # in the hidden layers, or in those with these numbers (from 1)
        # 'balanced' is both without a learned scale and shift, so that every cluster keeps its share of the images.
        head_batch_norm: Annotated[str, HEAD_NORMS] = "none",
        input_noise: Annotated[float, Range(0.0)] = 0.0,  # its standard deviation, in training only
        input_dropout: Annotated[float, Range(0.0, 0.99)] = 0.0,  # share of input values, in training only
        **more,
    ):
        """Return an `Encoder`; further options are those of the architecture, the posterior and further heads."""
        shared = _shared(spec, activation, initializer)
        backbone = make(ARCHITECTURES[architecture], more).backbone(
            widths=widths, batch_norm=batch_norm, seed=spec.seed_of(1), **shared
        )
        balanced = head_batch_norm == "balanced"
        options = {"kernel_initializer": initializer, "seed": spec.seed_of(2)}
        norm = {"batch_norm": balanced or head_batch_norm == "both", "norm_std": spec.code_std if balanced else None}
        heads = {"z": make(POSTERIORS[posterior], more | norm, spec.latent_dim, name="z", **options)}  # some have none
        if labels:
            options["seed"] += 1
            norm = {"batch_norm": head_batch_norm != "none", "norm_std": BALANCED_LOGIT_STD if balanced else None}
            heads["y_logits"] = DeterministicPosterior(spec.classes, name="y_logits", **norm, **options)
        heads |= {name: make(maker, more, spec) for name, maker in further.items()}
        return Encoder(backbone, heads, input_noise, input_dropout, name="encoder")

    make_encoder.builders = tuple(further.values())
    return make_encoder


def make_decoder(
    spec: NetworkSpec,
    architecture: Annotated[str, ARCHITECTURES] = "mlp",
    widths: Widths = (1000, 1000),
    activation: str = "relu",
    initializer: str = "glorot_uniform",
    decoder_batch_norm: bool | tuple[int, ...] = False,
    image_scale: Annotated[str, SCALES] = "unit",
    **more: Any,
) -> MLPDecoder | ConvolutionalDecoder:
    """Return a decoder, its output in the image scale; `widths` and the architecture are those of the encoder."""
    return make(ARCHITECTURES[architecture], more).decoder(
        image_shape=spec.element.shape,
        widths=widths[::-1],
        output_activation=spec.scale(image_scale).output_activation,
        batch_norm=decoder_batch_norm,
        seed=spec.seed_of(3),
        name="decoder",
        **_shared(spec, activation, initializer),
    )


def discriminator_builder(name: str = "discriminator", role: int = 4) -> Callable:
    """Return a function (NetworkSpec, options) to a discriminator; `role` separates the initial weights of several."""

    def make_discriminator(
        spec, discriminator_widths: Widths = (1000, 1000), activation: str = "relu", initializer: str = "glorot_uniform"
    ):
        shared = _shared(spec, activation, initializer)
        return MLPDiscriminator(discriminator_widths, seed=spec.seed_of(role), name=name, **shared)

    return make_discriminator


def make(maker: Callable, given: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
    """Return what a function or class makes of those of the given options that it takes; `named` go before them."""
    accepted = accepted_by([maker], given)
    return maker(*arguments, **{**{name: given[name] for name in given if name in accepted}, **named})


def accepted_by(takers: Iterable[Callable], given: Mapping[str, Any], every: bool = False) -> dict[str, Option]:
    """Return the options of several takers, and of the things that these options name: dict of name to `Option`.

    Args:
        takers: classes and functions; a function's `builders`, which it calls, count too.
        given: dict of option name to value.
        every: whether to include the options of everything that could be named.
    """
    found = {}
    called = [maker for taker in takers if not isinstance(taker, type) for maker in getattr(taker, "builders", ())]
    for taker in (*takers, *called):
        excluded = taker.build_spec.excluded_args if hasattr(taker, "build_spec") else ()
        found = options_of(taker, excluded) | found
    for name, option in list(found.items()):
        registry = option.registry
        if registry is not None:
            for each in registry if every else [given.get(name, option.default)]:
                found |= options_of(registry[each], registry.given)
    return found


def _shared(spec, activation, initializer):
    return {"activation": activation, "kernel_initializer": initializer, "dtype": spec.dtype}
