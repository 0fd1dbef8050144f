"""Hostile text made fit for a page, times and sizes for people, and templates that escape everything."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jinja2

from ci.model.duration import duration

LONGEST_LINE = 500
KIBI = 1024
# Built once: these are our own files, and small.
STATIC_FILES = {
    file.name: file.read_bytes()
    for file in resources.files("ci.web").joinpath("static").iterdir()
    if not file.name.startswith(".")
}
STATIC_VERSION = hashlib.sha256(b"".join(STATIC_FILES[name] for name in sorted(STATIC_FILES))).hexdigest()[:12]


def one_line(text: object, limit: int = LONGEST_LINE) -> str:
    """Return the text on one line: what cannot be seen (control and direction characters) is written as an escape."""
    shown = str(text)
    cut = shown[:limit]
    line = "".join(sign if sign.isprintable() else _escape(sign) for sign in cut)
    return line if len(shown) <= limit else f"{line}..."


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def file_name(name: str) -> str:
    """Return a file's name (as `os` gives it, invalid UTF-8 in surrogates) so that it can be shown."""
    return one_line(name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def utc(seconds: float | None) -> str:
    """Return a time (seconds since the epoch) as `2017-11-03 12:00:00 UTC`, "" for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(seconds: float | None) -> str | None:
    """Return a time (seconds since the epoch) as machines read it: `2017-11-03T12:00:00Z`."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size(number: int) -> str:
    """Return a number of bytes for people: `512 B`, `1.5 MiB`."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < KIBI:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= KIBI
    return f"{amount:.1f} TiB"


def web_url(url: str) -> str:
    """Return an address that Gerrit gave when it leads to a web page, "" for anything else (`javascript:`...)."""
    return url if url.startswith(("https://", "http://")) else ""


def vote(labels: dict[str, int]) -> str:
    """Return labels as Gerrit writes them: `Verified+1`, `Verified-1`."""
    return ", ".join(
        f"{one_line(label)}{value:+d}" if value else f"{one_line(label)} 0" for label, value in labels.items()
    )


class Templates:
    """The pages' templates; every value is escaped, and a misspelt one is an error."""

    def __init__(self, **constants: Any) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("ci.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        filters = {
            "line": one_line, "utc": utc, "iso": iso, "size": size, "duration": duration, "web_url": web_url,
            "vote": vote,
        }  # fmt: skip
        self._environment.filters.update(filters)
        self._environment.globals.update(static_version=STATIC_VERSION, **constants)

    def render(self, name: str, **values: Any) -> str:
        # A lone surrogate (JSON may carry one) cannot be sent as UTF-8.
        text = self._environment.get_template(name).render(**values)
        return text.encode("utf-8", "replace").decode("utf-8")
