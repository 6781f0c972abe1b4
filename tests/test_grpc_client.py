"""The client's gRPC way, against a PredictionService that answers with the export's own signatures."""

import concurrent.futures

import numpy as np
import pytest

import aae_tf
from aae_tf.backend import tf
from aae_tf.serving import Client
from aae_tf.serving.client import row_seeds

grpc = pytest.importorskip("grpc")
apis = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")


class Service(apis.PredictionServiceServicer):
    """TensorFlow Serving's Predict over a loaded SavedModel; busy for the first `refusals` requests."""

    def __init__(self, version, refusals=0):
        self.signatures, self.refusals = tf.saved_model.load(str(version)).signatures, refusals

    def Predict(self, request, context):
        if self.refusals:
            self.refusals -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "loading")
        name = request.model_spec.signature_name
        if request.model_spec.name != "digits" or name not in self.signatures:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {request.model_spec.name}.{name} here")
        inputs = {key: tf.constant(tf.make_ndarray(tensor)) for key, tensor in request.inputs.items()}
        answer = predict_pb2.PredictResponse()
        for key, value in self.signatures[name](**inputs).items():
            answer.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return answer


@pytest.fixture
def service(exported):
    service = Service(exported / "1")
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    apis.add_PredictionServiceServicer_to_server(service, server)
    service.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service
    server.stop(None)


def test_it_gives_what_the_model_gives(service, trained, few):
    with Client(f"grpc://127.0.0.1:{service.port}/digits", batch_size=64) as client:
        np.testing.assert_allclose(client.encode(few[0]), trained.model.encode(few[0]), atol=1e-4)
        expected = np.concatenate([trained.model.sample(1, seed=int(seed)) for seed in row_seeds(5, 3)])
        np.testing.assert_allclose(client.sample(3, seed=5), expected, atol=1e-4)


def test_busy_is_asked_again_and_refusals_are_passed_on(service, few):
    service.refusals = 2
    with Client(f"grpc://127.0.0.1:{service.port}/digits") as client:
        assert client.encode(few[0][:2]).shape == (2, 2)
        with pytest.raises(aae_tf.ServingError, match=r"NOT_FOUND: no digits.classify here"):
            client.classify(few[0][:2])
        with pytest.raises(aae_tf.InputError, match="REST"):
            client.status()
