"""A client of a served model, over REST or gRPC: numpy arrays in, numpy arrays out.

It needs neither TensorFlow nor the model: `pip install 'aae-tf[serving]'` brings httpx, and the gRPC way also
tensorflow-serving-api (which brings TensorFlow). It speaks to TensorFlow Serving and to `aae-tf serve --builtin` alike.
"""

import base64
import random
import time
from urllib.parse import urlsplit

import numpy as np

from aae_tf.data.element import ImageElement
from aae_tf.errors import InputError, ServingError
from aae_tf.utils.images import to_unit

RETRIED = (503,)


class Client:
    """A served model's functions.

    Args:
        url: 'http://HOST:PORT/v1/models/NAME', or with '/versions/V' after it for one version; or
            'grpc://HOST:PORT/NAME[/V]'.
        timeout: seconds to wait for an answer.
        retries: how often a request is sent again after a timeout or a 503 (a model that is still loading), waiting
            0.1, 0.2, 0.4, ... seconds, each shortened at random. Nothing else is sent again.
        batch_size: rows a request; longer arrays are sent in parts.

    Raises:
        InputError: a URL that is none of these.

    Example:
        >>> client = Client("http://127.0.0.1:8501/v1/models/digits")
        >>> client.classify(images)
    """

    def __init__(self, url, timeout=10.0, retries=3, batch_size=256):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "grpc") or not parts.netloc or not parts.path.strip("/"):
            raise InputError(
                f"'{url}' is not the URL of a served model; accepted: http://HOST:PORT/v1/models/NAME[/versions/V] or "
                "grpc://HOST:PORT/NAME[/V]"
            )
        self.url, self.timeout, self.retries, self.batch_size = url.rstrip("/"), timeout, retries, batch_size
        if parts.scheme == "grpc":
            from aae_tf.serving.grpc_transport import GrpcTransport

            self._transport = GrpcTransport(parts.netloc, parts.path.strip("/"), timeout)
        else:
            self._transport = RestTransport(self.url, timeout)

    def encode(self, images):
        """Return codes z, float32 [N, D], of images or rows.

        Args:
            images: uint8, or float in [0, 1], [N, H, W(, C)]; rows of a table as float [N, D], the entries in the order
                of `signatures.json` (`Columns.encode` makes them of a DataFrame).

        Raises:
            ServingError: the server refused, or did not answer.
        """
        return self.predict("encode", **_elements(images))["codes"]

    def decode(self, codes, labels=None):
        """Return images, float32 [N, H, W, C], or rows, float32 [N, D], of codes.

        Args:
            codes: float [N, D].
            labels: int [N], for models whose signature takes them.

        Raises:
            ServingError: the server refused, or did not answer.
        """
        return _made(self.predict("decode", codes=np.asarray(codes, "float32"), **_labels(labels)))

    def reconstruct(self, images, labels=None):
        """Return reconstructions, float32 of the shape of what was given.

        Args:
            images: images [N, H, W(, C)] or rows [N, D], as for `encode`.
            labels: int [N], for models whose signature takes them.

        Raises:
            ServingError: the server refused, or did not answer.
        """
        return _made(self.predict("reconstruct", **_elements(images), **_labels(labels)))

    def classify(self, images):
        """Return (labels int32 [N], probabilities float32 [N, K]).

        Args:
            images: images [N, H, W(, C)] or rows [N, D], as for `encode`.

        Raises:
            ServingError: the server refused, or did not answer.
        """
        found = self.predict("classify", **_elements(images))
        return found["labels"], found["probabilities"]

    def score(self, images, labels=None):
        """Return (reconstruction error float32 [N], prior logit float32 [N]): how unusual images or rows are.

        The logit is None for models without a game.

        Args:
            images: images [N, H, W(, C)] or rows [N, D], as for `encode`.
            labels: int [N], for models whose signature takes them.

        Raises:
            ServingError: the server refused, or did not answer.
        """
        found = self.predict("score", **_elements(images), **_labels(labels))
        return found["reconstruction_error"], found.get("prior_logit")

    def sample(self, count=1, seed=0, labels=None):
        """Return new images, float32 [N, H, W, C], or rows, float32 [N, D].

        Args:
            count: how many, where no labels are given.
            seed: int; the same seed gives the same ones, and a greater count more of them.
            labels: int [N], the class of each, -1 to draw one; for models with labels.

        Raises:
            ServingError: the server refused, or did not answer.
        """
        seeds = row_seeds(seed, count if labels is None else len(labels))
        return _made(self.predict("sample", seeds=seeds, **_labels(labels)))

    def predict(self, signature="serving_default", **inputs):
        """Call any signature.

        Args:
            signature: its name.
            **inputs: arrays by input name; rows are sent in parts of `batch_size`.

        Returns:
            dict of output name to array.

        Raises:
            InputError: inputs of different lengths, or without rows.
            ServingError: the server refused (its message is passed on), did not answer, or is not there.
        """
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        lengths = {array.shape[:1] for array in arrays.values()}
        if len(lengths) != 1 or () in lengths:
            given = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
            raise InputError(f"inputs of different lengths were given ({given}); accepted: arrays of as many rows")
        ((length,),) = lengths
        if length <= self.batch_size:
            return self._ask(signature, arrays)
        parts = [
            self._ask(signature, {name: array[start : start + self.batch_size] for name, array in arrays.items()})
            for start in range(0, length, self.batch_size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _ask(self, signature, arrays):
        for attempt in range(self.retries + 1):
            try:
                return self._transport.predict(signature, arrays)
            except ServingError as error:
                if not error.transient or attempt == self.retries:
                    raise
                time.sleep(0.1 * 2**attempt * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")

    def status(self):
        """Return the state of the model's versions, list of {'version', 'state', ...} (REST only)."""
        return self._transport.get("")["model_version_status"]

    def metadata(self):
        """Return the signatures as TensorFlow Serving describes them, a dict (REST only)."""
        return self._transport.get("/metadata")["metadata"]

    def close(self):
        """Close the connections."""
        self._transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RestTransport:
    """TensorFlow Serving's REST interface, in the column format.

    Args:
        url: of the model.
        timeout: seconds.
    """

    def __init__(self, url, timeout):
        try:
            import httpx
        except ImportError:
            raise InputError("the client needs httpx; install it with: pip install 'aae-tf[serving]'") from None
        self.httpx, self.url = httpx, url
        self.http = httpx.Client(timeout=timeout)
        self.types = {}

    def predict(self, signature, arrays):
        """Return a signature's outputs, a dict of name to array."""
        inputs = {name: _plain(array) for name, array in arrays.items()}
        answer = self._send("POST", ":predict", {"signature_name": signature, "inputs": inputs})["outputs"]
        if signature not in self.types:
            described = self.get("/metadata")["metadata"]["signature_def"]["signature_def"]
            self.types[signature] = {name: each["dtype"] for name, each in described[signature]["outputs"].items()}
        types = self.types[signature]
        if len(types) == 1:  # one output comes without its name
            answer = {next(iter(types)): answer}
        return {
            name: np.asarray(value, {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_BOOL": bool}.get(types.get(name)))
            for name, value in answer.items()
        }

    def get(self, path):
        """Return a GET's JSON."""
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
            raise ServingError(message, answer.status_code, answer.status_code in RETRIED)
        return content

    def close(self):
        """Close the connections."""
        self.http.close()


def row_seeds(seed, count):
    """Return a seed for each of `count` rows, int32 [count], for the signature `sample`: those of fewer rows, and more.

    Args:
        seed: int, at least 0.
        count: how many.
    """
    return (np.random.SeedSequence(seed).generate_state(count) >> 1).astype("int32")


def _elements(given):
    """Return images or rows under the name that signatures take them by."""
    if np.ndim(given) == 2:
        try:
            rows = np.asarray(given, "float32")
        except ValueError as error:
            raise InputError(f"rows must be numbers ({error}); Columns.encode makes them of a DataFrame") from None
        if not np.isfinite(rows).all():
            raise InputError("rows have missing or infinite values; fill them in first")
        return {"inputs": rows}
    images = to_unit(ImageElement().check(given))
    return {"images": images[..., None] if images.ndim == 3 else images}


def _made(found):
    return found["images"] if "images" in found else found["outputs"]


def _labels(labels):
    return {} if labels is None else {"labels": np.asarray(labels, "int32")}


def _plain(array):
    """Return an array as JSON values; bytes as {"b64": ...}."""
    if array.dtype.kind in "OS":
        return [{"b64": base64.b64encode(bytes(item)).decode()} for item in array]
    return array.tolist()
