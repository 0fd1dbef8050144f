"""The pages for people: the first page, a buildset, a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from ci.web.build_page import build_page
from ci.web.burn_down_page import burn_down_page
from ci.web.dashboard import dashboard
from ci.web.words import STATIC_FILES

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request

    from ci.web.sources import Sources
    from ci.web.words import Templates

_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Pages:
    """Request handlers that answer with HTML."""

    def __init__(self, sources: Sources, templates: Templates) -> None:
        self._sources = sources
        self._templates = templates

    def dashboard(self, _request: Request) -> Response:
        return self._page("dashboard.html", page=dashboard(self._sources))

    def buildset(self, request: Request) -> Response:
        buildset = self._sources.buildsets.get(request.path_params["id"])
        if buildset is None:
            raise HTTPException(404, "There is no such buildset.")
        views = self._sources.views
        return self._page(
            "buildset.html", buildset=buildset, reviews=views.reviews(buildset.id), steps=views.steps(buildset.id)
        )

    def build(self, request: Request) -> Response:
        view = self._sources.views.build(request.path_params["id"])
        if view is None:
            raise HTTPException(404, "There is no such build, or more than one begins like that.")
        return self._page("build.html", page=build_page(self._sources, view), build=view.build, change=view.change)

    def burn_down(self, _request: Request) -> Response:
        return self._page("burn_down.html", page=burn_down_page(self._sources))

    def static(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in STATIC_FILES:
            raise HTTPException(404, "There is no such page.")
        media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        # Pages ask for them with the version in the address.
        return Response(STATIC_FILES[name], media_type=media_type, headers={"cache-control": "public, max-age=604800"})

    def error(self, _request: Request, problem: HTTPException) -> Response:
        headers = dict(problem.headers or {}) | {"cache-control": "no-store"}
        text = self._templates.render("error.html", status=problem.status_code, text=problem.detail)
        return HTMLResponse(text, status_code=problem.status_code, headers=headers)

    def _page(self, template: str, **values: Any) -> Response:
        text = self._templates.render(template, now=self._sources.clock.now(), ci=self._sources, **values)
        return HTMLResponse(text, headers={"cache-control": "no-cache"})
