"""A second code: w besides z, with its own prior and adversarial objective.

z is Gaussian and w uniform on a box, which separates two kinds of variation, as y and z in Makhzani et al., 2016 (arXiv
1511.05644, §5). `sample`, `decode`, the metrics (`mmd_w`, ...) and the exported signatures follow from `priors`.

    aae-tf --plugin examples/second_code.py train two_codes --set w_dim=3 --set latent_dim=6
"""

import dataclasses
from typing import Annotated

import aae_tf
from aae_tf.backend import keras
from aae_tf.config.schema import Range
from aae_tf.models import MODELS
from aae_tf.networks import DeterministicPosterior, discriminator_builder, encoder_builder
from aae_tf.priors import Uniform


def make_w(spec, w_dim: Annotated[int, Range(1)] = 2):
    """Return the encoder's head of w."""
    return DeterministicPosterior(w_dim, name="w", seed=spec.seed_of(6))


@MODELS.register
@keras.saving.register_keras_serializable("examples")
class TwoCodesAAE(aae_tf.AdversarialAutoencoder):
    """The model of §2 with a second code.

    Args:
        *args: as for `AdversarialAutoencoder`; the encoder has heads 'z' and 'w', the decoder takes both.
        discriminator_w: Keras model from w [N, D] to one logit a row.
        w_dim: dimension of w.
        **kwargs: as for `AdversarialAutoencoder`.
    """

    build_spec = aae_tf.AdversarialAutoencoder.build_spec.extended(
        submodels={
            "encoder": encoder_builder(heads={"w": make_w}),
            "discriminator_w": discriminator_builder("discriminator_w", role=7),
        }
    )

    def __init__(self, *args, discriminator_w, w_dim=2, **kwargs):
        super().__init__(*args, **kwargs)
        self.discriminator_w, self.w_dim = discriminator_w, w_dim

    @property
    def report_spec(self):
        """What is reported; two codes have no manifold."""
        figures = ("samples", "latent_plane", "reconstructions", "losses")
        return dataclasses.replace(super().report_spec, figures=figures)

    @property
    def priors(self):
        """The priors of z and of w."""
        return {**super().priors, "w": Uniform(self.w_dim)}

    def objectives(self):
        """Return the objectives on z and on w."""
        w = aae_tf.AdversarialObjective(self.priors["w"], self.discriminator_w, "w", "_w", **self.objective_options)
        return [*super().objectives(), w]


base = aae_tf.recipes()["likelihood"]
two_codes = {"name": "two_codes", "summary": "a Gaussian and a uniform code", "model": "TwoCodesAAE", "latent_dim": 4}
aae_tf.register_recipe(dataclasses.replace(base, **two_codes))

if __name__ == "__main__":
    run = aae_tf.train("two_codes")
    codes = {name: run.model.encode(run.data.test.images[:8], code=name) for name in run.model.drawn}
    print(run.model.decode(codes).shape, run.last_report()["metrics"]["mmd_w"])
