"""The client's gRPC transport, which needs tensorflow-serving-api."""

from typing import Any

import numpy as np

from aae_tf.errors import InputError, ServingError


class GrpcTransport:
    """TensorFlow Serving's PredictionService at 'HOST:PORT', for the model 'NAME' or 'NAME/VERSION'."""

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
