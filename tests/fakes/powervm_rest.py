"""A server that speaks the PowerVM REST API over HTTP, as much of it as pypowervm uses to look, change and delete.

Logon by password or by a token file, feeds and entries as Atom with etags, extended attribute groups, updates that are
refused when the etag is stale, jobs; and whatever a test has go wrong.
"""

from __future__ import annotations

import contextlib
import copy
import http.server
import itertools
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from tests.fakes.powervm_system import ROOT_KINDS, WEB, PowerVmSystem, RefusedError, recorded

if TYPE_CHECKING:
    from types import TracebackType

BASE = "/rest/api/"
ATOM = 'xmlns="http://www.w3.org/2005/Atom"'
ETAG = '<etag:etag xmlns:etag="http://www.ibm.com/xmlns/systems/power/firmware/uom/mc/2012_10/">'
BUSY = "VIOS 1*9999-99Z*2125D4A is busy processing some other request"
OK, NO_CONTENT, NOT_MODIFIED = 200, 204, 304
BAD, UNAUTHORIZED, NOT_FOUND, STALE, BROKEN = 400, 401, 404, 412, 500


@dataclass
class Fault:
    """Something that goes wrong the next `times` times that a request fits; `act` does it instead of answering.

    `act` gets the handler and returns a status and a message, or None to go on with the request.
    """

    request: str  # expression for "METHOD path"
    act: Callable[[_Handler], tuple[int, str] | None]
    times: int = 1


@dataclass
class Job:
    """A job that was asked for: it ends after so many looks at it."""

    lpar: str
    operation: str
    parameters: dict[str, str]
    looks: int
    status: str = "RUNNING"
    result: str = ""


