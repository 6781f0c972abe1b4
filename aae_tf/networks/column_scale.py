"""The scale of rows: what networks see of each column, and what their outputs say of it.

The decoder gives one number for each entry of a row, in the networks' scale. Back in the scale of the column it is the
value itself where the column is real, the log of a mean where it holds counts, the logit of a yes, or one of the logits
of a category.
"""

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Choices
from aae_tf.data.element import TableElement
from aae_tf.data.tables.columns import Columns, listed
from aae_tf.errors import InputError

COLUMN_SCALES = Choices(("standardized", "robust", "unit", "none"))


@keras.saving.register_keras_serializable("aae_tf")
class ColumnScale(keras.layers.Layer):
    """What the networks see of a row: (value - shift) / spread, of counts (log(1 + value) - shift) / spread.

    Yes-or-no columns and categories stay 0 and 1. A row that a model gives has the means of real columns and counts,
    and probabilities of the others.

    Args:
        columns: `aae_tf.data.Columns`, or what its `get_config` returned.
        kind: 'standardized' (mean 0 and standard deviation 1 over the training rows), 'robust' (median 0, and the
            distance of the quartiles that of a Gaussian of standard deviation 1), 'unit' (as they are, in [0, 1], with
            a sigmoid output) or 'none' (as they are). Of counts the logarithm is always standardised.

    Call arguments:
        rows: float32 [N, D]. Returns float32 [N, D].

    Attributes:
        kinds: the kinds of its columns.
        element: `aae_tf.data.TableElement` of its columns.

    Raises:
        InputError: an unknown kind, or 'unit' for other columns than real ones.
    """

    def __init__(self, columns, kind="standardized", **kwargs):
        super().__init__(**kwargs)
        self.columns = columns if isinstance(columns, Columns) else Columns.from_config(columns)
        self.element = TableElement(self.columns)
        self.kind = COLUMN_SCALES.check("scale of a table", kind)
        self.kinds = tuple(dict.fromkeys(kind for kind, _ in self.columns.parts()))
        if kind == "unit" and self.kinds != ("real",):
            raise InputError("scale 'unit' is for tables of real columns in [0, 1]; use scale=standardized")

    def build(self, input_shape):
        """Make the two constants of each entry."""
        size = (len(self.columns),)
        self.shift = self.add_weight(name="shift", shape=size, initializer="zeros", trainable=False)
        self.spread = self.add_weight(name="spread", shape=size, initializer="ones", trainable=False)
        self._counts = np.isin(np.arange(*size), self.columns.of_kind("count"))

    def adapt(self, rows):
        """Take shift and spread of each real column and of each count from training rows.

        Args:
            rows: float32 [N, D].

        Raises:
            InputError: a column to be divided by its spread is constant, or one of 'unit' leaves [0, 1].
        """
        real, counts = self.columns.of_kind("real"), self.columns.of_kind("count")
        if self.kind == "unit":
            self._refuse_outside(rows)
        scaled = counts if self.kind in ("unit", "none") else np.sort(np.concatenate([real, counts]))
        shift, spread = np.zeros(len(self.columns)), np.ones(len(self.columns))
        for number in scaled:  # one after the other, so that no second table is in memory
            values = np.asarray(rows[:, number], "float64")
            shift[number], spread[number] = self._place(np.log1p(values) if number in counts else values)
        constant = np.array(self.columns.entries)[spread == 0]
        if len(constant):
            unscaled = "" if (spread[counts] == 0).any() else ", or do not scale (scale=none)"
            raise InputError(
                f"the same number in all training rows of {listed(constant)}; leave it out "
                f"(columns.drop={','.join(constant[:6])}){unscaled}"
            )
        self.shift.assign(shift)
        self.spread.assign(spread)

    def _place(self, values):
        """Return where a column lies and how far it spreads, 0 if it is constant."""
        if np.ptp(values) == 0:
            return values[0], 0.0
        if self.kind != "robust":
            return values.mean(), values.std()
        lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75))
        return median, (upper - lower) / 1.349 if upper > lower else values.std()

    def _refuse_outside(self, rows):
        outside = (rows < 0) | (rows > 1)
        if outside.any():
            number = int(np.flatnonzero(outside.any(0))[0])
            low, high = rows[:, number].min(), rows[:, number].max()
            raise InputError(
                f"column '{self.columns.entries[number]}' goes from {low:g} to {high:g}; scale 'unit' takes [0, 1]: "
                "use scale=standardized"
            )

    def read(self, rows):
        """Return rows as float32 [N, D]: tensors as they are, anything else by `Columns.encode`.

        Args:
            rows: a tensor or an array [N, D], or a DataFrame.
        """
        return tf.cast(rows, tf.float32) if tf.is_tensor(rows) else self.columns.encode(rows)

    def call(self, rows):
        """Return rows in the networks' scale."""
        logarithm = tf.math.log1p(tf.nn.relu(rows)) if "count" in self.kinds else rows
        return (tf.where(self._counts, logarithm, rows) - self.shift) / self.spread

    def comparable(self, rows):
        """Return rows in the units in which their errors and distances are measured: the networks' scale.

        Args:
            rows: float32 [N, D].
        """
        return self(rows)

    def moved(self, rows, steps):
        """Return rows moved by steps in the networks' scale, to first order: float32 [N, D].

        Args:
            rows: float32 [N, D].
            steps: float32 [N, D], in the networks' scale.
        """
        return rows + steps * self.spread * tf.where(self._counts, 1.0 + rows, 1.0)

    def invert(self, outputs):
        """Return rows in their own units, float32 [N, D]: means, and probabilities of what is no number.

        Args:
            outputs: float [N, D], in the networks' scale.
        """
        natural, parts = self._natural(outputs), self.columns.parts()
        found = [_LINKS[kind](self._part(natural, where)) for kind, where in parts]
        order = np.argsort(np.concatenate([where for _, where in parts]))
        return found[0] if len(found) == 1 else tf.gather(tf.concat(found, 1), order, axis=1)

    def parts(self, rows, outputs):
        """Return what a reconstruction loss compares, part by part.

        Args:
            rows: float32 [N, D], in their own units.
            outputs: float32 [N, D], in the networks' scale.

        Returns:
            list of (kind of column, targets [N, E], outputs [N, E], positions of the E entries): real columns in the
            networks' scale, the others as they are beside the logits or the logs of means. A category is a part.
        """
        scaled, natural, found = self(rows), self._natural(outputs), []
        for kind, where in self.columns.parts():
            both = (scaled, outputs) if kind == "real" else (rows, natural)
            found.append((kind, *(self._part(each, where) for each in both), where))
        return found

    def _part(self, rows, where):
        return rows if len(where) == len(self.columns) else tf.gather(rows, where, axis=1)

    def _natural(self, outputs):
        return outputs * self.spread + self.shift

    @property
    def output_activation(self):
        """The decoder's output activation that fits this scale."""
        return "sigmoid" if self.kind == "unit" else "linear"

    def get_config(self):
        """Return the arguments that make this layer again."""
        return {**super().get_config(), "columns": self.columns.get_config(), "kind": self.kind}


_LINKS = {
    "real": tf.identity,
    "count": lambda logs: tf.exp(tf.minimum(logs, 30.0)),  # beyond, float32 overflows in what is made of it
    "binary": tf.sigmoid,
    "category": tf.nn.softmax,
}
