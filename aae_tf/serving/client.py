"""A client of a served model, over REST or gRPC: NumPy arrays in, NumPy arrays out.

It needs neither TensorFlow nor the model: `pip install 'aae-tf[serving]'` installs httpx; gRPC also needs
tensorflow-serving-api, which installs TensorFlow. The server is TensorFlow Serving or `aae-tf serve --builtin`.
"""

import base64
import itertools
import random
import time
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.data.element import ImageElement, TableElement
from aae_tf.data.images.checks import as_array
from aae_tf.data.tables.columns import Column, Columns
from aae_tf.errors import InputError, ServingError
from aae_tf.utils.images import to_unit

DTYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_BOOL": "bool"}


class Client:
    """The functions of a served model. Each raises `ServingError` if the server refuses or does not answer.

    Images, float in [0, 1] or uint8, and rows of a table are checked as in training, with an `InputError`.

    Args:
        url: 'http://HOST:PORT/v1/models/NAME[/versions/V]' or 'grpc://HOST:PORT/NAME[/V]'.
        timeout: seconds to wait for an answer.
        retries: repetitions of a request after a timeout or a 503 (a model that is still loading), after 0.1, 0.2,
            0.4, ... seconds, each shortened at random.
        batch_size: rows of a request; longer arrays are sent in parts.

    Raises:
        InputError: another URL.

    Example:
        >>> client = Client("http://127.0.0.1:8501/v1/models/digits")
        >>> client.classify(images)
    """

    def __init__(self, url: str, timeout: float = 10.0, retries: int = 3, batch_size: int = 256):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "grpc") or not parts.netloc or not parts.path.strip("/"):
            accepted = "http://HOST:PORT/v1/models/NAME[/versions/V] or grpc://HOST:PORT/NAME[/V]"
            raise InputError(f"'{url}' is not the URL of a served model; accepted: {accepted}")
        self.url, self.timeout, self.retries, self.batch_size = url.rstrip("/"), timeout, retries, batch_size
        if parts.scheme == "grpc":
            self._transport = GrpcTransport(parts.netloc, parts.path.strip("/"), timeout)
        else:
            self._transport = RestTransport(self.url, timeout)

    def encode(self, images: ArrayLike) -> np.ndarray:
        """Return codes z, float32 [N, D].

        Args:
            images: [N, H, W(, C)], or rows [N, D] with the entries in the order of `signatures.json` (`Columns.encode`
                converts a DataFrame).
        """
        return self.predict("encode", **_elements(images))["codes"]

    def decode(self, codes: ArrayLike, labels: ArrayLike | None = None) -> np.ndarray:
        """Return images, float32 [N, H, W, C], or rows, float32 [N, D'].

        Args:
            codes: float [N, D].
            labels: int [N], for models whose signature has them.
        """
        return _generated(self.predict("decode", codes=np.asarray(codes, "float32"), **_labels(labels)))

    def reconstruct(self, images: ArrayLike, labels: ArrayLike | None = None) -> np.ndarray:
        """Return reconstructions, float32, of images [N, H, W(, C)] or rows [N, D]; labels as for `decode`."""
        return _generated(self.predict("reconstruct", **_elements(images), **_labels(labels)))

    def classify(self, images: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return labels, int32 [N], and probabilities, float32 [N, K], of images [N, H, W(, C)] or rows [N, D]."""
        outputs = self.predict("classify", **_elements(images))
        return outputs["labels"], outputs["probabilities"]

    def score(self, images: ArrayLike, labels: ArrayLike | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Return reconstruction errors, float32 [N], and prior logits, float32 [N], None without a discriminator.

        Images are [N, H, W(, C)] or rows [N, D], labels as for `decode`.
        """
        outputs = self.predict("score", **_elements(images), **_labels(labels))
        return outputs["reconstruction_error"], outputs.get("prior_logit")

    def sample(self, count: int = 1, seed: int = 0, labels: ArrayLike | None = None) -> np.ndarray:
        """Return generated images, float32 [N, H, W, C], or rows, float32 [N, D].

        Args:
            count: N, if no labels are given.
            seed: the same seed gives the same samples; a larger count adds samples.
            labels: int [N], the class of each, -1 for a random one; for models whose signature has them.
        """
        seeds = row_seeds(seed, count if labels is None else len(labels))
        return _generated(self.predict("sample", seeds=seeds, **_labels(labels)))

    def predict(self, signature: str = "serving_default", **inputs: ArrayLike) -> dict[str, np.ndarray]:
        """Return the outputs of any signature, arrays by name.

        Args:
            signature: its name.
            **inputs: arrays of as many rows, by input name.

        Raises:
            InputError: inputs of different lengths, or without rows.
        """
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        lengths = {array.shape[:1] for array in arrays.values()}
        if len(lengths) != 1 or () in lengths:
            given = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
            raise InputError(f"inputs of different lengths were given ({given}); accepted: arrays of as many rows")
        ((length,),) = lengths
        parts = [
            self._request(signature, {name: array[start : start + self.batch_size] for name, array in arrays.items()})
            for start in range(0, max(length, 1), self.batch_size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _request(self, signature, arrays):
        for attempt in itertools.count():
            try:
                return self._transport.predict(signature, arrays)
            except ServingError as error:
                if not error.transient or attempt >= self.retries:
                    raise
                time.sleep(0.1 * 2**attempt * random.uniform(0.5, 1.0))

    def status(self) -> list[dict[str, Any]]:
        """Return the state of the model's versions, dicts of 'version', 'state', ... (REST only)."""
        return self._transport.get("")["model_version_status"]

    def metadata(self) -> dict[str, Any]:
        """Return the signatures as TensorFlow Serving describes them (REST only)."""
        return self._transport.get("/metadata")["metadata"]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RestTransport:
    """TensorFlow Serving's REST interface, in column format."""

    def __init__(self, url: str, timeout: float):
        try:
            import httpx
        except ImportError:
            raise InputError("the client needs httpx; install it with: pip install 'aae-tf[serving]'") from None
        self.httpx, self.url, self.types = httpx, url, {}
        self.http = httpx.Client(timeout=timeout)

    def predict(self, signature: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a signature's outputs by name."""
        inputs = {name: _json_values(array) for name, array in arrays.items()}
        outputs = self._send("POST", ":predict", {"signature_name": signature, "inputs": inputs})["outputs"]
        if signature not in self.types:
            described = self.get("/metadata")["metadata"]["signature_def"]["signature_def"]
            self.types[signature] = {name: each["dtype"] for name, each in described[signature]["outputs"].items()}
        types = self.types[signature]
        if len(types) == 1:  # a single output comes without its name
            outputs = dict.fromkeys(types, outputs)
        return {name: np.asarray(value, DTYPES.get(types.get(name))) for name, value in outputs.items()}

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON of a GET request."""
        return self._send("GET", path, None)

    def _send(self, method, path, body):
        try:
            answer = self.http.request(method, self.url + path, json=body)
        except self.httpx.TimeoutException:
            raise ServingError(f"{self.url} did not answer in time", transient=True) from None
        except self.httpx.HTTPError as error:
            raise ServingError(f"{self.url} cannot be reached: {error or type(error).__name__}") from None
        try:
            content = answer.json()
        except ValueError:
            content = {"error": answer.text[:200]}
        if answer.status_code != 200:
            message = content.get("error", "no message") if isinstance(content, dict) else str(content)[:200]
            raise ServingError(message, answer.status_code, transient=answer.status_code == 503)
        return content

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


class GrpcTransport:
    """TensorFlow Serving's PredictionService by gRPC at 'HOST:PORT', for the model 'NAME' or 'NAME/VERSION'."""

    def __init__(self, address: str, path: str, timeout: float):
        try:
            import grpc
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        except ImportError:
            install = "install it with: pip install 'aae-tf[grpc]', or use the http:// URL"
            raise InputError(f"gRPC needs tensorflow-serving-api; {install}") from None
        self.grpc, self.request, self.timeout = grpc, predict_pb2.PredictRequest, timeout
        self.name, _, self.version = path.partition("/")
        limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(address, limits)
        self.service = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def predict(self, signature: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a signature's outputs by name."""
        from aae_tf.backend import tf

        request = self.request(model_spec={"name": self.name, "signature_name": signature})
        if self.version:
            request.model_spec.version.value = int(self.version)
        for name, array in arrays.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        try:
            answer = self.service.Predict(request, timeout=self.timeout)
        except self.grpc.RpcError as error:
            codes = self.grpc.StatusCode
            transient = error.code() in (codes.UNAVAILABLE, codes.DEADLINE_EXCEEDED)
            raise ServingError(error.details() or str(error.code()), error.code().name, transient) from None
        return {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}

    def get(self, path: str) -> dict[str, Any]:
        """Refuse: only REST has these routes."""
        raise InputError("status and metadata go over REST; use the http:// URL")

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()


def row_seeds(seed: int, count: int) -> np.ndarray:
    """Return the seeds of `count` samples, int32 [count]; a larger count appends seeds."""
    return (np.random.SeedSequence(seed).generate_state(count) >> 1).astype("int32")


def _elements(inputs):
    """Return images or rows, checked as in training, by the name of the signatures' input."""
    inputs = as_array(inputs, "inputs")
    if inputs.ndim == 2:
        columns = Columns(tuple(Column(f"number {number}") for number in range(inputs.shape[1])))
        return {"inputs": TableElement(columns).check(inputs)}
    if inputs.ndim not in (3, 4):
        raise InputError(f"inputs of shape {inputs.shape} were given; accepted: images [N, H, W(, C)] or rows [N, D]")
    element = ImageElement((*inputs.shape[1:], 1)[:3])
    return {"images": to_unit(element.check(inputs))}


def _generated(outputs):
    return outputs["images"] if "images" in outputs else outputs["outputs"]


def _labels(labels):
    return {} if labels is None else {"labels": np.asarray(labels, "int32")}


def _json_values(array):
    """Return an array as JSON values; bytes as {"b64": ...}."""
    if array.dtype.kind in "OS":
        return [{"b64": base64.b64encode(bytes(item)).decode()} for item in array]
    return array.tolist()
