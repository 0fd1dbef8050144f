"""Stands in for a build's process where hundreds are needed: it keeps the contract of files, and runs no Ansible.

Run as a file by `python -I -S`, so it may import nothing but the standard library. The patch says how it ends, by the
same words in its file `verdict` as for the trivial site; `seconds-N` makes it take so long. What its cleanup-run is for
is told by two files of the site: `begun` names the attempts that have used a node, `cleaned` those cleaned up after.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NO_ROOM = 74


class CancelError(Exception):
    """The service asks to stop."""


def main(arguments: list[str]) -> int:
    """Run the build of a folder, or with a third argument only its cleanup-run under that name."""
    folder, name = Path(arguments[0]), arguments[2] if len(arguments) > 2 else "process"
    try:
        _write_atomically(folder / f"{name}.json", {"pid": os.getpid(), "start_time": _start_time()})
        spec = json.loads((folder / "spec.json").read_bytes())
        if name != "process":
            _note(spec, "cleaned")
            (folder / "cleanup-ended").touch()
            return 0
        _write_atomically(folder / "result.json", _outcome(folder, spec))
    except OSError:
        if name == "process":
            (folder / "no-room.json").rename(folder / "result.json")
        return NO_ROOM
    return 0


def _outcome(folder: Path, spec: dict[str, Any]) -> dict[str, Any]:
    started_at = time.time()
    try:
        signal.signal(signal.SIGTERM, _cancel)
        _note(spec, "begun")
        log_folder = Path(spec["log_folder"])
        log_folder.mkdir(parents=True, exist_ok=True)
        result, error = _run(folder, spec)
    except CancelError:
        result, error = "CANCELED", "canceled"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _note(spec, "cleaned")
    return {"result": result, "started_at": started_at, "ended_at": time.time(), "error": error}


def _cancel(*_: object) -> None:
    raise CancelError


def _run(folder: Path, spec: dict[str, Any]) -> tuple[str, str]:
    project = spec["zuul"]["project"]["canonical_name"]
    variant = spec["job"]["variables"].get("variant", "")
    argv = ["git", "-C", str(folder / "work" / "src" / project), "show", "HEAD:verdict"]
    words = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split()
    for word in words:
        if word.startswith("seconds-"):
            time.sleep(float(word.removeprefix("seconds-")))
    if {"fail", f"fail-{variant}"} & set(words):
        return "FAILURE", f"the patch says fail, in {variant}"
    return ("SUCCESS", "") if words else ("FAILURE", "no verdict: the source is not what was pushed")


def _note(spec: dict[str, Any], name: str) -> None:
    with (Path(spec["site"]) / name).open("a", encoding="utf-8") as file:
        file.write(f"{spec['build_id']}/{spec['attempt']}\n")


def _start_time() -> int:
    return int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])


def _write_atomically(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
