"""References between the site's files: everything that is named must be there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ci.config.list_variables import EXCLUDE_LISTS, INCLUDE_LIST
from ci.config.paths import path_problem
from ci.config.playbooks import playbook_problems
from ci.config.reading import suggestion
from ci.errors import Finding
from ci.model.regex import Regex, regex_problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.config.jobs import JobDefinition, ProjectDefinition
    from ci.config.language import Language
    from ci.config.tenant import Tenant
    from ci.config.yaml_marks import Place

# Job variables that name files of the site.
FILE_VARIABLES = (EXCLUDE_LISTS, INCLUDE_LIST)
MAX_ANCESTORS = 100
_PLAYBOOKS = ("pre-run", "run", "post-run", "cleanup-run")


class ReferenceCheck:
    """Follows all names of the site's language; what leads nowhere goes to the findings."""

    def __init__(self, site: Path, language: Language, tenant: Tenant, labels: frozenset[str]) -> None:
        self._site = site
        self._language = language
        self._tenant = tenant
        self._labels = labels
        self.findings: list[Finding] = []
        self._playbooks: set[str] = set()

    def run(self) -> list[Finding]:
        """Return a finding for each name that leads nowhere."""
        for definition in self._definitions():
            self._job(definition)
        for path, place, label in self._language.label_uses:
            if label not in self._labels:
                hint = suggestion(label, self._labels)
                self.findings.append(Finding(path, *place, f"no label `{label}` in nodepool's file", hint))
        for section in self._language.projects:
            self._project(section)
        for sections in self._language.templates.values():
            for section in sections:
                self._pipelines(section)
        self._cycles()
        return self.findings

    def _definitions(self) -> Iterator[JobDefinition]:
        for variants in self._language.jobs.values():
            yield from variants
        everywhere = [*self._language.projects, *(t for ts in self._language.templates.values() for t in ts)]
        for section in everywhere:
            for lines in section.pipelines.values():
                yield from lines

    def _known(self, kind: str) -> set[str]:
        return {name for known_kind, name in self._language.origins if known_kind == kind}

    def _job(self, job: JobDefinition) -> None:
        jobs = self._known("job")
        section = job.section
        if job.inline and job.name not in jobs:
            self._report(job, None, f"no job `{job.name}`", suggestion(job.name, jobs))
        self._parent(job, jobs)
        if isinstance(job.nodeset, str) and job.nodeset not in (nodesets := self._known("nodeset")):
            self._report(job, "nodeset", f"no nodeset `{job.nodeset}`", suggestion(job.nodeset, nodesets))
        for key in _PLAYBOOKS:
            for index, name in enumerate(getattr(section, key.replace("-", "_"))):
                if problem := path_problem(self._site, name):
                    self._report(job, key, f"playbook: {problem[0]}", problem[1], index)
                elif name not in self._playbooks:
                    self._playbooks.add(name)
                    self.findings.extend(playbook_problems(self._site, name))
        semaphores = self._known("semaphore")
        for index, name in enumerate(section.semaphores):
            if isinstance(name, str) and name not in semaphores:
                self._report(job, "semaphores", f"no semaphore `{name}`", suggestion(name, semaphores), index)
        self._limits(job)
        self._required_projects(job)
        self._file_variables(job)

    def _parent(self, job: JobDefinition, jobs: set[str]) -> None:
        parent = job.section.parent
        if parent is None and not job.is_base and not job.inline:
            parent = self._tenant.default_parent
            first = self._language.jobs[job.name][0] is job
            if first and parent not in jobs:
                hint = f"define `{parent}`, or write `parent: null` to make this a base job"
                self._report(job, None, f"no job `{parent}`, the parent that a job has by default", hint)
        elif parent is not None and parent not in jobs:
            self._report(job, "parent", f"no job `{parent}` to be the parent", suggestion(parent, jobs))
        elif parent is not None:
            variants = self._language.jobs.get(parent, [])
            if variants and all(variant.section.final for variant in variants):
                self._report(job, "parent", f"the job `{parent}` is final and cannot be a parent", "choose another")

    def _limits(self, job: JobDefinition) -> None:
        limit = self._tenant.max_job_timeout_seconds
        for key in ("timeout", "post-timeout"):
            value = getattr(job.section, key.replace("-", "_"))
            if limit is not None and value is not None and value > limit:
                hint = "raise max-job-timeout in the tenant file"
                self._report(job, key, f"`{key}` of {value} s is over the tenant's {limit} s", hint)

    def _required_projects(self, job: JobDefinition) -> None:
        for index, project in enumerate(job.required_projects):
            found = self._tenant.find(project.name)
            if not found:
                names = [known.name for known in self._tenant.projects]
                hint = suggestion(project.name, names)
                self._report(job, "required-projects", f"no project `{project.name}` in the tenant", hint, index)
            elif project.override_checkout and found[0] == self._tenant.config_project:
                message = "override-checkout of the site's own repository is not run by this engine"
                self._report(job, "required-projects", message, "remove it", index)

    def _file_variables(self, job: JobDefinition) -> None:
        for variable in FILE_VARIABLES:
            value = job.section.vars.get(variable)
            for name in value if isinstance(value, list) else [value] if value is not None else []:
                problem = path_problem(self._site, name) if isinstance(name, str) else ("must be a path", "")
                if problem:
                    self._report(job, "vars", f"`{variable}`: {problem[0]}", problem[1], variable=variable)

    def _project(self, section: ProjectDefinition) -> None:
        place = section.section.place("name")
        names = [name for project in self._tenant.projects for name in (project.name, project.canonical_name)]
        if section.name.startswith("^"):
            self._project_regex(section, place)
        elif len(found := self._tenant.find(section.name)) != 1:
            hosts = ", ".join(project.canonical_name for project in found)
            message = f"several projects are called `{section.name}`" if found else f"no project `{section.name}`"
            hint = f"write one of: {hosts}" if found else suggestion(section.name, names)
            self.findings.append(Finding(section.path, *place, message + " in the tenant", hint))
        templates = self._known("project-template")
        for index, name in enumerate(section.templates):
            if name not in templates:
                where = section.section.place("templates", index)
                hint = suggestion(name, templates)
                self.findings.append(Finding(section.path, *where, f"no project-template `{name}`", hint))
        self._pipelines(section)

    def _project_regex(self, section: ProjectDefinition, place: Place) -> None:
        if problem := regex_problem(section.name):
            self.findings.append(Finding(section.path, *place, f"not an RE2 regular expression: {problem}"))
        elif not self._tenant.matching(Regex(section.name)):
            hint = "it must match a whole name"
            self.findings.append(Finding(section.path, *place, f"no project matches `{section.name}`", hint))

    def _pipelines(self, section: ProjectDefinition) -> None:
        pipelines = self._known("pipeline")
        whole = section.marks
        for name in section.pipelines:
            if name not in pipelines:
                choices = pipelines | section.section.keys()
                message = f"`{name}` is neither a pipeline nor a key of a project"
                self.findings.append(Finding(section.path, *whole.key_places[name], message, suggestion(name, choices)))

    def _cycles(self) -> None:
        parents: dict[str, dict[str, JobDefinition]] = {}
        for name, variants in self._language.jobs.items():
            for job in variants:
                if job.section.parent is not None:
                    parents.setdefault(name, {}).setdefault(job.section.parent, job)
        reported: set[frozenset[str]] = set()
        for name, own in parents.items():
            chain = _way_back(name, parents)
            if chain is None:
                self._report(next(iter(own.values())), "parent", f"more than {MAX_ANCESTORS} ancestors")
                return
            if chain and frozenset(chain) not in reported:
                reported.add(frozenset(chain))
                job = parents[chain[-1]][name]
                way = " -> ".join([*chain, name])
                self._report(job, "parent", f"a job cannot be its own ancestor: {way}", "break the circle")

    def _report(
        self,
        job: JobDefinition,
        key: str | None,
        message: str,
        hint: str = "",
        index: int | None = None,
        variable: str | None = None,
    ) -> None:
        place = job.section.place(key, index)
        if variable is not None:
            place = job.section.marks["vars"].value_places.get(variable, place) if key == "vars" else place
        self.findings.append(Finding(job.path, *place, message, hint))


def _way_back(start: str, parents: dict[str, dict[str, JobDefinition]]) -> tuple[str, ...] | None:
    """Return the shortest way from a job by its parents back to itself, () when there is none, None when too long."""
    ways: deque[tuple[str, ...]] = deque([(start,)])
    seen: set[str] = set()
    while ways:
        way = ways.popleft()
        for parent in parents.get(way[-1], ()):
            if parent == start:
                return way
            if parent not in seen:
                seen.add(parent)
                ways.append((*way, parent))
        if len(seen) > MAX_ANCESTORS:
            return None
    return ()
