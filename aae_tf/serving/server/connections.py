"""Connections of the built-in server: so many, and none that is held without an end."""

import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 2000
HEAD_SECONDS = 30  # from a connection or a request's first byte to its whole head
ANSWER_SECONDS = 180  # from there to the last of its answer, body and turn included
FULL = orjson.dumps({"error": f"the server has {CONNECTIONS} connections; come again later"})


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, which by itself waits for a request's head, and for a reader of its answer, for ever."""

    waiting = None

    def connection_made(self, transport):
        """Refuse a connection too many; of another one, wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            head = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-type: application/json\r\n"
            transport.write(f"{head}content-length: {len(FULL)}\r\n\r\n".encode() + FULL)
            transport.close()
            return
        self._wait(HEAD_SECONDS)

    def data_received(self, data):
        """Take bytes; a request's first and its last of the head begin a wait."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.waiting is None:
            self._wait(HEAD_SECONDS)
        super().data_received(data)
        if idle and self._answering():
            self._wait(ANSWER_SECONDS)

    def on_response_complete(self):
        """End the wait for an answer; the next request, if it is here already, begins another."""
        self._wait(None)
        super().on_response_complete()
        if self._answering():
            self._wait(ANSWER_SECONDS)

    def connection_lost(self, exc):
        """End the wait."""
        self._wait(None)
        super().connection_lost(exc)

    def _answering(self):
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self, seconds):
        if self.waiting is not None:
            self.waiting.cancel()
        self.waiting = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
