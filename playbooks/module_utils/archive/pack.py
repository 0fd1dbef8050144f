"""The node's side: choose, scrub, cut, pack."""

from __future__ import annotations

import io
import os
import re
import tarfile

# Source in the workspace -> folder in the published logs.
PUBLISHED = {"results": "", "logs": "logs", "etc": "logs/etc"}
CONFIGURATION = re.compile(r"\.(conf|ini|json|ya?ml)$")
SECRETS = (
    # key = value, key: value, - key: value, "key": "value",
    re.compile(
        r"""(?im)^([\s{-]*["']?[\w-]*(?:password|passwd|_pass\b|secret|token|api_key)[\w-]*["']?\s*[=:]\s*)(\S.*)$"""
    ),
    re.compile(r"(://[^:/@\s]+:)([^@\s]+)(@)"),
)
HIDDEN = "***"
# Of no use without its middle; the executor takes no longer one.
WHOLE = re.compile(r"\.subunit$")
WHOLE_LIMIT_BYTES = 64 * 1024 * 1024


def pack(workspace: str, target: str, file_limit_bytes: int) -> int:
    """Write the archive and return how many files it holds; links and special files stay out."""
    count = 0
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    with tarfile.open(target, "w:gz", compresslevel=3) as archive:
        for folder, published in PUBLISHED.items():
            for path in _regular_files(os.path.join(workspace, folder)):
                name = os.path.join(published, os.path.relpath(path, os.path.join(workspace, folder)))
                _add(archive, path, name, file_limit_bytes)
                count += 1
        configuration = os.path.join(workspace, "tempest.conf")
        if os.path.isfile(configuration):
            _add(archive, configuration, "tempest.conf", file_limit_bytes)
            count += 1
    return count


def scrub(text: str) -> str:
    """Hide the values of options that are named like secrets and the passwords in URLs."""
    hidden = SECRETS[0].sub(rf"\g<1>{HIDDEN}", text)
    return SECRETS[1].sub(rf"\g<1>{HIDDEN}\g<3>", hidden)


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


def _add(archive: tarfile.TarFile, path: str, name: str, limit: int) -> None:
    content = _read(path, max(limit, WHOLE_LIMIT_BYTES) if WHOLE.search(name) else limit)
    # What lies at the top are results, for programs.
    if CONFIGURATION.search(name) and ("/" in name or name == "tempest.conf"):
        content = scrub(content.decode("utf-8", errors="replace")).encode()
        # Browsers show text, and download what they do not know.
        name = name if name == "tempest.conf" else name + ".txt"
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
