"""An anomaly score, a metric of it, and a dataset for the metric.

The score is that of AnoGAN (Schlegl et al., 2017, arXiv 1703.05921), a mean of reconstruction error and discriminator
loss; the encoder gives the code that AnoGAN searches for. The metric is the area under the ROC curve between held-out
images of a class without training images and the others. Chance is 0.5.

    aae-tf --plugin examples/anomaly_score.py train anomaly --set prior_share=0.2
"""

import dataclasses
from typing import Annotated

import numpy as np
from sklearn.metrics import roc_auc_score

import aae_tf
from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.data import DATASETS
from aae_tf.models import MODELS


@DATASETS.register("digits_without_1")
def digits_without_1(image_size=0):
    """Return the embedded digits without a 1 among the training images."""
    digits = aae_tf.data.load("mnist_5k", image_size)
    train = digits.train.take(np.flatnonzero(digits.train.labels != 1))
    source = f"{digits.source}; no 1 in training"
    return dataclasses.replace(digits, name="digits_without_1", train=train, source=source)


def anomaly_auroc(model, held_out):
    """Return the area under the ROC curve of the score 'anomaly'; nothing without a class that training lacks."""
    split = held_out.images.labelled()
    known = np.unique(held_out.training(10**9).labelled().labels)
    new = ~np.isin(split.labels, known)
    if not len(known) or new.all() or not new.any():
        return {}
    value = roc_auc_score(new, model.score(split.images)["anomaly"])
    about = {"baseline": 0.5, "baseline_is": "chance", "unit": "area under the ROC curve", "n": len(split)}
    return {"anomaly_auroc": {"value": float(value), **about}}


@MODELS.register
@keras.saving.register_keras_serializable("examples")
class AnomalyAAE(aae_tf.AdversarialAutoencoder):
    """The model of §2 with a score 'anomaly', high for images unlike the training images.

    Args:
        *args: as for `AdversarialAutoencoder`.
        prior_share: weight of the discriminator's loss in the score, in [0, 1].
        **kwargs: as for `AdversarialAutoencoder`.
    """

    def __init__(self, *args, prior_share: Annotated[float, Range(0.0, 1.0)] = 0.1, **kwargs):
        super().__init__(*args, **kwargs)
        self.prior_share = prior_share

    @property
    def report_spec(self):
        """What is reported, with the area under the ROC curve."""
        return super().report_spec.extended(metrics=(anomaly_auroc,))

    def scores(self, batch):
        """Return the scores of the model of §2, and 'anomaly', float32 [N]."""
        found = super().scores(batch)
        discriminator_loss = tf.nn.softplus(-found["prior_logit"])
        pixels = tf.cast(tf.size(batch["images"][0]), tf.float32)
        error = pixels * found["reconstruction_error"]
        return {**found, "anomaly": (1.0 - self.prior_share) * error + self.prior_share * discriminator_loss}


base = aae_tf.recipes()["likelihood"]
about = {"summary": "digits unlike those of training", "dataset": "digits_without_1"}
aae_tf.register_recipe(dataclasses.replace(base, name="anomaly", model="AnomalyAAE", **about))
