"""JSON to arrays and back by TensorFlow Serving's REST rules: row and column format, base64 bytes."""

import base64
import binascii
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException

from aae_tf.backend import tf

DTYPES = {"float32": "DT_FLOAT", "int32": "DT_INT32", "bool": "DT_BOOL", "string": "DT_STRING"}


def refused(message: str, status: int = 400) -> HTTPException:
    """Return the error that refuses a request."""
    return HTTPException(status, message[:1000])


class Signature:
    """A signature of a loaded SavedModel: its name and its `ConcreteFunction`."""

    def __init__(self, name: str, function: Any):
        self.name, self.function = name, function
        self.inputs, self.outputs = function.structured_input_signature[1], function.structured_outputs
        self.names = ", ".join(sorted(self.inputs))

    def read(self, body: dict, limit: int) -> tuple[dict[str, np.ndarray], bool]:
        """Return the arrays of a request of at most `limit` rows by name, and whether it is in row format."""
        in_rows = "instances" in body
        if in_rows == ("inputs" in body):
            raise refused('give either "instances" (row format) or "inputs" (column format)')
        columns = self._columns(body["instances"]) if in_rows else self._named(body["inputs"])
        if set(columns) != set(self.inputs):
            both = set(self.inputs) - set(columns), set(columns) - set(self.inputs)
            missing, unknown = (", ".join(sorted(each)) or "none" for each in both)
            raise refused(f"signature '{self.name}' takes {self.names}; missing: {missing}; unknown: {unknown}")
        arrays = {name: self._array(name, columns[name], limit) for name in self.inputs}
        lengths = {len(array) for array in arrays.values()}
        if len(lengths) > 1:
            raise refused(f"inputs have different numbers of rows: {sorted(lengths)}")
        return arrays, in_rows

    def _named(self, value):
        """Return values by input name; a value without a name belongs to the only input."""
        if isinstance(value, dict) and set(value) != {"b64"}:
            return value
        if len(self.inputs) != 1:
            raise refused(f"signature '{self.name}' has several inputs; name them: {self.names}")
        return {next(iter(self.inputs)): value}

    def _columns(self, rows):
        """Return the values of rows by input name."""
        if not isinstance(rows, list) or not rows:
            raise refused('"instances" must be a list that is not empty')
        rows = [self._named(row) for row in rows]
        if any(set(row) != set(rows[0]) for row in rows):
            raise refused('"instances" must all have the same names')
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _array(self, name, value, limit):
        spec = self.inputs[name]
        array = _bytes(name, value) if spec.dtype == tf.string else _numbers(name, value, spec.dtype.as_numpy_dtype)
        if not spec.shape.is_compatible_with(array.shape):
            raise refused(f"'{name}' has shape {list(array.shape)}; accepted: {_shape(spec)}")
        if not 0 < len(array) <= limit:
            raise refused(f"'{name}' has {len(array)} rows; accepted: 1 to {limit}")
        return array

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name."""
        try:
            outputs = self.function(**{name: tf.constant(array) for name, array in inputs.items()})
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            raise refused(error.message.splitlines()[0][:300]) from None
        return {name: value.numpy() for name, value in outputs.items()}

    def write(self, outputs: dict[str, np.ndarray], in_rows: bool) -> dict[str, Any]:
        """Return the content of the answer; arrays are left to the JSON writer."""
        if len(outputs) == 1:
            return {"predictions" if in_rows else "outputs": next(iter(outputs.values()))}
        if not in_rows:
            return {"outputs": outputs}
        return {"predictions": [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]}

    def metadata(self) -> dict[str, Any]:
        """Return the signature as TensorFlow Serving's metadata route describes it."""
        sides = {side: getattr(self, side).items() for side in ("inputs", "outputs")}
        described = {side: {name: _described(spec) for name, spec in specs} for side, specs in sides.items()}
        return {**described, "method_name": "tensorflow/serving/predict"}


def _numbers(name, value, dtype):
    """Return a full array of numbers that fit a dtype."""
    array = np.asarray(value, object)  # in a text dtype, one long text among numbers would set the size of all items
    dtype = np.dtype(dtype)
    kind, accepted = ("integers", {int}) if dtype.kind == "i" else ("numbers", {int, float})
    if not set(map(type, array.ravel())) <= accepted:
        raise refused(f"'{name}' must be a full array of {kind}, each row as long as the others")
    try:
        with np.errstate(over="ignore"):
            array = array.astype(dtype)
    except OverflowError:
        raise refused(f"'{name}' is out of the range of {dtype}") from None
    if not np.isfinite(array).all():
        raise refused(f"'{name}' must be finite")
    return array


def _bytes(name, value):
    values = value if isinstance(value, list) else [value]
    try:
        return np.array([base64.b64decode(item["b64"], validate=True) for item in values], object)
    except (TypeError, KeyError, ValueError, binascii.Error):
        raise refused(f'\'{name}\' must be a list of {{"b64": "..."}}') from None


def _shape(spec):
    return [-1 if size is None else size for size in spec.shape]


def _described(spec):
    shape = {"dim": [{"size": str(size), "name": ""} for size in _shape(spec)], "unknown_rank": False}
    return {"dtype": DTYPES[spec.dtype.name], "tensor_shape": shape, "name": spec.name}
