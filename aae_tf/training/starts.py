"""Several starts: training begun more than once, from other weights each time, and gone on with from the best of them.

What a first epoch takes for one cluster stays one, so that runs differ by their first weights more than by anything
else. As k-means does (its n_init), a run may therefore begin several times; each start is trained for a quarter of the
epochs that the chosen one gets, and the one whose losses are least goes on. No label is looked at but what those losses
look at.
"""

import numpy as np

from aae_tf.errors import InputError
from aae_tf.training.checkpoints import assign

SHARE = 0.25  # of the epochs of the weights that go on, how many each start gets


class Starts:
    """Counts the epochs of a training that begins several times, and keeps the weights of its best start.

    Args:
        count: how many starts; fewer where there are fewer epochs than that.
        epochs: of all starts and of what follows them.
        redraw: function from a start's number (from 1; the first, 0, is the model as it was made) to its trainable
            weights, arrays in the order of `model.trainable_weights`.

    Attributes:
        length: epochs of each start.
        losses: of the starts so far.
    """

    def __init__(self, count=1, epochs=1, redraw=None):
        self.count, self.epochs, self.redraw = min(count, epochs), epochs, redraw
        shared = SHARE * epochs / (1 + SHARE * (self.count - 1))
        self.length = max(1, min(round(shared), epochs // self.count))
        self.losses, self._first, self._best, self._scales = [], None, None, {}

    @property
    def life(self):
        """Epochs that the weights which go on have seen in the end."""
        return self.age(self.epochs)

    def age(self, epoch):
        """Return how many epochs the weights that are trained in an epoch have seen before it.

        Args:
            epoch: counted from 0.
        """
        started = epoch < self.count * self.length
        return epoch % self.length if started else epoch - (self.count - 1) * self.length

    @property
    def chosen(self):
        """Number of the start that goes on, from 0; None as long as not all are trained."""
        return self.losses.index(min(self.losses)) if len(self.losses) == self.count else None

    @property
    def now(self):
        """Number of the start that is trained."""
        return len(self.losses) if self.chosen is None else self.chosen

    def begin(self, variables):
        """Note everything that training changes, as it is before the first step.

        Args:
            variables: list of variables, in one order in all calls.
        """
        if self.count > 1:
            self._first = _values(variables)

    def after(self, epoch, loss, variables, model, average=None, scales=None):
        """Where an epoch was a start's last, keep the best so far, and begin the next or go on from the best.

        Args:
            epoch: epochs finished, of all starts.
            loss: what the starts are compared by, least is best.
            variables: as for `begin`; they are set.
            model: whose weights are among them.
            average: its `WeightAverage`, or None.
            scales: dict of factors that callbacks have put on rates, which are a start's own; it is set.
        """
        scales = {} if scales is None else scales
        if self.chosen is not None or epoch % self.length:
            return
        if loss < min(self.losses, default=float("inf")):
            self._best, self._scales = _values(variables), dict(scales)
        self.losses.append(float(loss))
        if self.chosen is not None:
            assign(variables, self._best)
            scales.update(self._scales)
            self._first = self._best = None
            return
        assign(variables, self._first)
        scales.update(dict.fromkeys(scales, 1.0))
        assign(model.trainable_weights, self.redraw(len(self.losses)))
        if average is not None:
            average.restart()

    def state(self):
        """Return what a checkpoint keeps: a dict."""
        names = ("losses", "count", "length", "_best", "_scales")
        return {name.strip("_"): getattr(self, name) for name in names}

    def restore(self, state):
        """Go on from what `state` gave; starts keep their number and length where training is made longer or shorter.

        Args:
            state: dict.

        Raises:
            InputError: training was made shorter than the starts are that it has begun with.
        """
        self.losses, self.count, self.length = list(state["losses"]), state["count"], state["length"]
        self._best, self._scales = state["best"], state["scales"]
        if self.count > 1 and self.chosen is None and self.count * self.length > self.epochs:
            raise InputError(
                f"epochs={self.epochs} ends before the {self.count} starts of {self.length} epochs that this run has "
                f"begun with; give it at least {self.count * self.length}, or use another out_dir"
            )


def _values(variables):
    """Return arrays, of scalars too: those checkpoints keep exactly."""
    return [np.asarray(variable.numpy()) for variable in variables]
