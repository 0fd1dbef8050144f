"""What holds for every request: security headers, and no traceback for a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

from ci.observability import LOOP_FAILURES, get_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """Stands between the server and the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = get_logger("web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, guarded_send)
        except Exception:  # noqa: BLE001 - the top of a request
            self._log.exception("unexpected failure; going on", action="web.bug", path=scope["path"][:200])
            LOOP_FAILURES.labels("web").inc()
            if not started:
                await PlainTextResponse("The CI failed to make this page.\n", 500)(scope, receive, guarded_send)
