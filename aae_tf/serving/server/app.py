"""The built-in server's routes: those of TensorFlow Serving's REST interface, with its JSON and its status codes."""

from collections.abc import Sequence

import anyio
import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from aae_tf.serving.server.tensors import refused
from aae_tf.serving.server.versions import Versions

WORKERS = 2  # requests that are computed at a time


def make_app(
    versions: Versions,
    name: str,
    allowed_hosts: Sequence[str] = ("127.0.0.1", "localhost", "[::1]"),
    body_limit: int = 64 * 2**20,
    row_limit: int = 4096,
) -> Starlette:
    """Return the ASGI application that serves the model `name`; limits are in bytes and rows of a request."""
    handlers, routes = _Handlers(versions, name, body_limit, row_limit), []
    for path in ("/v1/models/{name}", "/v1/models/{name}/versions/{version}"):
        routes += [
            Route(path + ":predict", handlers.predict, methods=["POST"]),
            Route(path + "/metadata", handlers.metadata, methods=["GET"]),
            Route(path, handlers.status, methods=["GET"]),
        ]
    app = Starlette(
        routes=routes, exception_handlers=dict.fromkeys((HTTPException, ClientDisconnect, Exception), _error)
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts))
    app.router.redirect_slashes = False
    return app


class _Handlers:
    """The handlers of the routes."""

    def __init__(self, versions, name, body_limit, row_limit):
        self.versions, self.name, self.body_limit, self.row_limit = versions, name, body_limit, row_limit
        self.workers = anyio.CapacityLimiter(WORKERS)

    async def predict(self, request):
        version, body = self.versions.get(self._number(request)), await self._body(request)
        return await anyio.to_thread.run_sync(self._answer, version, body, limiter=self.workers)

    async def metadata(self, request):
        version = self.versions.get(self._number(request))
        described = {name: signature.metadata() for name, signature in version.signatures.items()}
        spec = {"name": self.name, "signature_name": "", "version": str(version.number)}
        return _json({"model_spec": spec, "metadata": {"signature_def": {"signature_def": described}}})

    async def status(self, request):
        number = self._number(request)
        states = [each for each in self.versions.status() if number in (None, each["version"])]
        if not states:
            raise refused(f"Could not find any versions of model {self.name}", 404)
        return _json({"model_version_status": states})

    def _number(self, request):
        """Return the version in a route's path, None for the newest."""
        name = request.path_params["name"]
        if name != self.name:
            raise refused(f"unknown model '{name[:100]}'; accepted: {self.name}", 404)
        return request.path_params.get("version")

    async def _body(self, request):
        """Return the body. One that is too large is read to its end: most clients read no answer before."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size <= self.body_limit:
                parts.append(part)
        if size > self.body_limit:
            raise refused(f"the request is larger than {self.body_limit} bytes; send fewer rows at a time", 413)
        return b"".join(parts)

    def _answer(self, version, body):
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise refused(f"the body is not JSON: {error}") from None
        if not isinstance(content, dict):
            raise refused("the body must be a JSON object")
        name = content.get("signature_name") or "serving_default"
        if not isinstance(name, str) or name not in version.signatures:
            accepted = ", ".join(sorted(version.signatures))
            raise refused(f"unknown signature_name {repr(name)[:100]}; accepted: {accepted}")
        signature = version.signatures[name]
        inputs, in_rows = signature.read(content, self.row_limit)
        return _json(signature.write(signature.run(inputs), in_rows))


async def _error(request, error):
    message = getattr(error, "detail", "the server failed on this request; see its log")
    return _json({"error": message}, getattr(error, "status_code", 500))


def _json(content, status=200):
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")
