"""Keys that are accepted because Zuul or nodepool act on them, and that this engine does not act on: warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.config.yaml_marks import Mapping, Sequence
from ci.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.config.yaml_marks import Document, Place

_MESSAGE = "`{key}` has no effect on this engine"
# By section: the key, and a hint. A value that asks for nothing (0) is no reason to warn.
PIPELINE_KEYS = {"disable-after-consecutive-failures": ""}
JOB_KEYS = {"semaphores": "the number of nodes limits how many builds run at once"}
LABEL_KEYS = {"min-ready": "", "max-ready-age": ""}
PROVIDER_KEYS = {"max-concurrency": "max-parallel-jobs of each node limits it"}
POOL_KEYS = {"priority": "", "node-attributes": ""}
_ASKS_FOR_NOTHING: tuple[Any, ...] = (None, 0, [])


def warn_of_language(document: Document) -> Iterator[Finding]:
    """Yield a warning for each such key of a file in the job language; rubbish is passed over, others report it."""
    for section in _mappings(document.root):
        for kind, value in section.items():
            if isinstance(value, Mapping):
                yield from _warn_of_section(document, kind, value)


def _warn_of_section(document: Document, kind: str, value: Mapping) -> Iterator[Finding]:
    if kind == "pipeline":
        yield from _warn(document, value, PIPELINE_KEYS)
    elif kind == "job":
        yield from _warn_of_job(document, value)
    elif kind in {"project", "project-template"}:
        for pipeline in _mappings(list(value.values())):
            for line in _mappings(pipeline.get("jobs")):
                for job in _mappings(list(line.values())):
                    yield from _warn_of_job(document, job)


def warn_of_nodepool(document: Document) -> Iterator[Finding]:
    """Yield a warning for each such key of nodepool's file, as far as our own pools go."""
    root = document.root if isinstance(document.root, Mapping) else Mapping()
    providers = list(_mappings(root.get("providers")))
    if all(provider.get("driver") == "static" for provider in providers):  # else a launcher acts on them
        for label in _mappings(root.get("labels")):
            yield from _warn(document, label, LABEL_KEYS)
    for provider in providers:
        if provider.get("driver") == "static":
            yield from _warn(document, provider, PROVIDER_KEYS)
            for pool in _mappings(provider.get("pools")):
                yield from _warn(document, pool, POOL_KEYS)


def _warn_of_job(document: Document, job: Mapping) -> Iterator[Finding]:
    yield from _warn(document, job, JOB_KEYS)
    required = job.get("required-projects")
    for project in _mappings(getattr(required, "value", required)):  # it may carry !override
        yield from _warn(document, project, {"override-checkout": "the change's own branch is checked out"})


def _warn(document: Document, section: Mapping, keys: dict[str, str]) -> Iterator[Finding]:
    for key, hint in keys.items():
        if key in section and section[key] not in _ASKS_FOR_NOTHING:
            yield _finding(document, section.key_places[key], key, hint)


def _finding(document: Document, place: Place, key: str, hint: str) -> Finding:
    return Finding(document.path, *place, _MESSAGE.format(key=key), hint)


def _mappings(value: Any) -> Iterator[Mapping]:
    items = value if isinstance(value, Sequence | list) else [value]
    return (item for item in items if isinstance(item, Mapping))
