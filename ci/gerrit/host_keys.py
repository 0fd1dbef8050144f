"""The host keys that a known_hosts file trusts for one server.

paramiko's own reader gives up on the whole file at the first line that it cannot read, takes the mark `@revoked` for
a name, and keeps one key of each type.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

import paramiko
from paramiko.pkey import UnknownKeyType

if TYPE_CHECKING:
    from pathlib import Path

_HASHED = "|1|"
# What paramiko and cryptography raise for a key that is none.
_BAD_KEY = (paramiko.SSHException, UnknownKeyType, ValueError, TypeError, IndexError, OverflowError, AssertionError)


def trusted_keys(path: Path, name: str) -> list[paramiko.PKey]:
    """Return the keys that the file has for `name` (`host`, or `[host]:port`), less those that it marks revoked.

    Lines that cannot be read count for nothing, as in ssh; names are taken literally or hashed, never as patterns.
    Raises OSError when there is no such file.
    """
    trusted: list[paramiko.PKey] = []
    revoked: list[paramiko.PKey] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or marker not in {"", "@revoked"} or not _names(fields[0], name):  # noqa: PLR2004 - names, type, key
            continue
        key = _key(fields[1], fields[2])
        if key is not None:
            (revoked if marker else trusted).append(key)
    return [key for key in trusted if key not in revoked]


def fingerprint(key: paramiko.PKey) -> str:
    """Return a key's type and fingerprint, as `ssh-keygen -l` writes it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def _names(listed: str, name: str) -> bool:
    if listed.startswith(_HASHED):
        return _is_hash_of(listed, name)
    return name.lower() in listed.lower().split(",")


def _is_hash_of(hashed: str, name: str) -> bool:
    salt, _, digest = hashed.removeprefix(_HASHED).partition("|")
    try:
        expected = hmac.digest(base64.b64decode(salt, validate=True), name.lower().encode(), "sha1")
        return hmac.compare_digest(base64.b64decode(digest, validate=True), expected)
    except binascii.Error:
        return False


def _key(kind: str, text: str) -> paramiko.PKey | None:
    try:
        return paramiko.PKey.from_type_string(kind, base64.b64decode(text, validate=True))
    except _BAD_KEY:
        return None
