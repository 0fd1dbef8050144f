"""`/events`: tells open pages by server-sent events that they may look different now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from ci.services.pulse import Pulse

MOST_CLIENTS = 64
LOOK_SECONDS = 0.5
KEEPALIVE_SECONDS = 15.0


class EventStream:
    """Tells each client of a beat at most twice a second; refuses clients beyond `MOST_CLIENTS`."""

    def __init__(self, pulse: Pulse, closing: threading.Event) -> None:
        self._pulse = pulse
        self._closing = closing
        self.clients = 0

    async def open(self, _request: Request) -> Response:
        if self.clients >= MOST_CLIENTS:
            raise HTTPException(503, "Too many pages are open: reload by hand.", headers={"retry-after": "60"})
        return _CountedResponse(self)

    async def beats(self) -> AsyncIterator[str]:
        """Yield events in their wire form until the service stops."""
        seen = self._pulse.beats
        yield "retry: 3000\n\n"
        silent_seconds = 0.0
        while not self._closing.is_set():
            await asyncio.sleep(LOOK_SECONDS)
            silent_seconds += LOOK_SECONDS
            beats = self._pulse.beats
            if beats != seen:
                seen, silent_seconds = beats, 0.0
                yield f"event: change\ndata: {beats}\n\n"
            elif silent_seconds >= KEEPALIVE_SECONDS:
                silent_seconds = 0.0
                yield ": still here\n\n"


class _CountedResponse(StreamingResponse):
    """A stream that counts as a client for as long as it is sent."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(stream.beats(), media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._stream.clients += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.clients -= 1
