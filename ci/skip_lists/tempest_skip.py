"""Reads the YAML of tempest-skip: tests that are known to fail, with reasons, bugs, and what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from ci.config.reading import ListOf, Reader, Section
from ci.config.yaml_marks import Mapping, Sequence, load_yaml, plain
from ci.skip_lists.foreign import ForeignBlock, ForeignList, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.config.yaml_marks import Document, Place

ROOT = "known_failures"
USUAL_DEPLOYMENT = "overcloud"


class Release(Section):
    """A release in which the test fails, with what is different there."""

    name: str
    reason: str = ""
    lp: str = ""
    bz: str = ""
    installers: ListOf[str] = Field(default_factory=list)


class KnownFailure(Section):
    """A test, or an expression for some, that is known to fail."""

    test: str
    reason: str = ""
    lp: str = ""
    bz: str = ""
    deployment: ListOf[str] = Field(default_factory=list)
    releases: ListOf[Release] = Field(default_factory=list)
    jobs: ListOf[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Filter:
    """For which release, job, deployment and installer tests are asked for; "" for all.

    An item that does not say for which it is, is for all of them: so tempest-skip documents its format.
    """

    release: str = ""
    job: str = ""
    deployment: str = ""
    installer: str = ""

    def releases(self, failure: KnownFailure) -> list[Release] | None:
        """Return the releases of an item that count, empty where it names none; None when it is not asked for."""
        if not _is_for(self.job, failure.jobs) or not _is_for(self.deployment, failure.deployment):
            return None
        if not failure.releases:
            return []
        return [
            release
            for release in failure.releases
            if self.release in {"", release.name} and _is_for(self.installer, release.installers)
        ] or None


def is_tempest_skip(name: str, content: bytes) -> bool:
    """Whether a file is such YAML, and not a list of names: by its name, or by its first key."""
    if name.endswith((".yaml", ".yml")):
        return True
    lines = (line.strip() for line in content.splitlines())
    first = next((line for line in lines if line and not line.startswith(b"#") and line != b"---"), b"")
    return first.startswith(f"{ROOT}:".encode())


def read_tempest_skip(path: str, content: bytes, wanted: Filter) -> ForeignList:
    """Read what of a file is asked for; items with equal heads become one block, and comments above them stay."""
    document = load_yaml(path, content)
    result = ForeignList(path, findings=document.findings)
    root = document.root
    items = root.get(ROOT) if isinstance(root, Mapping) else None
    if not isinstance(items, Sequence):
        if not document.findings:
            Reader(document, result.findings).report((1, 1), f"has no list `{ROOT}:`", "that is tempest-skip's format")
        return result
    reader = Reader(document, result.findings)
    for key in root:
        if key != ROOT:
            reader.report(root.key_places[key], f"`{key}` is not converted", f"only `{ROOT}` is")
    blocks: dict[tuple[object, ...], ForeignBlock] = {}
    for item, place in zip(items, items.item_places, strict=True):
        for block in _blocks(reader, item, place, wanted):
            key = (*block.head.items(), *block.comments)
            blocks.setdefault(key, ForeignBlock(block.head, block.comments)).wanted.extend(block.wanted)
    result.blocks = list(blocks.values())
    return result


def _blocks(reader: Reader, item: object, place: Place, wanted: Filter) -> Iterator[ForeignBlock]:
    failure = reader.read(KnownFailure, item, place)
    comments = _comments_above(reader.document, place)
    if failure is None:
        yield ForeignBlock({}, [*comments, f"not converted: {plain(item)}"])
        return
    releases = wanted.releases(failure)
    if releases is None:
        return
    head = _head(failure, releases)
    comments.extend(_limits(failure, wanted))
    test = Wanted(failure.test, *failure.place("test"), source=failure.test)
    yield ForeignBlock(head, comments, [test])


def _head(failure: KnownFailure, releases: list[Release]) -> dict[str, str]:
    reasons = _by_release([(release.name, release.reason or failure.reason) for release in releases])
    bugs = [bug for release in releases for bug in (release.lp, release.bz) if bug]
    found = {
        "reason": " ".join((reasons or failure.reason).split()),
        "bug": ", ".join(dict.fromkeys(bugs or [bug for bug in (failure.lp, failure.bz) if bug])),
    }
    return {key: value for key, value in found.items() if value}


def _by_release(texts: list[tuple[str, str]]) -> str:
    """Return the one text that all releases have, or each with its releases."""
    releases: dict[str, list[str]] = {}
    for release, text in texts:
        if text:
            releases.setdefault(text, []).append(release)
    if len(releases) == 1:
        return next(iter(releases))
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in releases.items())


def _limits(failure: KnownFailure, wanted: Filter) -> Iterator[str]:
    """Yield what the item is for, where it was not asked for: nothing of it may get lost."""
    if failure.releases and not wanted.release:
        yield f"only in the releases {', '.join(release.name for release in failure.releases)}"
    if failure.jobs and not wanted.job:
        yield f"only in the jobs {', '.join(failure.jobs)}"
    if failure.deployment not in ([], [USUAL_DEPLOYMENT]) and not wanted.deployment:
        yield f"only in the deployments {', '.join(failure.deployment)}"
    installers = dict.fromkeys(name for release in failure.releases for name in release.installers)
    if installers and not wanted.installer:
        yield f"only with the installers {', '.join(installers)}"


def _comments_above(document: Document, place: Place) -> list[str]:
    above: list[str] = []
    for line in reversed(document.lines[: place[0] - 1]):
        text = line.strip()
        if not text.startswith("#"):
            break
        above.append(text.lstrip("# "))
    return above[::-1]


def _is_for(asked: str, named: list[str]) -> bool:
    return not asked or not named or asked in named
