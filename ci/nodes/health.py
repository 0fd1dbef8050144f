"""Looks whether a node is fit for a build, by one ssh session; nothing that the node answers is trusted."""

from __future__ import annotations

import os
import re
import secrets
import selectors
import shlex
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CIError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ci.model.node import Node

LIMIT_SECONDS = 10.0
CONNECT_SECONDS = 5
MAX_OUTPUT = 1 << 20
MAX_CHECK = 1 << 20
MAX_REASON = 200
SSH_FAILED = 255
_READ = 1 << 16
_FREE = re.compile(r"(\d{1,15}) (/.*)")
# A POSIX shell reads it from its standard input. Its words go by the variables in front, quoted.
_SCRIPT = """\
exec 2>&1
LC_ALL=C; export LC_ALL
say() { echo "$mark $*"; }
wanted=$python
if [ "$python" = auto ]; then
  for python in python3 /usr/bin/python3 /usr/libexec/platform-python /usr/local/bin/python3; do
    command -v "$python" >/dev/null && break
  done
fi
"$python" -c pass </dev/null >/dev/null || { say python "$wanted"; exit 1; }
for place in / "$HOME"; do
  df -Pk "$place" </dev/null | { read -r line; read -r device size used free rest; say free "$free" "$place"; }
done
(
"""
_SCRIPT_END = """
) </dev/null
say check "$?"
"""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int | None  # None: it was ended by us
    output: str
    errors: str
    reason: str = ""  # why it was ended by us


class SshProber:
    """Keeps port `NodeProber`: the node's host key, its key for us, a Python, free disk, and the site's own check.

    The site's check is a script for a POSIX shell: exit status 0 when the node is fine, else its last line says why.
    """

    def __init__(self, private_key: Path, min_free_mib: int, check: Callable[[], Path | None] = lambda: None) -> None:
        """Take the key for the nodes, the MiB to be free on `/` and in the home, and what tells the site's script."""
        self._private_key = private_key
        self._min_free_mib = min_free_mib
        self._check = check

    def problem(self, node: Node) -> str:
        """Look at a node, for 10 s at most."""
        if not node.host_keys:
            return "it has no host-key in nodepool.yaml"
        mark = f"ci-{secrets.token_hex(8)}"
        answer = self._ask(node, self._script(node, mark))
        return printable(_verdict(answer, mark, self._min_free_mib))

    def _script(self, node: Node, mark: str) -> bytes:
        if not self._private_key.is_file():
            raise CIError(f"no key for the nodes: {self._private_key} is no file")
        check = b":"
        path = self._check()
        if path is not None:
            try:
                check = path.read_bytes()
            except OSError as error:
                raise CIError(f"node_check: {path}: {error.strerror}") from error
            if len(check) > MAX_CHECK:
                raise CIError(f"node_check: {path} is larger than {MAX_CHECK} bytes")
        head = f"mark={mark}\npython={shlex.quote(node.python_path)}\n{_SCRIPT}"
        return head.encode() + check + _SCRIPT_END.encode()

    def _ask(self, node: Node, script: bytes) -> _Answer:
        try:
            with tempfile.TemporaryDirectory(prefix="ci-health-") as folder, tempfile.TemporaryFile() as source:
                known_hosts = Path(folder) / "known_hosts"
                known_hosts.write_text(_known_hosts(node), encoding="utf-8")
                source.write(script)
                source.seek(0)
                process = subprocess.Popen(
                    self._command(node, known_hosts), stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    start_new_session=True, env={"PATH": os.defpath, "LC_ALL": "C", "HOME": folder},
                )  # fmt: skip
                with process:
                    return _listen(process)
        except OSError as error:
            raise CIError(f"cannot look at node {node.name}: {error.strerror}: {error.filename or 'ssh'}") from error

    def _command(self, node: Node, known_hosts: Path) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ClearAllForwardings": "yes",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "ControlMaster": "no",
            "ControlPath": "none",
            "ForwardAgent": "no",
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityFile": f'"{self._private_key}"',
            "LogLevel": "ERROR",  # a node's banner is no reason
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "UserKnownHostsFile": f'"{known_hosts}"',
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", "-T", *words, "-p", str(node.port), "-l", node.username, "--", node.name, "sh -s"]


