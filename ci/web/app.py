"""The routes of the pages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ci.errors import CIError
from ci.web.api import Api
from ci.web.events import EventStream
from ci.web.guard import Guard
from ci.web.logs import Logs
from ci.web.pages import Pages
from ci.web.words import Templates

if TYPE_CHECKING:
    from starlette.requests import Request

    from ci.web.sources import Sources


class _AnyPath(Convertor[str]):
    """Starlette's own `path` does not match a path with a line break in it, and files may be named so."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any_path", _AnyPath())


def create_app(sources: Sources) -> Starlette:
    """Return the application; `app.state.closing` (a `threading.Event`) ends its open event streams."""
    templates = Templates(base=sources.base)
    closing = threading.Event()
    pages, api, logs = Pages(sources, templates), Api(sources), Logs(sources, templates)

    def to_logs(_request: Request) -> Response:
        return RedirectResponse(f"{sources.base}/logs/", status_code=301)

    def answer_error(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return pages.error(request, error)
        return pages.error(request, HTTPException(503, "The database does not answer. Try again in a minute."))

    handlers: dict[Any, Any] = {HTTPException: answer_error, CIError: answer_error}
    routes = [
        Route("/", pages.dashboard),
        Route("/buildset/{id}", pages.buildset),
        Route("/build/{id}", pages.build),
        Route("/skip-lists", pages.burn_down),
        Route("/logs", to_logs),
        Route("/logs/{path:any_path}", logs.show),
        Route("/events", EventStream(sources.pulse, closing).open),
        Route("/api/status", api.status),
        Route("/api/builds", api.builds),
        Route("/api/build/{id}", api.build),
        Route("/metrics", api.metrics),
        Route("/healthz", api.health),
        Route("/static/{name}", pages.static),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)], exception_handlers=handlers)
    app.router.redirect_slashes = False  # it would build an address from the Host header
    app.state.closing = closing
    return app
