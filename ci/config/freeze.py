"""Job freezing: the definitions of a job and of its parents become one job for one change, as Zuul does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ci.config.jobs import JobDefinition
from ci.config.tenant import Tenant
from ci.errors import CIError
from ci.model.job import FrozenJob, Nodeset, RequiredProject
from ci.model.regex import Regex

COMMIT_MESSAGE_FILE = "/COMMIT_MSG"
# Attributes that say how a job runs; a final job lets none of them be changed.
_EXECUTION_KEYS = (
    "parent",
    "timeout",
    "post-timeout",
    "vars",
    "nodeset",
    "pre-run",
    "run",
    "post-run",
    "cleanup-run",
    "semaphores",
    "attempts",
    "required-projects",
)


class FreezeError(CIError):
    """The definitions of a job cannot be combined; `definition` is the one that did not fit."""

    def __init__(self, message: str, definition: JobDefinition) -> None:
        super().__init__(message)
        self.definition = definition


class _NoMatchError(Exception):
    pass


def collect(
    jobs: Mapping[str, Sequence[JobDefinition]], name: str, branch: str, default_parent: str
) -> list[JobDefinition]:
    """Return the definitions that make up a job on a branch, parents first; empty when the job does not apply there.

    Each definition brings its own parent, so that variants may have different ones; a parent is visited once. A job
    whose parent has no definition for the branch does not apply.
    """
    found: list[JobDefinition] = []
    visited: set[str] = set()

    def visit(current: str) -> None:
        visited.add(current)
        matched = False
        for definition in jobs.get(current, ()):
            if not definition.matches_branch(branch):
                continue
            parent = definition.section.parent
            if parent is None and not definition.is_base and not found:
                parent = default_parent
            if parent is not None and parent not in visited:
                visit(parent)
            matched = True
            found.append(definition)
        if not matched:
            raise _NoMatchError

    try:
        visit(name)
    except _NoMatchError:
        return []
    return found


@dataclass(slots=True)
class Draft:
    """A job while its definitions are being applied, with the matchers that a frozen job no longer needs."""

    job: FrozenJob
    nodesets: Mapping[str, Nodeset]
    tenant: Tenant
    abstract: bool = False
    final: bool = False
    files: tuple[Regex, ...] = ()
    irrelevant_files: tuple[Regex, ...] = ()
    applied: list[JobDefinition] = field(default_factory=list)

    def apply(self, definition: JobDefinition) -> None:
        """Apply a definition on top; raises `FreezeError` where the job is final."""
        section = definition.section
        if self.final:
            changed = [key for key in _EXECUTION_KEYS if _is_set(definition, key)]
            if changed:
                where = f"`{changed[0]}` at {definition.place}"
                raise FreezeError(f"the job {self.job.name} is final and cannot take {where}", definition)
        self.final = self.final or section.final
        # only a child clears `abstract`, a variant of the same name does not
        same_name = definition.name == self.job.name
        self.abstract = (self.abstract and same_name) or section.abstract
        self._apply_playbooks(definition)
        self._apply_settings(definition)
        self._apply_matchers(definition)
        self.applied.append(definition)
        self.job = replace(self.job, name=definition.name, definitions=(*self.job.definitions, definition.place))

    def _apply_playbooks(self, definition: JobDefinition) -> None:
        section, job = definition.section, self.job
        self.job = replace(
            job,
            pre_run=(*job.pre_run, *section.pre_run),
            run=tuple(section.run) or job.run,
            post_run=(*section.post_run, *job.post_run),
            cleanup_run=(*section.cleanup_run, *job.cleanup_run),
        )

    def _apply_settings(self, definition: JobDefinition) -> None:
        section, job = definition.section, self.job
        variables = section.vars
        if not section.overrides.get("vars", False):
            variables = deep_update(job.variables, section.vars)
        self.job = replace(
            job,
            nodeset=self._nodeset(definition),
            variables=variables,
            timeout_seconds=section.timeout if section.says("timeout") else job.timeout_seconds,
            post_timeout_seconds=section.post_timeout if section.says("post-timeout") else job.post_timeout_seconds,
            attempts=section.attempts if section.says("attempts") else job.attempts,
            voting=section.voting if section.says("voting") else job.voting,
            required_projects=self._required_projects(definition),
            semaphores=tuple(sorted({*job.semaphores, *definition.semaphores})),
        )

    def _nodeset(self, definition: JobDefinition) -> Nodeset:
        if definition.nodeset is None:
            return self.job.nodeset
        if isinstance(definition.nodeset, Nodeset):
            return definition.nodeset
        if definition.nodeset not in self.nodesets:
            raise FreezeError(f"no nodeset `{definition.nodeset}`, named at {definition.place}", definition)
        return self.nodesets[definition.nodeset]

    def _required_projects(self, definition: JobDefinition) -> tuple[RequiredProject, ...]:
        replaces = definition.section.overrides.get("required-projects", False)
        merged = {} if replaces else {project.name: project for project in self.job.required_projects}
        for project in definition.required_projects:
            known = self.tenant.find(project.name)
            name = known[0].name if known else project.name
            merged[name] = replace(project, name=name)
        return tuple(merged.values())

    def _apply_matchers(self, definition: JobDefinition) -> None:
        section = definition.section
        if section.says("files"):
            inherited = self.files if section.overrides.get("files") is False else ()
            self.files = (*inherited, *section.files)
        if section.says("irrelevant-files"):
            inherited = self.irrelevant_files if section.overrides.get("irrelevant-files") is False else ()
            self.irrelevant_files = (*inherited, *section.irrelevant_files)

    def skipped_by_files(self, files: tuple[str, ...] | None) -> str | None:
        """Say why the files of a change do not call for this job, None when they do or are not known."""
        touched = [name for name in files or () if name != COMMIT_MESSAGE_FILE]
        if not touched:
            return None
        if self.files and not any(regex.match(name) for name in touched for regex in self.files):
            return "none of the changed files matches `files`"
        if self.irrelevant_files and all(any(regex.match(name) for regex in self.irrelevant_files) for name in touched):
            return "all changed files match `irrelevant-files`"
        return None


def deep_update(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two mappings key by key, nested mappings too; elsewhere `above` wins. Neither is changed."""
    result = {key: value for key, value in below.items() if key not in above}
    for key, value in above.items():
        old = below.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = deep_update(old, value) if both and isinstance(old, dict) else value
    return result


def draft(name: str, definitions: Sequence[JobDefinition], nodesets: Mapping[str, Nodeset], tenant: Tenant) -> Draft:
    """Apply definitions in order, beginning with nothing; raises `FreezeError`."""
    result = Draft(FrozenJob("", timeout_seconds=None, post_timeout_seconds=None), nodesets, tenant)
    for definition in definitions:
        result.apply(definition)
    result.job = replace(result.job, name=name)
    return result


def _is_set(definition: JobDefinition, key: str) -> bool:
    section = definition.section
    if not section.says(key):
        return False
    if key in {"vars", "pre-run", "run", "post-run", "cleanup-run", "semaphores"}:
        # Zuul takes an empty one for not said
        return bool(getattr(section, key.replace("-", "_")))
    return True
