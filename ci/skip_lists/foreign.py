"""What lists of other forms hold: wanted tests in blocks, with what is said of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ci.errors import Finding


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line or item: an ID, or (`identity` is "") a name or regular expression.

    `names` are those that stand beside an ID, `reason` what is said of this one alone, `source` the text as it stands.
    """

    text: str
    line: int
    column: int
    source: str
    identity: str = ""
    names: tuple[str, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class ForeignBlock:
    """Tests with one head (`reason`, `bug` and the like, as far as they are said) and further comments.

    A block without tests is a comment that stands alone.
    """

    head: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)


@dataclass(slots=True)
class ForeignList:
    """A list as it was read; `findings` are about parts that are of no use, `notes` about what to look at."""

    path: str
    blocks: list[ForeignBlock] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
