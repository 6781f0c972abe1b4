"""What layers change by themselves in a training step: moving statistics, assigned weights, added losses."""

from typing import Any

from aae_tf.backend import keras


class FirstPass(keras.StatelessScope):
    """A scope in which a layer's moving statistics change in its first pass of the step only.

    The first pass is over the mini-batch itself, as in inference. Further passes (recomputed codes, labelled images,
    views) normalise by their own statistics. Weights that a layer assigns (spectral normalisation) change in each pass.
    `moved` (ids of statistics) and `variables` (by id, as text) hold what has moved in this step.
    """

    def __init__(self, moved: set, variables: dict):
        super().__init__(collect_losses=True)
        self.moved, self.variables, self.added = moved, variables, []
        self.assigned = {}  # the value to assign after the passes, by the variable's id as text

    def add_update(self, update: tuple) -> None:
        """Record the first value that a statistic receives in the step, and the last that a weight receives here."""
        super().add_update(update)
        variable, value = update
        if variable.trainable or id(variable) not in self.moved:
            self.assigned[str(id(variable))] = value
            self.variables[str(id(variable))] = variable
        if not variable.trainable:
            self.moved.add(id(variable))

    def add_loss(self, loss: Any) -> None:
        """Record a loss; Keras drops those of a layer when the layer is called again."""
        super().add_loss(loss)
        self.added.append(loss)
