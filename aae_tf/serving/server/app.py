"""The built-in server's routes: those of TensorFlow Serving's REST interface, with its JSON and its status codes."""

import contextlib

import anyio
import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from aae_tf.serving.server.tensors import BadRequest, Missing
from aae_tf.serving.server.versions import Versions

BODY_LIMIT = 64 * 2**20
ROW_LIMIT = 4096
NUMBER_LIMIT = 2**23
BODY_SECONDS = 60
SMALL = 256 * 1024  # bytes of a body that is taken however many others are
PIECE = 64 * 1024  # bytes of an answer that are handed on at a time, so that a slow reader's wait here


class TooLarge(ValueError):
    """A body above the limit: status 413."""


class TooSlow(TimeoutError):
    """A body that does not come: status 408."""


class Busy(RuntimeError):
    """More bodies at once than memory should hold: status 503."""


def make_app(
    folder,
    name,
    body_limit=BODY_LIMIT,
    row_limit=ROW_LIMIT,
    look_seconds=1.0,
    workers=2,
    number_limit=NUMBER_LIMIT,
    body_seconds=BODY_SECONDS,
):
    """Return the ASGI application that serves one model.

    Args:
        folder: DEST, holding numbered versions.
        name: the model's name in the routes.
        body_limit: bytes of the largest request.
        row_limit: rows of the largest request.
        look_seconds: seconds between looks for new versions.
        workers: requests computed at a time; others wait. One at a time of those whose bodies are not small.
        number_limit: numbers in the largest answer.
        body_seconds: seconds in which a request's body must have come.
    """
    versions = Versions(folder, look_seconds)
    versions.start()
    server = _Server(versions, name, (body_limit, row_limit, number_limit, body_seconds), workers)
    base = "/v1/models/{name}"
    routes = []
    for path in (base, base + "/versions/{version}"):
        routes += [
            Route(path + ":predict", server.predict, methods=["POST"]),
            Route(path + "/metadata", server.metadata, methods=["GET"]),
            Route(path, server.status, methods=["GET"]),
        ]
    app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route, Exception: _failed})
    app.router.redirect_slashes = False
    app.state.versions = versions
    return app