@dataclass
class PowerVmRest:
    """A context manager that serves a system on a port of loopback."""

    system: PowerVmSystem
    folder: Path
    password: str | None = None  # None: whoever can read the token file is let in
    has_token_file: bool = True
    kind: str = "PVM"
    looks: int = 0  # how often a job is looked at before it has ended
    tls: ssl.SSLContext | None = None
    requests: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    logons: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)  # set: requests that are held go on

    def __enter__(self) -> Self:
        self.lock = threading.RLock()
        self._cache: dict[tuple[str, int, frozenset[str]], str] = {}
        self._numbers = itertools.count(1376478617707)
        server = self
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"rest": server}))
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def root(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{BASE}uom/"

    def act(self, request: str, action: Callable[[_Handler], tuple[int, str] | None], times: int = 1) -> None:
        """Do something at the next requests that fit; it may return a status and a message to answer."""
        self.faults.append(Fault(request, action, times))

    def fail(self, request: str, status: int, message: str = "Test error", times: int = 1) -> None:
        """Answer the next requests that fit with an error."""
        self.act(request, lambda _: (status, message), times)

    def hold(self, request: str, times: int = 1) -> None:
        """Let the next requests that fit wait until the test is over."""

        def wait(_: _Handler) -> None:
            self.released.wait()

        self.act(request, wait, times)

    def steal(self, request: str, times: int = 1) -> None:
        """Let somebody else change what the next requests that fit are about to change."""
        self.act(request, lambda handler: self.system.touch(handler.resource), times)

    def expire(self, request: str) -> None:
        """Forget all sessions at the next request that fits."""
        self.act(request, lambda _: self.sessions.clear())

    def drop(self, request: str) -> None:
        """Close the connection of the next request that fits without an answer."""
        self.act(request, lambda handler: handler.connection.shutdown(socket.SHUT_RDWR))

    def counted(self, request: str) -> int:
        """Return how many requests fit an expression."""
        return sum(1 for one in self.requests if re.search(request, one))

    def log_on(self, body: str) -> str | None:
        """Return the answer to a logon, None when the password is wrong."""
        token = uuid.uuid4().hex
        given = re.search("<Password>(.*)</Password>", body)
        if self.password is not None and (given is None or given[1] != escape(self.password)):
            return None
        self.logons += 1
        self.sessions.add(token)
        if self.password is not None:
            inner = f"<X-API-Session>{token}</X-API-Session>"
        else:
            path = self.folder / f"token-{self.logons}"
            if self.has_token_file:
                path.write_text(f"{token}\n", encoding="ascii")
            inner = f"<X-API-SessionFile>{path}</X-API-SessionFile>"
        return f'<LogonResponse xmlns="{WEB[1:-1]}" schemaVersion="V1_1_0">{inner}</LogonResponse>'

    def entry(self, path: str, groups: frozenset[str], query: str) -> str:
        """Return the Atom entry of what is at a path, without attribute groups that were not asked for."""
        thing = self.system.things[path]
        key = (path, thing.etag, groups)
        if key not in self._cache:
            shown = copy.deepcopy(thing.element)
            for one in [one for one in shown.iter() if one.get("group") and one.get("group") not in groups]:
                one.getparent().remove(one)
            kind, _, name = path.rpartition("/")
            self._cache[key] = _entry(
                name, kind.rpartition("/")[2], etree.tostring(shown).decode(), f"{self.root}{path}{query}", thing.etag
            )
        return self._cache[key]

    def start_job(self, lpar: str, operation: str, body: bytes) -> str:
        """Start a job as its request says and return what is told of it."""
        request = etree.fromstring(body)
        given = {one.findtext(WEB + "ParameterName"): one.findtext(WEB + "ParameterValue") for one in request.iter()}
        number = str(next(self._numbers))
        self.jobs[number] = Job(lpar, operation, {str(key): str(value) for key, value in given.items()}, self.looks)
        return self.job(number)

    def job(self, number: str) -> str:
        """Return what is told of a job, which may have come to its end meanwhile."""
        job = self.jobs[number]
        is_hung = self.system.behaviour.get(job.lpar) == "hung" and job.parameters.get("immediate") != "true"
        if job.status == "RUNNING" and not is_hung:
            job.looks -= 1
            if job.looks < 0:
                self._end(job)
        told = recorded("job_response_completed_failed.txt")
        for tag, value in (("JobID", number), ("Status", job.status), ("TargetUuid", job.lpar)):
            told.find(WEB + tag).text = value
        for one in told.iter(WEB + "OperationName"):
            one.text = job.operation
        results = told.find(WEB + "Results")
        if job.status == "COMPLETED_WITH_ERROR":
            results[-1].find(WEB + "ParameterValue").text = job.result
        else:
            told.remove(results)
        return _entry(number, "JobResponse", etree.tostring(told).decode(), f"{self.root}jobs/{number}", int(number))

    def _end(self, job: Job) -> None:
        if job.operation == "CloseVterm":
            self.system.consoles.discard(job.lpar)
        else:
            job.result = self.system.power_off(job.lpar, is_hard=job.parameters.get("immediate") == "true")
        job.status = "COMPLETED_WITH_ERROR" if job.result else "COMPLETED_OK"


def _entry(name: str, kind: str, content: str, link: str, etag: int) -> str:
    return (
        f"<entry {ATOM}><id>{name}</id><title>{kind}</title><published>{time.strftime('%FT%TZ')}</published>"
        f'<link rel="SELF" href="{escape(link)}"/><author><name>IBM Power Systems Management Console</name></author>'
        f'{ETAG}{etag}</etag:etag><content type="application/vnd.ibm.powervm.uom+xml; type={kind}">{content}'
        "</content></entry>"
    )


class _Handler(http.server.BaseHTTPRequestHandler):
    rest: PowerVmRest
    protocol_version = "HTTP/1.1"
    resource = ""

    def log_message(self, *arguments: object) -> None:
        del arguments

    def do_GET(self) -> None:
        self._serve()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # as http.server calls them

    def _serve(self) -> None:
        rest = self.rest
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.resource = _stored(parts.path.removeprefix(f"{BASE}uom/"))
        self.groups = frozenset(",".join(parse_qs(parts.query).get("group", ["None"])).split(",")) - {"None"}
        self.query = f"?{parts.query}" if parts.query else ""
        with rest.lock:
            rest.requests.append(f"{self.command} {parts.path}")
            fault = next((one for one in rest.faults if re.search(one.request, rest.requests[-1])), None)
            if fault is not None:
                fault.times -= 1
                if fault.times <= 0:
                    rest.faults.remove(fault)
        answer = fault.act(self) if fault is not None else None
        if answer is not None:
            self._refuse(*answer)
            return
        with rest.lock, contextlib.suppress(ConnectionError):
            self._route(parts.path)

    def _route(self, path: str) -> None:
        if path == f"{BASE}web/Logon":
            self._log_on_or_off()
        elif self.headers.get("X-API-Session") not in self.rest.sessions:
            self._refuse(UNAUTHORIZED, "The session is not known")
        elif job := re.fullmatch(r"(?:jobs/)(\d+)(/cancel)?", self.resource):
            self._serve_job(job[1])
        elif do := re.fullmatch(r"LogicalPartition/([^/]+)/do/(\w+)", self.resource):
            self._serve_operation(do[1], do[2])
        else:
            try:
                getattr(self, f"_{self.command.lower()}")()
            except RefusedError as error:
                self._refuse(BROKEN, str(error))

    def _log_on_or_off(self) -> None:
        if self.command == "DELETE":
            self.rest.sessions.discard(self.headers.get("X-API-Session", ""))
            self._answer(NO_CONTENT)
            return
        told = self.rest.log_on(self.body.decode())
        if told is None:
            self._refuse(UNAUTHORIZED, "Wrong user or password")
        else:
            self._answer(OK, told)

    def _serve_job(self, number: str) -> None:
        if number not in self.rest.jobs:
            self._refuse(NOT_FOUND, "no such job")
        elif self.command == "DELETE":
            del self.rest.jobs[number]
            self._answer(NO_CONTENT)
        else:
            self._answer(
                NO_CONTENT if self.command == "POST" else OK, "" if self.command == "POST" else self.rest.job(number)
            )

    def _serve_operation(self, lpar: str, operation: str) -> None:
        if f"LogicalPartition/{lpar}" not in self.rest.system.things:
            self._refuse(NOT_FOUND, "no such partition")
        elif self.command == "GET":
            form = recorded("job_request_power_off.txt")
            next(form.iter(WEB + "OperationName")).text = operation
            self._answer(OK, _entry(lpar, "JobRequest", etree.tostring(form).decode(), "", 0))
        else:
            self._answer(OK, self.rest.start_job(lpar, operation, self.body))

    def _get(self) -> None:
        things = self.rest.system.things
        if "/LogicalUnit" in self.resource:
            self.rest.system.look_at_units()
        if self.resource in things:
            if self.headers.get("If-None-Match") == str(things[self.resource].etag):
                self._answer(NOT_MODIFIED)
            else:
                self._answer(OK, self.rest.entry(self.resource, self.groups, self.query), things[self.resource].etag)
            return
        parent = self.resource.rpartition("/")[0]
        if parent and parent not in things:
            self._refuse(NOT_FOUND, "not there")
            return
        paths = [path for path, _ in self.rest.system.children(self.resource)]
        if paths:
            entries = "".join(self.rest.entry(path, self.groups, self.query) for path in paths)
            self._answer(OK, f"<feed {ATOM}><id>{uuid.uuid4()}</id>{entries}</feed>")
        else:
            self._answer(NO_CONTENT)

    def _post(self) -> None:
        if self._is_fresh():
            self.rest.system.replace(self.resource, etree.fromstring(self.body), set(self.groups))
            self._get()

    def _delete(self) -> None:
        if self._is_fresh():
            self.rest.system.delete(self.resource)
            self._answer(NO_CONTENT)

    def _is_fresh(self) -> bool:
        thing = self.rest.system.things.get(self.resource)
        if thing is None:
            self._refuse(NOT_FOUND, "not there")
            return False
        if self.headers.get("If-Match") not in {None, str(thing.etag)}:
            self._refuse(STALE, "The etag is stale")
            return False
        return True

    def _refuse(self, status: int, message: str) -> None:
        told = recorded("fake_httperror.txt")
        put_web = {"HTTPStatus": str(status), "RequestURI": self.path, "Message": message}
        for tag, value in put_web.items():
            told.find(WEB + tag).text = value
        self._answer(status, _entry(str(uuid.uuid4()), "HttpErrorResponse", etree.tostring(told).decode(), "", 0))

    def _answer(self, status: int, body: str = "", etag: int | None = None) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("X-MC-Type", self.rest.kind)
        self.send_header("Content-Type", "application/atom+xml")
        self.send_header("Content-Length", str(len(content)))
        if etag is not None:
            self.send_header("ETag", str(etag))
        self.end_headers()
        if status not in {NO_CONTENT, NOT_MODIFIED}:
            self.wfile.write(content)


def _stored(path: str) -> str:
    """Return the path at which a thing is kept: partitions are found below their system, too."""
    found = re.fullmatch(rf"ManagedSystem/[^/]+/((?:{'|'.join(ROOT_KINDS)})(?:/.*)?)", path)
    return found[1] if found else path
