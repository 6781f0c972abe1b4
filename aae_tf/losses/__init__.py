"""Loss functions: reconstruction, adversarial, classification, consistency, clustering and moment matching."""

from aae_tf.losses.adversarial import ADVERSARIAL, AdversarialLoss
from aae_tf.losses.classification import centroid_distance_loss, cross_entropy
from aae_tf.losses.consistency import adversarial_perturbation, divergence, mutual_information_loss
from aae_tf.losses.moment_matching import maximum_mean_discrepancy
from aae_tf.losses.reconstruction import RECONSTRUCTION, Likelihood, losses_of

__all__ = ["ADVERSARIAL", "RECONSTRUCTION", "AdversarialLoss", "Likelihood", "cross_entropy", "losses_of"]
__all__ += ["adversarial_perturbation", "centroid_distance_loss", "divergence"]
__all__ += ["maximum_mean_discrepancy", "mutual_information_loss"]