class _Server:
    def __init__(self, versions, name, limits, workers):
        self.versions, self.name = versions, name
        self.body_limit, self.row_limit, self.number_limit, self.body_seconds = limits
        self.turns, self.large_turns = anyio.Semaphore(workers), anyio.Semaphore(1)
        self.room = 2 * self.body_limit  # bytes that bodies and answers, but for small ones, may still take

    async def predict(self, request: Request):
        return await self._answered(request, self._predict)

    async def metadata(self, request: Request):
        return await self._answered(request, self._metadata)

    async def status(self, request: Request):
        return await self._answered(request, self._status)

    async def _answered(self, request, handler):
        try:
            if request.path_params["name"] != self.name:
                asked = request.path_params["name"][:100]
                raise Missing(f"the model '{asked}' is not here; this server has '{self.name}'")
            return await handler(request)
        except BadRequest as error:
            return _json({"error": str(error)[:1000]}, 400)
        except Missing as error:
            return _json({"error": str(error.args[0])[:1000]}, 404)
        except TooSlow as error:
            return _json({"error": str(error)}, 408, {"connection": "close"})  # or the rest would be waited for
        except TooLarge as error:
            return _json({"error": str(error)}, 413)
        except Busy as error:
            return _json({"error": str(error)}, 503)
        except ClientDisconnect:  # nobody is there to be told
            return _json({"error": "the connection was closed"}, 400)

    def _version(self, request):
        return self.versions.get(_number(request))

    async def _predict(self, request):
        version = self._version(request)
        async with self._body(request) as body, self._turn(len(body) > SMALL):
            answer = await run_in_threadpool(self._compute, version, body)
        size = self._take(len(answer))
        return Answer(answer, give_back=lambda: self._take(-size))

    def _compute(self, version, body):
        if body.count(b"[") + body.count(b"{") > self.number_limit:  # each takes twenty times its bytes
            raise BadRequest(f"the body holds more than {self.number_limit:,} lists and objects; send fewer rows")
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None
        if not isinstance(asked, dict):
            raise BadRequest("the body must be a JSON object")
        name = asked.get("signature_name") or "serving_default"
        if not isinstance(name, str) or name not in version.signatures:
            accepted = ", ".join(sorted(version.signatures))
            shown = repr(name[:100]) if isinstance(name, str) else f"of type {type(name).__name__}"
            raise BadRequest(f"unknown signature_name {shown}; accepted: {accepted}")
        signature = version.signatures[name]
        inputs, rows = signature.read(asked, self.row_limit)
        signature.refuse_beyond(len(next(iter(inputs.values()))), self.number_limit)
        return _dumped(signature.write(version.run(name, inputs), rows))

    @contextlib.asynccontextmanager
    async def _turn(self, large):
        """Wait for a turn, but not for ever: of a client that hears nothing, nobody knows why."""
        async with contextlib.AsyncExitStack() as turns:
            with anyio.move_on_after(self.body_seconds) as waiting:
                for turn in (self.large_turns, self.turns) if large else (self.turns,):
                    await turns.enter_async_context(turn)
            if waiting.cancelled_caught:
                raise Busy("the server has too much to do; send it again later")
            yield

    @contextlib.asynccontextmanager
    async def _body(self, request):
        """Yield the body, or refuse it: too large, too slow, or one too many.

        What is refused is read on and kept nowhere, because who still sends does not listen.
        """
        parts, size, taken, refusal = [], 0, 0, None
        if int(request.headers.get("content-length", 0)) > 4 * self.body_limit:
            raise self._too_large()
        try:
            with anyio.move_on_after(self.body_seconds) as waiting:
                async for part in request.stream():
                    size += len(part)
                    if refusal is None:
                        try:
                            taken += self._room_for(size, taken)
                            parts.append(part)
                        except (TooLarge, Busy) as error:
                            refusal = error
                            parts.clear()
                            self._take(-taken)
                            taken = 0
                    elif size > 4 * self.body_limit:
                        break
            if refusal is not None:
                raise refusal
            if waiting.cancelled_caught:
                raise TooSlow(f"the request did not come within {self.body_seconds} seconds")
            yield b"".join(parts)
        finally:
            self._take(-taken)

    def _too_large(self):
        return TooLarge(f"the request is larger than {self.body_limit} bytes; send fewer rows at a time")

    def _room_for(self, size, taken):
        if size > self.body_limit:
            raise self._too_large()
        return self._take(size - taken) if size > SMALL else 0

    def _take(self, size):
        """Take bytes of the room, or give them back; return how many, none of what is small."""
        if 0 <= size <= SMALL:
            return 0
        if size > self.room:
            raise Busy("the server holds as many large requests as it can; send it again later")
        self.room -= size
        return size

    async def _metadata(self, request):
        version = self._version(request)
        described = {name: signature.metadata() for name, signature in version.signatures.items()}
        return _json(
            {
                "model_spec": {"name": self.name, "signature_name": "", "version": str(version.number)},
                "metadata": {"signature_def": {"signature_def": described}},
            }
        )

    async def _status(self, request):
        number = _number(request)
        states = [each for each in self.versions.status() if number is None or each["version"] == str(number)]
        if not states:
            raise Missing(f"Could not find any versions of model {self.name}")
        return _json({"model_version_status": states})


class Answer(Response):
    """JSON, sent in pieces, each when the one before is on its way: what waits for a slow reader is counted.

    Args:
        body: bytes.
        status: HTTP status.
        headers: dict.
        give_back: called when all is sent, or nobody reads on.
    """

    media_type = "application/json"

    def __init__(self, body, status=200, headers=None, give_back=lambda: None):
        super().__init__(body, status, headers)
        self.give_back = give_back

    async def __call__(self, scope, receive, send):
        """Send it."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for at in range(0, len(self.body), PIECE):
                piece, more = self.body[at : at + PIECE], at + PIECE < len(self.body)
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self.give_back()


def _number(request):
    """Return the version that a route names, None for the newest."""
    text = request.path_params.get("version")
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Missing(f"'{text[:100]}' is no version; accepted: its number")
    return None if text is None else int(text)


def _dumped(content):
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def _json(content, status=200, headers=None):
    return Answer(_dumped(content), status, headers)


async def _no_route(request, error):
    return _json({"error": f"no such route: {request.method} {request.url.path[:200]}"}, error.status_code)


async def _failed(request, error):
    return _json({"error": "the server failed on this request; see its log"}, 500)
