"""What a build runs and leaves out: its lists, less the blocks whose change the source already contains."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from ansible.module_utils.skip_lists import ancestry
from ansible.module_utils.skip_lists.read import Block, ListError, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHOWN_ERRORS = 20
# As `powervm-ci skip-list check` has it.
LIMIT_BYTES = 8 * 1024 * 1024


class ResolveError(ValueError):
    """The lists cannot be used for a build; each line of the message is one error."""


def resolve(site: str, excludes: Sequence[str], include: str, regex: str, sources: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of `skip-list.json`; raises ResolveError.

    `excludes` and `include` ("" for none) are paths from the folder `site`, `sources` the prepared repositories by
    project. In the result `excluded` and `included` (None without an include list) are the IDs that count.
    In an include list `until:` says nothing: it may be the skip list of a job, for another that tries what it skips.
    """
    lists, errors = _read_all(site, [*excludes, *([include] if include else [])])
    _check_regex(regex, errors)
    if include in lists and not lists[include]:
        # To stestr it would be the whole of tempest, and to us nothing: nobody means either.
        errors.append(f"{include}: a list of what runs without a single test")
    if errors:
        more = [f"and {len(errors) - SHOWN_ERRORS} more"] if len(errors) > SHOWN_ERRORS else []
        raise ResolveError("\n".join(errors[:SHOWN_ERRORS] + more))
    blocks = [block for path in excludes for block in lists[path]]
    brought = _brought({block.head["until"] for block in blocks if "until" in block.head}, sources)
    told: list[dict[str, Any]] = [
        {"path": path, "blocks": [_told(block, brought) for block in lists[path]]} for path in excludes
    ]
    included: dict[str, Any] | None = (
        {"path": include, "blocks": [_told(block, {}) for block in lists[include]]} if include else None
    )
    return {
        "exclude_lists": told,
        "include_list": included,
        "test_regex": regex,
        "excluded": sorted({one for part in told for one in _ids(part["blocks"])}),
        "included": sorted(set(_ids(included["blocks"]))) if included else None,
    }


def lifted(plan: Mapping[str, Any]) -> list[str]:
    """Return a line for each block that does not count in this build."""
    return [
        f"{part['path']}:{block['line']}: {len(block['tests'])} tests run again: {block['head']['until']} is in"
        f" {block['lifted_by']['project']} ({block['lifted_by']['commit'][:12]})"
        for part in plan["exclude_lists"]
        for block in part["blocks"]
        if block["lifted_by"]
    ]


def _read_all(site: str, paths: Sequence[str]) -> tuple[dict[str, list[Block]], list[str]]:
    lists: dict[str, list[Block]] = {}
    errors: list[str] = []
    for path in dict.fromkeys(paths):
        try:
            lists[path] = read(path, _content(site, path))
        except (ListError, OSError) as error:
            errors += str(error).splitlines() if isinstance(error, ListError) else [f"{path}: {error.strerror}"]
    return lists, errors


def _content(site: str, path: str) -> bytes:
    root, place = os.path.realpath(site), os.path.realpath(os.path.join(site, path))
    if os.path.commonpath([root, place]) != root or not os.path.isfile(place):
        raise ListError(f"{path}: no such file in the site")
    with open(place, "rb") as stream:
        content = stream.read(LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise ListError(f"{path}: is longer than {LIMIT_BYTES} bytes")
    return content


def _check_regex(regex: str, errors: list[str]) -> None:
    try:
        re.compile(regex)
    except re.error as error:
        errors.append(f"tempest_test_regex: not a regular expression: {error}")


def _brought(change_ids: set[str], sources: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return Change-Id -> project and commit for what one of the sources contains."""
    brought: dict[str, dict[str, str]] = {}
    shallow = []
    for project, repository in sources.items():
        wanted = change_ids - brought.keys()
        if not wanted:
            break
        try:
            found = ancestry.contained(repository, wanted)
            shallow += [project] if ancestry.is_shallow(repository) else []
        except (ancestry.GitError, OSError) as error:
            raise ResolveError(f"{project}: {error}") from error
        brought |= {change_id: {"project": project, "commit": commit} for change_id, commit in found.items()}
    missing = sorted(change_ids - brought.keys())
    if missing and shallow:
        raise ResolveError(f"{shallow[0]}: its history is cut off (shallow): whether it has {missing[0]} is not known")
    return brought


def _told(block: Block, brought: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "line": block.line,
        "head": block.head,
        "lifted_by": brought.get(block.head.get("until", "")),
        "tests": [{"line": line, "id": identity, "names": names} for line, identity, names in block.tests],
    }


def _ids(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (test["id"] for block in blocks if not block["lifted_by"] for test in block["tests"])
