"""What can go wrong, as types: each becomes one clear line for a person and one exit status."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SHOWN = 1000


class CIError(Exception):
    """An expected failure: the message is one line that says what, where and what to do."""

    exit_status = 1


class UsageError(CIError):
    """The command was called in a way that cannot be carried out."""

    exit_status = 2


def printable(text: str) -> str:
    """Return a text as one line of at most 1000 printable characters: what files hold may be anything."""
    shown = text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One error in one of the site's files; `line` and `column` count from 1, 0 where there is no place.

    `code` names the kind of error for programs, such as `capital-id`; "" where kinds are not told apart.
    """

    path: str
    line: int
    column: int
    message: str
    hint: str = ""
    code: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return printable(f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else ""))


class SiteError(CIError):
    """The site's files hold errors; `findings` has every one of them, in file order."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = sorted(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class Unavailable(CIError):
    """The other side did not answer in time or not at all: trying again later makes sense."""


class Refused(CIError):
    """The other side answered no for good: trying again makes no sense."""


class HostKeyMismatch(Refused):
    """The server's host key is unknown or not the one on file."""


class AuthenticationFailed(Refused):
    """The server refused our key or user name."""


# Nothing is said about what was asked for: the way to the other side is broken, and may be mended.
LINK_FAILURES = (Unavailable, HostKeyMismatch, AuthenticationFailed)


class MergeConflict(CIError):
    """The change cannot be merged onto the tip of its branch."""


class Interrupted(CIError):
    """What was under way is no longer wanted: it was told to stop."""


class StaleStateError(CIError):
    """A row was not in the state that a change of state expected: somebody else was quicker."""


class DiskFull(Unavailable):
    """A state folder's file system has no room left."""
