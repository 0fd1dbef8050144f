"""What looks like a Gerrit over ssh: a real sshd that plays a recorded stream and answers queries from files."""

import shlex
from pathlib import Path
from types import TracebackType
from typing import Self

from .event_stream import EventStream, query_rows
from .sshd_node import SshdNode

ADDRESS = "127.0.0.1"

# As fast as a shell can: the time that is measured shall be the CI's.
SCRIPT = """\
#!/bin/sh
# sshd runs this in place of whatever the client asks for.
cd {folder} || exit 1
case "$SSH_ORIGINAL_COMMAND" in
  "gerrit version") echo "gerrit version 3.10.0" ;;
  "gerrit stream-events") cat events.jsonl; exec sleep 100000 ;;
  "gerrit query "*" change:"*)
    kind=current
    case "$SSH_ORIGINAL_COMMAND" in *--patch-sets*) kind=all ;; esac
    exec cat "changes/${{SSH_ORIGINAL_COMMAND##*change:}}.$kind" ;;
  "gerrit query "*) echo '{{"type":"stats","rowCount":0,"runTimeMilliseconds":1,"moreChanges":false}}' ;;
  *) echo "fatal: not understood" >&2; exit 1 ;;
esac
"""


class StreamServer:
    """A context manager: every client that asks for the stream gets all of it, at once, and then silence.

    It has what a site must know of a Gerrit, under the same names as the real one of the laboratory.
    """

    address = ADDRESS
    url = f"http://{ADDRESS}/"

    def __init__(self, folder: Path, stream: EventStream) -> None:
        """Write the stream and the answers below `folder`."""
        self.stream = stream
        self.folder = folder
        self.known_hosts = folder / "known_hosts"
        self._sshd = _ForcedSshd(folder)
        self.ssh_port, self.user, self.key = self._sshd.port, self._sshd.username, self._sshd.private_key
        (folder / "changes").mkdir(parents=True)
        with (folder / "events.jsonl").open("wb") as file:
            file.writelines(line + b"\n" for line in stream.lines())
        for number, change in stream.changes.items():
            for name, rows in zip(("current", "all"), query_rows(change), strict=True):
                (folder / "changes" / f"{number}.{name}").write_bytes(rows)
        (folder / "gerrit").write_text(SCRIPT.format(folder=shlex.quote(str(folder))), encoding="utf-8")
        (folder / "gerrit").chmod(0o755)

    def __enter__(self) -> Self:
        self._sshd.start()
        self.known_hosts.write_text(self._sshd.known_hosts(), encoding="ascii")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sshd.stop()


class _ForcedSshd(SshdNode):
    """Runs the script whatever it is asked for."""

    def __init__(self, folder: Path) -> None:
        # Below another shell bash does not read its start-up files, which may take longer than the answer.
        super().__init__(folder, (ADDRESS,), environment={"SHLVL": "2"})

    def _configuration(self) -> str:
        return f'{super()._configuration()}ForceCommand "{self.folder / "gerrit"}"\n'
