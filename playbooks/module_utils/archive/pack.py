"""The node's side: choose, scrub, cut, pack."""

from __future__ import annotations

import io
import os
import re
import tarfile
from typing import TYPE_CHECKING

from ansible.module_utils.archive.scrub import Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Source in the workspace -> folder in the published logs.
PUBLISHED = {"results": "", "logs": "logs", "etc": "logs/etc"}
CONFIGURATION = re.compile(r"\.(conf|ini|json|ya?ml)$")
# What two files of options differ in has their lines.
DIFFERENCE = re.compile(r"\.(diff|patch)$")
AT_TOP = frozenset({"tempest.conf", "local.conf"})
# Of no use without its middle, or with a word hidden; the executor takes no longer one.
WHOLE = re.compile(r"\.subunit$|^tests-(?:run|skipped)\.txt$")
WHOLE_LIMIT_BYTES = 64 * 1024 * 1024


def pack(
    workspace: str, target: str, file_limit_bytes: int, domains: Sequence[str] = (), networks: Sequence[str] = ()
) -> int:
    """Write the archive and return how many files it holds; links and special files stay out.

    Names below `domains` and addresses of `networks` are hidden, and every secret that a configuration file has.
    """
    scrubber = Scrubber(domains, networks)
    files = list(_files(workspace))
    for path, name in files:
        if _is_configuration(name):
            scrubber.learn(_read(path, file_limit_bytes).decode("utf-8", errors="replace"))
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    with tarfile.open(target, "w:gz", compresslevel=3) as archive:
        for path, name in files:
            _add(archive, path, name, file_limit_bytes, scrubber)
    return len(files)


def _files(workspace: str) -> Iterator[tuple[str, str]]:
    """Yield each file to publish and the name that it gets."""
    for folder, published in PUBLISHED.items():
        for path in _regular_files(os.path.join(workspace, folder)):
            yield path, os.path.join(published, os.path.relpath(path, os.path.join(workspace, folder)))
    configuration = os.path.join(workspace, "tempest.conf")
    if os.path.isfile(configuration):
        yield configuration, "tempest.conf"


def _is_configuration(name: str) -> bool:
    """Whether it is a file of options; other files at the top are results, for programs."""
    if DIFFERENCE.search(name):
        return True
    return CONFIGURATION.search(name) is not None and ("/" in name or name in AT_TOP)


def shorten(content: bytes, size: int, limit: int) -> bytes:
    """Return the note that tells how much of `size` bytes was left out, after what is kept of the head."""
    note = f"\n\n----- {size - limit} bytes left out here: the file is longer than {limit} bytes -----\n\n"
    return content + note.encode()


def _regular_files(root: str) -> list[str]:
    found = []
    for folder, _, names in os.walk(root):
        paths = [os.path.join(folder, name) for name in names]
        found += [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]
    return sorted(found)


def _add(archive: tarfile.TarFile, path: str, name: str, limit: int, scrubber: Scrubber) -> None:
    is_whole = WHOLE.search(name) is not None
    content = _read(path, max(limit, WHOLE_LIMIT_BYTES) if is_whole else limit)
    if not is_whole:
        text = content.decode("utf-8", errors="surrogateescape")
        text = scrubber.configuration(text) if _is_configuration(name) else scrubber.text(text)
        content = text.encode("utf-8", errors="surrogateescape")
    if CONFIGURATION.search(name) and "/" in name:
        name += ".txt"  # browsers show text, and download what they do not know
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), int(os.stat(path).st_mtime), 0o644
    archive.addfile(member, io.BytesIO(content))


def _read(path: str, limit: int) -> bytes:
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        if size <= limit:
            # A service may still write: what comes now must fit what is announced.
            return stream.read(limit)
        head = stream.read(limit // 2)
        stream.seek(size - limit // 2)
        return shorten(head, size, limit) + stream.read(limit // 2)
