"""`/logs/`: the published log folders, to look into with a browser."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ci.services.trash import TRASH
from ci.web.file_response import file_response
from ci.web.log_files import LONGEST_LISTING, Entry, NoSuchFile, is_folder, list_folder, open_below
from ci.web.words import file_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from ci.web.sources import Sources
    from ci.web.words import Templates

PREFIX = b"/logs/"


class Logs:
    """Shows folders as pages and files as they are."""

    def __init__(self, sources: Sources, templates: Templates) -> None:
        self._root = sources.folders.logs
        self._base = sources.base
        self._templates = templates

    def show(self, request: Request) -> Response:
        # The raw path: the decoded one has lost names that are not UTF-8, and cannot tell %2F from a slash.
        raw_path: bytes = request.scope["raw_path"]
        parts = raw_path.removeprefix(PREFIX).split(b"/")
        names = [unquote_to_bytes(part) for part in parts]
        as_folder = names[-1] == b""
        if as_folder:
            names.pop()
        try:
            if names[:1] == [os.fsencode(TRASH)]:
                raise NoSuchFile
            descriptor = open_below(self._root, names)
        except NoSuchFile:
            raise HTTPException(
                404, "There is no such log file. Logs are removed some time after their build."
            ) from None
        if is_folder(descriptor):
            return self._folder(descriptor, names, as_folder=as_folder)
        if as_folder:
            os.close(descriptor)
            raise HTTPException(404, "That is a file, not a folder.")
        return file_response(descriptor, names[-1], request.method, request.headers)

    def _folder(self, descriptor: int, names: Sequence[bytes], *, as_folder: bool) -> Response:
        try:
            if not as_folder:
                return RedirectResponse(self._url(names), status_code=301)
            entries, cut = list_folder(descriptor)
        finally:
            os.close(descriptor)
        rows = [self._row(entry, names) for entry in entries if names or entry.name != TRASH]
        crumbs = [(file_name(os.fsdecode(name)), self._url(names[: n + 1])) for n, name in enumerate(names)]
        limit = LONGEST_LISTING if cut else None
        page = self._templates.render("listing.html", rows=rows, crumbs=crumbs, limit=limit)
        return HTMLResponse(page, headers={"cache-control": "no-cache"})

    def _row(self, entry: Entry, names: Sequence[bytes]) -> dict[str, object]:
        url = self._url([*names, os.fsencode(entry.name)])
        if entry.kind == "file":
            url = url.removesuffix("/")
        return {"name": file_name(entry.name), "url": "" if entry.kind == "other" else url, "entry": entry}

    def _url(self, names: Sequence[bytes]) -> str:
        return f"{self._base}/logs/" + "".join(f"{quote(name, safe='')}/" for name in names)
