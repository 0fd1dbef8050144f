"""Serves the pages from a thread of the service."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ci.errors import CIError

if TYPE_CHECKING:
    from starlette.applications import Starlette

STOP_SECONDS = 5.0
# Each thread that answers has a database connection of its own.
ANSWERING_THREADS = 4
MOST_CONNECTIONS = 256
HEADER_BYTES = 16 * 1024
SILENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = 8080


class WebServer:
    """Listens from `start()` to `stop()`; `port` is the real one after `start()`."""

    def __init__(self, app: Starlette, listen: Listen) -> None:
        self._app = app
        self._listen = listen
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = listen.port

    @property
    def url(self) -> str:
        host = self._listen.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Listen and return; raises `CIError` when the address cannot be had."""
        listener = _bind(self._listen)
        self.port = listener.getsockname()[1]
        listener.listen(128)  # from here on nobody is refused, although the loop may still be starting
        self._server = uvicorn.Server(_config(self._app))
        self._thread = threading.Thread(target=self._serve, args=(self._server, listener), name="web", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, end what is being sent, and return; also fine when not started."""
        if self._server is None or self._thread is None:
            return
        self._app.state.closing.set()
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)

    def _serve(self, server: uvicorn.Server, listener: socket.socket) -> None:
        async def serve() -> None:
            anyio.to_thread.current_default_thread_limiter().total_tokens = ANSWERING_THREADS
            await server.serve(sockets=[listener])

        with listener:
            asyncio.run(serve())


class _Protocol(H11Protocol):
    """Lets go of clients that ask nothing, ask by the drop, or do not take what they asked for."""

    _answered: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)
        self.loop.call_later(SILENT_SECONDS, self._close_when_silent)

    def _close_when_silent(self) -> None:
        if self.transport.is_closing():
            return
        waits_for_request = self.cycle is None or self.cycle.response_complete
        if waits_for_request and self.cycle is self._answered:
            self.transport.close()
            return
        self._answered = self.cycle
        self.loop.call_later(SILENT_SECONDS, self._close_when_silent)


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )


def _bind(listen: Listen) -> socket.socket:
    place = f"{listen.host}:{listen.port}"
    try:
        family, *_, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise CIError(
            f"{place}: cannot listen: {error.strerror or error}: set `listen_address` in zuul.conf"
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            advice = "another program listens there: stop it, or set `port` under [powervm-ci] in zuul.conf"
        else:
            advice = f"{error.strerror}: set `listen_address` and `port` under [powervm-ci] in zuul.conf"
        raise CIError(f"{place}: cannot listen: {advice}") from error
    return listener
