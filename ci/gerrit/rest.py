"""The one thing that Gerrit tells over HTTP alone: when the comments at patch set level were made."""

from __future__ import annotations

import base64
import ssl
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from ci.errors import Refused, Unavailable
from ci.gerrit.fields import LINE_LIMIT_BYTES, MalformedJSON, load_object
from ci.observability import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from http.client import HTTPResponse
    from typing import IO

    from ci.gerrit.fields import Fields

ANSWER_SECONDS = 10.0
WHOLE_ANSWER_SECONDS = 60.0
AT_ONCE = 4
_CHUNK_BYTES = 65536
# Every JSON answer begins with it, so that no browser runs it.
_GUARD = ")]}'"
_logger = get_logger("gerrit")


class RestReader:
    """Reads comments from the web address of a Gerrit: as the account when its HTTP password is known, or as anybody.

    urllib, because this is one kind of request, and no HTTP library is needed for anything else.
    """

    def __init__(self, base_url: str, user: str, password: str | None = None, *, verify_ssl: bool = True) -> None:
        """`base_url` is http or https, as the settings check."""
        self._prefix = f"{base_url.rstrip('/')}/{'a/' if password else ''}"
        self._authorization = ""
        if password:
            self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        context = ssl.create_default_context()
        if not verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _SameHost())

    def comments_of(self, numbers: Iterable[int]) -> dict[int, Fields]:
        """Return the comments of these changes, as far as the server shows them; several are asked for at once.

        One that it does not show is missing; when it does not answer at all, so are those that come after.
        """
        wanted = list(numbers)
        if not wanted:
            return {}
        found: dict[int, Fields] = {}
        trouble: list[Unavailable] = []

        def read(number: int) -> None:
            try:
                if not trouble:
                    found[number] = self.comments(number)
            except Refused as error:
                _logger.info("comments not shown", action="rest.refused", error=str(error))
            except Unavailable as error:
                trouble.append(error)

        with ThreadPoolExecutor(AT_ONCE, "gerrit-rest") as pool:
            list(pool.map(read, wanted))
        if trouble:
            _logger.warning("no comments over HTTP", action="rest.unavailable", error=str(trouble[0]))
        return found

    def comments(self, number: int) -> Fields:
        """Return the comments on a change, by file; raises Unavailable, or Refused for a change that is not shown."""
        url = f"{self._prefix}changes/{int(number)}/comments"
        request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - http(s) alone
        if self._authorization:
            # Unlike other headers, it does not go along to where the server redirects us.
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return load_object(_text(answer).lstrip().removeprefix(_GUARD))
        except urllib.error.HTTPError as error:
            error.close()
            _explain(url, error.code)
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(f"GET {url}: {' '.join(str(error).split()) or type(error).__name__}") from error
        except MalformedJSON as error:
            raise Unavailable(f"GET {url}: the answer is garbage: {error}") from error


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the same host only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).hostname != urlsplit(req.full_url).hostname:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _text(answer: HTTPResponse) -> str:
    deadline = time.monotonic() + WHOLE_ANSWER_SECONDS
    content = bytearray()
    while chunk := answer.read1(_CHUNK_BYTES):
        content += chunk
        if len(content) > LINE_LIMIT_BYTES:
            raise OSError(f"the answer is longer than {LINE_LIMIT_BYTES} bytes")
        if time.monotonic() > deadline:
            raise OSError(f"no whole answer within {WHOLE_ANSWER_SECONDS:.0f} s")
    return content.decode(errors="replace")


def _explain(url: str, status: int) -> NoReturn:
    what = f"GET {url}: the server answers {status}"
    # A change that we may not see is "not found"; a password that is refused would be so for every change.
    if status == HTTPStatus.NOT_FOUND:
        raise Refused(what)
    raise Unavailable(what)
