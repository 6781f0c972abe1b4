"""The built-in server's routes: those of TensorFlow Serving's REST interface, with its JSON and its status codes."""

import anyio
import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aae_tf.serving.builtin.tensors import BadRequest, Missing
from aae_tf.serving.builtin.versions import Versions

BODY_LIMIT = 64 * 2**20
ROW_LIMIT = 4096


class TooLarge(ValueError):
    """A body above the limit: status 413."""


def make_app(folder, name, body_limit=BODY_LIMIT, row_limit=ROW_LIMIT, look_seconds=1.0, workers=2):
    """Return the ASGI application that serves one model.

    Args:
        folder: DEST, holding numbered versions.
        name: the model's name in the routes.
        body_limit: bytes of the largest request.
        row_limit: rows of the largest request.
        look_seconds: seconds between looks for new versions.
        workers: requests computed at a time; others wait.
    """
    versions = Versions(folder, look_seconds)
    versions.start()
    server = _Server(versions, name, body_limit, row_limit, workers)
    base = "/v1/models/{name}"
    routes = []
    for path in (base, base + "/versions/{version:int}"):
        routes += [
            Route(path + ":predict", server.predict, methods=["POST"]),
            Route(path + "/metadata", server.metadata, methods=["GET"]),
            Route(path, server.status, methods=["GET"]),
        ]
    app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route, Exception: _failed})
    app.state.versions = versions
    return app


class _Server:
    def __init__(self, versions, name, body_limit, row_limit, workers):
        self.versions, self.name = versions, name
        self.body_limit, self.row_limit = body_limit, row_limit
        self.turns = anyio.Semaphore(workers)

    async def predict(self, request: Request):
        return await self._answered(request, self._predict)

    async def metadata(self, request: Request):
        return await self._answered(request, self._metadata)

    async def status(self, request: Request):
        return await self._answered(request, self._status)

    async def _answered(self, request, handler):
        try:
            if request.path_params["name"] != self.name:
                raise Missing(f"the model '{request.path_params['name']}' is not here; this server has '{self.name}'")
            return _json(await handler(request))
        except BadRequest as error:
            return _json({"error": str(error)}, 400)
        except Missing as error:
            return _json({"error": str(error.args[0])}, 404)
        except TooLarge as error:
            return _json({"error": str(error)}, 413)

    def _version(self, request):
        return self.versions.get(request.path_params.get("version"))

    async def _predict(self, request):
        body = await self._body(request)
        version = self._version(request)
        async with self.turns:
            return await run_in_threadpool(self._compute, version, body)

    def _compute(self, version, body):
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None
        if not isinstance(asked, dict):
            raise BadRequest("the body must be a JSON object")
        name = asked.get("signature_name") or "serving_default"
        if not isinstance(name, str) or name not in version.signatures:
            accepted = ", ".join(sorted(version.signatures))
            raise BadRequest(f"unknown signature_name {str(name)[:100]!r}; accepted: {accepted}")
        signature = version.signatures[name]
        inputs, rows = signature.read(asked, self.row_limit)
        return signature.write(version.run(name, inputs), rows)

    async def _body(self, request):
        """Return the body, or refuse it as soon as it is seen to be too large."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self.body_limit:
                raise TooLarge(f"the request is larger than {self.body_limit} bytes; send fewer rows at a time")
            parts.append(part)
        return b"".join(parts)

    async def _metadata(self, request):
        version = self._version(request)
        described = {name: signature.metadata() for name, signature in version.signatures.items()}
        return {
            "model_spec": {"name": self.name, "signature_name": "", "version": str(version.number)},
            "metadata": {"signature_def": {"signature_def": described}},
        }

    async def _status(self, request):
        number = request.path_params.get("version")
        states = [each for each in self.versions.status() if number is None or each["version"] == str(number)]
        if not states:
            raise Missing(f"Could not find any versions of model {self.name}")
        return {"model_version_status": states}


def _json(content, status=200):
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")


async def _no_route(request, error):
    return _json({"error": f"no such route: {request.method} {request.url.path}"}, error.status_code)


async def _failed(request, error):
    return _json({"error": "the server failed on this request; see its log"}, 500)
