"""An open log file as an answer: streamed, with ranges and validators, and as a type that can do no harm."""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio.to_thread
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import Receive, Scope, Send

CHUNK_BYTES = 256 * 1024
SNIFFED_BYTES = 8 * 1024
# Its own scripts run, which a test report unfolds its tracebacks by; nothing is loaded by it, and it has no origin.
HTML_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file, from `start` up to (not with) `end`."""

    start: int
    end: int


class OpenFileResponse(StreamingResponse):
    """Sends a span of an open file and closes it; a file that grows meanwhile does no harm."""

    def __init__(self, descriptor: int, span: Span, status_code: int, headers: Mapping[str, str]) -> None:
        super().__init__(_chunks(descriptor, span), status_code=status_code, headers=headers)
        self._descriptor = descriptor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)


def file_response(descriptor: int, name: bytes, method: str, request_headers: Mapping[str, str]) -> Response:
    """Answer a GET or HEAD for an open regular file; takes over the descriptor. `name` is the file's last component."""
    response = _answer(descriptor, name, method, request_headers)
    if not isinstance(response, OpenFileResponse):
        os.close(descriptor)
    return response


def _answer(descriptor: int, name: bytes, method: str, request_headers: Mapping[str, str]) -> Response:
    status = os.fstat(descriptor)
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    modified = formatdate(status.st_mtime, usegmt=True)
    headers = {"etag": etag, "last-modified": modified, "accept-ranges": "bytes", "cache-control": "no-cache"}
    if _is_unchanged(request_headers, etag, modified):
        return Response(status_code=304, headers=headers)
    headers |= _type_headers(descriptor, name, takes_gzip="gzip" in request_headers.get("accept-encoding", ""))
    span, code = Span(0, status.st_size), 200
    if request_headers.get("if-range", etag) in {etag, modified}:
        asked = _asked_span(request_headers.get("range", ""), status.st_size)
        if asked is not None and asked.start >= asked.end:
            return Response(status_code=416, headers={"content-range": f"bytes */{status.st_size}"})
        if asked is not None:
            span, code = asked, 206
            headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{status.st_size}"
    headers["content-length"] = str(span.end - span.start)
    if method == "HEAD":
        return Response(status_code=code, headers=headers)
    return OpenFileResponse(descriptor, span, code, headers)


def _is_unchanged(request_headers: Mapping[str, str], etag: str, modified: str) -> bool:
    known = request_headers.get("if-none-match")
    if known is not None:
        return etag in {one.strip().removeprefix("W/") for one in known.split(",")}
    return request_headers.get("if-modified-since") == modified


def _asked_span(text: str, size_bytes: int) -> Span | None:
    """Read a Range header; None where the whole file is the right answer (also to several ranges at once)."""
    match = _RANGE.fullmatch(text.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return Span(max(0, size_bytes - int(last)), size_bytes)
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    if last and int(last) < int(first):
        return None
    return Span(int(first), end)


def _type_headers(descriptor: int, name: bytes, *, takes_gzip: bool) -> dict[str, str]:
    head = os.pread(descriptor, SNIFFED_BYTES, 0)
    headers = {"x-content-type-options": "nosniff"}
    lower = name.lower()
    if lower.endswith(b".gz") and head.startswith(b"\x1f\x8b"):
        headers["vary"] = "Accept-Encoding"
        inner = _unpacked(head)
        if takes_gzip and _is_text(inner):
            headers["content-encoding"] = "gzip"
            lower, head = lower.removesuffix(b".gz"), inner
    if not _is_text(head):
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        return headers | {"content-type": "application/octet-stream", "content-disposition": disposition}
    if lower.endswith((b".html", b".htm")):
        return headers | {"content-type": "text/html; charset=utf-8", "content-security-policy": HTML_POLICY}
    return headers | {"content-type": "text/plain; charset=utf-8"}


def _unpacked(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, SNIFFED_BYTES)
    except zlib.error:
        return b"\0"


def _is_text(head: bytes) -> bool:
    return b"\0" not in head


async def _chunks(descriptor: int, span: Span) -> AsyncIterator[bytes]:
    position = span.start
    while position < span.end:
        wanted = min(CHUNK_BYTES, span.end - position)
        chunk = await anyio.to_thread.run_sync(os.pread, descriptor, wanted, position)
        if not chunk:
            raise OSError("a log file became shorter while it was sent")
        position += len(chunk)
        yield chunk
