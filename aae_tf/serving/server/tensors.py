"""JSON to arrays and back, by TensorFlow Serving's REST rules: row and column format, base64 bytes, clear refusals."""

import base64
import binascii

import numpy as np


class BadRequest(ValueError):
    """A request that cannot be served: status 400."""


class Missing(LookupError):
    """A model, version or signature that is not here: status 404."""


class Signature:
    """The inputs and outputs of a signature.

    Args:
        name: its name.
        function: its `ConcreteFunction`.
    """

    def __init__(self, name, function):
        self.name, self.function = name, function
        self.inputs = function.structured_input_signature[1]
        self.outputs = function.structured_outputs

    def has_rows(self):
        """Return whether each input has rows, [N, ...]; version 0.1.0 exported a `sample` whose inputs have none."""
        return all(spec.shape.rank for spec in self.inputs.values())

    def read(self, body, limit):
        """Return (inputs by name, whether rows) of a request's JSON.

        Args:
            body: the JSON object.
            limit: most rows a request may ask for.

        Raises:
            BadRequest: anything that does not fit, said in one line.
        """
        given = [name for name in ("instances", "inputs") if name in body]
        if len(given) != 1:
            raise BadRequest('give either "instances" (row format) or "inputs" (column format)')
        rows = given[0] == "instances"
        columns = self._columns(body["instances"]) if rows else body["inputs"]
        if not isinstance(columns, dict) or set(columns) == {"b64"}:
            columns = {self._only_input(): columns}
        missing, unknown = set(self.inputs) - set(columns), set(columns) - set(self.inputs)
        if missing or unknown:
            raise BadRequest(
                f"signature '{self.name}' takes {', '.join(sorted(self.inputs))}; "
                + "; ".join(
                    f"{word}: {', '.join(sorted(map(str, names)))}"
                    for word, names in (("missing", missing), ("unknown", unknown))
                    if names
                )
            )
        arrays = {name: self._array(name, columns[name], limit) for name in self.inputs}
        lengths = {len(array) for array in arrays.values()}
        if len(lengths) > 1:
            raise BadRequest(f"inputs have different numbers of rows: {sorted(lengths)}")
        return arrays, rows

    def _only_input(self):
        if len(self.inputs) != 1:
            raise BadRequest(f"signature '{self.name}' has several inputs; name them: {', '.join(sorted(self.inputs))}")
        return next(iter(self.inputs))

    def _columns(self, instances):
        if not isinstance(instances, list) or not instances:
            raise BadRequest('"instances" must be a list that is not empty')
        named = [isinstance(row, dict) and set(row) != {"b64"} for row in instances]
        if not any(named):
            return {self._only_input(): instances}
        if not all(named) or any(set(row) != set(instances[0]) for row in instances):
            raise BadRequest('"instances" must all have the same names')
        return {name: [row[name] for row in instances] for name in instances[0]}

    def _array(self, name, value, limit):
        spec = self.inputs[name]
        if spec.dtype.name == "string":
            return self._checked(name, _bytes(name, value), limit)
        array = np.asarray(value, object)  # of another type a long text among numbers would be made room for in each
        types = set(map(type, array.ravel()))
        if not types <= {int, float}:
            raise BadRequest(f"'{name}' must be a full array of numbers, each row as long as the others")
        wanted = np.dtype(spec.dtype.as_numpy_dtype)
        if wanted.kind == "i" and float in types:
            raise BadRequest(f"'{name}' must be integers ({wanted})")
        try:
            with np.errstate(over="ignore"):
                array = array.astype(wanted)
        except OverflowError:
            raise BadRequest(f"'{name}' is out of the range of {wanted}") from None
        if wanted.kind == "f" and not np.isfinite(array).all():
            raise BadRequest(f"'{name}' must be finite")
        return self._checked(name, array, limit)

    def _checked(self, name, array, limit):
        spec = self.inputs[name]
        if not spec.shape.is_compatible_with(array.shape):
            raise BadRequest(f"'{name}' has shape {list(array.shape)}; accepted: {_shape(spec)}")
        if not 0 < len(array) <= limit:
            raise BadRequest(f"'{name}' has {len(array)} rows; accepted: 1 to {limit}")
        return array

    def refuse_beyond(self, rows, numbers):
        """Refuse rows whose answer would hold more than so many numbers.

        Args:
            rows: int.
            numbers: int.

        Raises:
            BadRequest: it would.
        """
        a_row = sum(spec.shape[1:].num_elements() or 1 for spec in self.outputs.values())
        if rows * a_row > numbers:
            raise BadRequest(
                f"{rows} rows of '{self.name}' would be answered by {rows * a_row:,} numbers; accepted: {numbers:,}, "
                f"which is {numbers // a_row} rows"
            )

    def write(self, outputs, rows):
        """Return the answer's JSON values (arrays are left to the JSON writer)."""
        if not rows:
            return {"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs}
        if len(outputs) == 1:
            return {"predictions": next(iter(outputs.values()))}
        count = len(next(iter(outputs.values())))
        return {"predictions": [{name: value[row] for name, value in outputs.items()} for row in range(count)]}

    def metadata(self):
        """Return the signature as TensorFlow Serving's metadata route describes it."""
        return {
            "inputs": {name: _described(spec) for name, spec in self.inputs.items()},
            "outputs": {name: _described(spec) for name, spec in self.outputs.items()},
            "method_name": "tensorflow/serving/predict",
        }


def _bytes(name, value):
    values = value if isinstance(value, list) else [value]
    try:
        return np.array([base64.b64decode(item["b64"], validate=True) for item in values], object)
    except (TypeError, KeyError, ValueError, binascii.Error):
        raise BadRequest(f'\'{name}\' must be a list of {{"b64": "..."}}') from None


def _shape(spec):
    return [-1 if size is None else size for size in spec.shape]


def _described(spec):
    return {
        "dtype": {"float32": "DT_FLOAT", "int32": "DT_INT32", "bool": "DT_BOOL", "string": "DT_STRING"}[
            spec.dtype.name
        ],
        "tensor_shape": {"dim": [{"size": str(size), "name": ""} for size in _shape(spec)], "unknown_rank": False},
        "name": spec.name,
    }