def _known_hosts(node: Node) -> str:
    host = node.name if node.port == 22 else f"[{node.name}]:{node.port}"  # noqa: PLR2004 - ssh's own port
    return "".join(f"{host} {key}\n" for key in node.host_keys)


def _listen(process: subprocess.Popen[bytes]) -> _Answer:
    """Read what ssh says until it ends, has said too much or has taken too long."""
    chunks: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    deadline, size, reason = time.monotonic() + LIMIT_SECONDS, 0, ""
    try:
        for name, chunk in _chunks(process, deadline):
            size += len(chunk)
            if size > MAX_OUTPUT:
                reason = f"the health check printed more than {MAX_OUTPUT >> 20} MiB"
                break
            chunks[name].append(chunk)
        else:
            process.wait(max(0.1, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        reason = f"the health check took longer than {LIMIT_SECONDS:.0f} s"
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    output, errors = (b"".join(chunks[name]).decode(errors="replace") for name in ("stdout", "stderr"))
    return _Answer(None if reason else process.wait(), output, errors, reason)


def _chunks(process: subprocess.Popen[bytes], deadline: float) -> Iterator[tuple[str, bytes]]:
    """Yield what comes on the two pipes until both are closed; raises `TimeoutError` at the deadline."""
    with selectors.DefaultSelector() as selector:
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, name)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, _READ)
                if chunk:
                    yield key.data, chunk
                else:
                    selector.unregister(key.fileobj)


def _verdict(answer: _Answer, mark: str, min_free_mib: int) -> str:
    """Return what is wrong, "" when all that was asked for was answered well."""
    last = _last_line(answer.output, mark)
    if answer.status is None:
        return f"{answer.reason}, its last line: {last}" if last else answer.reason
    told = _told(answer.output, mark)
    if "python" in told:
        return f"no Python on it: {_short(told['python'][0])}"
    if answer.status == SSH_FAILED and "check" not in told:
        return f"ssh: {_last_line(answer.errors, mark) or 'the connection was closed'}"
    for free in told.get("free", []):
        problem = _disk_problem(free, min_free_mib)
        if problem:
            return problem
    if "free" not in told or "check" not in told:
        return f"the health check broke off: {last or _last_line(answer.errors, mark) or f'status {answer.status}'}"
    status = told["check"][-1]
    return "" if status == "0" else f"node_check: {last or f'exit status {_short(status)}'}"


def _told(output: str, mark: str) -> dict[str, list[str]]:
    """Return what our own lines say, by their first word."""
    told: dict[str, list[str]] = {}
    for line in output.split("\n"):
        if line.startswith(f"{mark} "):
            word, _, rest = line.removeprefix(f"{mark} ").partition(" ")
            told.setdefault(word, []).append(rest)
    return told


def _disk_problem(told: str, min_free_mib: int) -> str:
    if min_free_mib == 0:
        return ""
    match = _FREE.fullmatch(told)
    if not match:
        return f"its free disk cannot be told: {_short(told)}"
    free_mib = int(match[1]) // 1024
    if free_mib >= min_free_mib:
        return ""
    return f"disk almost full: {free_mib} MiB free in {_short(match[2])}, node_min_free_mib is {min_free_mib}"


def _last_line(text: str, mark: str) -> str:
    """Return the last line that says something and is not ours."""
    lines = (line.strip() for line in reversed(re.split(r"[\r\n]+", text)))
    return _short(next((line for line in lines if line and not line.startswith(mark)), ""))


def _short(text: str) -> str:
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."
