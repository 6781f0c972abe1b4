"""Autoencoders without a prior in training: plain, denoising, contractive. The baselines of representation learning.

For sampling, a Gaussian or a mixture is fitted to the codes of the training images after training
(`priors.FittedMixture`).
"""

from dataclasses import replace
from typing import Annotated, Any, ClassVar

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Choices, Range
from aae_tf.errors import InputError
from aae_tf.models.latent_model import LatentModel
from aae_tf.models.sampling import Codes
from aae_tf.models.specs import BuildSpec
from aae_tf.training.updates import Phase, Update


@keras.saving.register_keras_serializable("aae_tf")
class Autoencoder(LatentModel):
    """Encoder and decoder that minimise the reconstruction error.

    Without hidden layers and with `image_scale='centred'` it is linear, and learns the subspace of PCA (Baldi and
    Hornik, 1989): the recipe `linear_autoencoder`.

    Arguments are those of `LatentModel`; the prior may be one that is fitted after training.
    """

    build_spec: ClassVar[BuildSpec] = replace(LatentModel.build_spec, accepts_fitted_prior=True)

    def updates(self) -> list[Update]:
        """Return the reconstruction."""
        return [Update(self.reconstruction_phase())]


@keras.saving.register_keras_serializable("aae_tf")
class DenoisingAutoencoder(Autoencoder):
    """An autoencoder that restores the clean image from a corrupted one (Vincent et al., 2008).

    Arguments are those of `Autoencoder`; the encoder corrupts its input (`input_noise` or `input_dropout`).

    Raises:
        InputError: an encoder without input noise or dropout.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if not (self.encoder.input_noise or self.encoder.input_dropout):
            raise InputError("a DenoisingAutoencoder needs a corruption; set input_noise or input_dropout above 0")


CONTRACTIONS = Choices(("jacobian", "stochastic"))


@keras.saving.register_keras_serializable("aae_tf")
class ContractiveAutoencoder(Autoencoder):
    """An autoencoder whose codes change little with the image: the squared Frobenius norm of dz/dx is a penalty.

    Args:
        contraction: 'jacobian' (exact: one backward pass for each dimension of z; Rifai et al., 2011, ICML) or
            'stochastic' (the mean of |f(x + e) - f(x)|^2 / s^2 over small Gaussian e of standard deviation s, which
            tends to it as s falls; Alain and Bengio, 2014, arXiv 1211.4246).
        contraction_std: s, in the networks' scale of images.
        penalty_weight: factor on the penalty.
        **kwargs: further arguments of `Autoencoder`.

    Raises:
        InputError: an unknown contraction.
    """

    def __init__(
        self,
        *args: Any,
        contraction: Annotated[str, CONTRACTIONS] = "jacobian",
        contraction_std: Annotated[float, Range(1e-9)] = 0.01,
        penalty_weight: Annotated[float, Range(0.0)] = 1.0,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.contraction = CONTRACTIONS.check("contraction", contraction)
        self.contraction_std, self.penalty_weight = contraction_std, penalty_weight

    def updates(self) -> list[Update]:
        """Return one update: reconstruction and contraction."""
        penalty = Phase("contraction", self.contraction_loss, self.encoder.trainable_variables, self.penalty_weight)
        return [Update(self.reconstruction_phase(), penalty)]

    def contraction_loss(self, batch: dict[str, Any], codes: Codes, seed: "tf.Tensor") -> "tf.Tensor":
        """Return the squared Frobenius norm of the codes' Jacobian, mean over the batch; a scalar, at least 0."""
        images = self.image_scale(batch["images"])
        if self.contraction == "stochastic":
            moved = images + self.contraction_std * tf.random.stateless_normal(tf.shape(images), seed)
            change = self._codes_of(moved) - self._codes_of(images)
            return tf.reduce_mean(tf.reduce_sum(tf.square(change), -1)) / self.contraction_std**2
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(images)
            codes = self._codes_of(images)
            each = [tf.reduce_sum(codes[:, dimension]) for dimension in range(codes.shape[-1])]
        rows = [tape.gradient(one, images) for one in each]
        axes = list(range(1, images.shape.rank))
        return tf.add_n([tf.reduce_mean(tf.reduce_sum(tf.square(row), axes)) for row in rows])

    def _codes_of(self, images):
        return self.encoder(images, training=True)["z"]
