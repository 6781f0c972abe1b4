"""The base of models with an encoder, `LatentModel`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.losses import RECONSTRUCTION, losses_of
from aae_tf.models.base import GenerativeModel
from aae_tf.models.predictor import Predictor
from aae_tf.models.sampling import Codes
from aae_tf.models.specs import BuildSpec, ReportSpec
from aae_tf.networks import as_encoder, encoder_builder
from aae_tf.priors import Prior
from aae_tf.training.updates import Phase

if TYPE_CHECKING:
    from aae_tf.data import Split


class LatentModel(Predictor, GenerativeModel):
    """An encoder, a decoder and a prior, trained by updates; the base of the autoencoders.

    A subclass adds networks, which it names in `build_spec`, and defines `updates`.

    Args:
        encoder: `Encoder`, or a Keras model from images [N, H, W, C] to codes [N, D].
        decoder: Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        prior: `aae_tf.priors.Prior` of z.
        reconstruction_loss: a name in `RECONSTRUCTION`: 'squared_error' (half the sum over pixels, mean over the
            batch), 'mean_squared_error' (mean over pixels), 'binary_crossentropy' (sum over pixels; 'unit' only) or
            'gaussian' (of learned variance); for counts 'negative_binomial' or 'poisson'. The columns of a table that
            the loss does not fit have their default, see `losses_of`.
        **kwargs: `image_scale` and `name`, as for `GenerativeModel`.

    Call arguments:
        inputs: images, float32 [N, H, W, C] in [0, 1] or uint8, or (images, labels int [N]); training: bool.
        Returns the reconstruction, float32 [N, H, W, C] in [0, 1].

    Raises:
        InputError: a prior that does not fit the model; an unknown loss or scale.
    """

    build_spec: ClassVar[BuildSpec] = BuildSpec({"encoder": encoder_builder(), **GenerativeModel.build_spec.submodels})

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        prior: Prior,
        *,
        reconstruction_loss: Annotated[str, RECONSTRUCTION] = "squared_error",
        **kwargs: Any,
    ):
        self.encoder = as_encoder(encoder)  # first, as its weights come first
        super().__init__(decoder, prior, **kwargs)
        self.reconstruction_loss = RECONSTRUCTION.check("reconstruction_loss", reconstruction_loss)
        if reconstruction_loss == "binary_crossentropy" and self.image_scale.kind != "unit":
            raise InputError(
                f"reconstruction_loss 'binary_crossentropy' needs image_scale 'unit', not '{self.image_scale.kind}'"
            )
        self.losses_by_kind = losses_of(self.image_scale.kinds, reconstruction_loss)
        self.log_scale = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every network, see `GenerativeModel.build`."""
        if not self.built and any(map(_is_learned, self.losses_by_kind.values())):
            if not self.image_scale.built:
                self.image_scale.build(tuple(input_shape))
            self.log_scale = self.add_weight(name="log_scale", shape=tuple(input_shape[1:]), initializer="zeros")
        super().build(input_shape)

    @property
    def report_spec(self) -> ReportSpec:
        """What is measured, drawn and monitored."""
        return ReportSpec(
            ("reconstruction_error", "prior_match", "log_likelihood", "sample_quality"),
            ("samples", "latent_plane", "reconstructions", "manifold", "losses", "views"),
            "val_reconstruction_error",
        )

    @property
    def random_codes(self) -> tuple[str, ...]:
        """Names of the codes for which q(·|x) is random: an image has another code for every seed."""
        return tuple(name for name, head in (self.encoder.heads or {}).items() if getattr(head, "random", False))

    def codes(self, batch: dict[str, Any], seed: Any = None, training: bool = False) -> Codes:
        """Return the encoder's codes, see `GenerativeModel.codes`."""
        return self.encoder(self.image_scale(batch["images"]), training=training, seed=seed)

    # Training ---------------------------------------------------------------------------------------------

    def reconstruction_phase(self, variables: "Sequence[keras.Variable]" = ()) -> Phase:
        """Return the phase that trains encoder, decoder and further variables on the error of the clean image."""

        def loss(batch, codes, seed):
            outputs = tf.cast(self.decoder(self.decoder_input(codes), training=True), tf.float32)
            return self.reconstruction_cost(batch["images"], outputs)

        scale = [] if self.log_scale is None else [self.log_scale]
        moved = [*self.encoder.trainable_variables, *self.decoder.trainable_variables, *scale, *variables]
        return Phase("reconstruction", loss, moved)

    def reconstruction_cost(self, images: "tf.Tensor", outputs: "tf.Tensor") -> "tf.Tensor":
        """Return the scalar loss of images and the decoder's outputs: the sum over kinds of numbers of their losses."""
        total = 0.0
        for kind, targets, predicted, where in self.image_scale.parts(images, outputs):
            name = self.losses_by_kind[kind]
            if not _is_learned(name):
                total += RECONSTRUCTION[name](targets, predicted)
                continue
            # Gathered along the second axis, for which the gradient is dense.
            scale = self.log_scale if where is ... else tf.gather(self.log_scale[None], where, axis=1)
            total += RECONSTRUCTION[name](targets, predicted, scale)
        return total

    def finalize(self, images: ArrayLike, seed: int) -> None:
        """Fit the prior to the codes of the training images, where it is fitted after training."""
        self.prior.fit(self.encode(images, seed=seed), seed)

    def validate(self, split: "Split") -> dict[str, float]:
        """Return the validation metrics, see `validation_metrics`."""
        return self.validation_metrics(split, self._outputs_of(split.images, split.labels))

    def validation_metrics(self, split: "Split", outputs: dict[str, np.ndarray]) -> dict[str, float]:
        """Return the metrics of `validate` from outputs, the codes [N, D] and 'reconstruction_error' [N] of a split."""
        return {"val_reconstruction_error": float(np.mean(outputs["reconstruction_error"], dtype="float64"))}


def _is_learned(loss):
    """Return whether a reconstruction loss has a learned scale; a plain function has not."""
    return getattr(RECONSTRUCTION[loss], "learned", False)
