"""The variational autoencoder (Kingma and Welling, 2014, arXiv 1312.6114), with and without labels: the paper's rival.

It maximises the evidence lower bound: reconstruction minus KL(q(z|x) || p(z)). It needs the density of the prior,
where an adversarial autoencoder needs only samples.
"""

from typing import Annotated, Any

from aae_tf.backend import keras, tf, tfp
from aae_tf.config.schema import Range
from aae_tf.errors import InputError
from aae_tf.models.latent_model import LatentModel
from aae_tf.models.sampling import Codes
from aae_tf.models.supervised_aae import ReadsLabels
from aae_tf.networks import GaussianPosterior
from aae_tf.training.updates import Phase, Update
from aae_tf.utils.random import fold

tfd = tfp.distributions


@keras.saving.register_keras_serializable("aae_tf")
class VariationalAutoencoder(LatentModel):
    """An autoencoder with a Gaussian posterior and a KL term (arXiv 1312.6114).

    The KL term is in closed form where TensorFlow Probability has one for the prior (Gaussians), else estimated from
    the code that was sampled (mixtures).

    Args:
        *args: `encoder` (with a `GaussianPosterior` as head 'z'), `decoder` and `prior`, as for `LatentModel`.
        penalty_weight: factor on the KL term, the beta of beta-VAE (Higgins et al., 2017).
        **kwargs: as for `LatentModel`.

    Raises:
        InputError: another posterior, or a prior without density.
    """

    def __init__(self, *args: Any, penalty_weight: Annotated[float, Range(0.0)] = 1.0, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.penalty_weight = penalty_weight
        if not isinstance((self.encoder.heads or {}).get("z"), GaussianPosterior):
            raise InputError(f"{type(self).__name__} needs a Gaussian posterior; set posterior='gaussian'")
        if self.prior.distribution is None:
            given = f"{type(self).__name__} needs the prior's density and {type(self.prior).__name__} has none"
            raise InputError(f"{given}; use another prior, or an adversarial autoencoder, which needs only samples")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every network for images of shape (N, H, W, C); see `GenerativeModel.build`."""
        if not self.built:
            self.encoder.build(tuple(input_shape))
            super().build(input_shape)

    def codes(self, batch: dict[str, Any], seed: Any = None, training: bool = False) -> Codes:
        """Return z and the 'mean' and 'log_variance' of q(z|x), each float32 [N, D]."""
        features = self.encoder.features(self.image_scale(batch["images"]), training, seed)
        head = self.encoder.heads["z"]
        mean, log_variance = head.parameters(features)
        z = mean if seed is None else head.draw(mean, log_variance, fold(seed, 3))
        return {"z": z, "mean": mean, "log_variance": log_variance}

    def kl_divergence(self, codes: Codes) -> "tf.Tensor":
        """Return KL(q(z|x) || p(z)) in nats, float32 [N], of 'z', 'mean' and 'log_variance', float32 [N, D] each."""
        posterior = tfd.MultivariateNormalDiag(codes["mean"], tf.exp(0.5 * codes["log_variance"]))
        try:
            return tfd.kl_divergence(posterior, self.prior.distribution)
        except NotImplementedError:  # TensorFlow Probability has no closed form for this pair
            return posterior.log_prob(codes["z"]) - self.prior.log_prob(codes["z"])

    def updates(self) -> list[Update]:
        """Return one update: reconstruction and the KL term."""

        def kl(batch, codes, seed):
            return tf.reduce_mean(self.kl_divergence(codes))

        penalty = Phase("kl", kl, self.encoder.trainable_variables, self.penalty_weight)
        return [Update(self.reconstruction_phase(), penalty)]


@keras.saving.register_keras_serializable("aae_tf")
class ConditionalVAE(ReadsLabels, VariationalAutoencoder):
    """A VAE whose decoder also takes the label, p(x|z, y): the VAE of §4 (Kingma et al., 2014, arXiv 1406.5298, M2).

    The encoder takes the image alone, q(z|x), as that of `SupervisedAAE` does: the image already shows its class.
    Arguments are those of `VariationalAutoencoder` and `classes`, K; the decoder has K + D inputs, label first. It is
    called with (images, labels int [N]).
    """
