"""The layout: all that the site defines, and the jobs that it calls for when a change comes."""

from __future__ import annotations

import copy
import functools
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ci.config.freeze import FreezeError, collect, deep_update, draft
from ci.config.jobs import JobDefinition, ProjectDefinition
from ci.config.trial_branches import TrialBranches
from ci.config.yaml_marks import Place
from ci.model.job import FrozenJob, Nodeset
from ci.model.regex import Regex, regex_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.config.freeze import Draft
    from ci.config.language import Language
    from ci.config.tenant import Tenant, TenantProject
    from ci.model.change import Ref
    from ci.model.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class JobSelection:
    """The jobs for a change, and one line for each job that is not wanted, and why.

    `errors` are there when the definitions of a wanted job contradict each other: then no job runs, as in Zuul, and
    `why_not` ends with them.
    """

    jobs: tuple[FrozenJob, ...] = ()
    why_not: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariableSource:
    """One place that sets variables of a job: its file, where it begins, the variables with their marks.

    `job` is the job that it defines, "" for a project and for a line in its pipeline.
    """

    path: str
    place: Place
    variables: Any
    job: str


@dataclass(slots=True)
class _ProjectPipeline:
    jobs: dict[str, list[JobDefinition]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    sources: list[VariableSource] = field(default_factory=list)
    present: bool = False

    def add_variables(self, section: ProjectDefinition) -> None:
        self.variables = deep_update(self.variables, section.section.vars)
        self.sources.append(_source(section))

    def update(self, lists: tuple[JobDefinition, ...]) -> None:
        self.present = True
        for definition in lists:
            known = self.jobs.setdefault(definition.name, [])
            if definition not in known:
                known.append(definition)


class Layout:
    """What the site defines; never changes once made.

    `commit` is the one of the site's own repository that it was read from, "" for a folder.
    """

    def __init__(self, language: Language, tenant: Tenant, commit: str = "") -> None:
        self.tenant = tenant
        self.commit = commit
        self.pipelines: dict[str, Pipeline] = language.pipelines
        self.nodesets: dict[str, Nodeset] = language.nodesets
        self.semaphores: dict[str, int] = language.semaphores
        self.jobs = language.jobs
        self._templates = language.templates
        self._projects = _by_project(language.projects, tenant)

    def select_jobs(self, pipeline: str, change: Ref) -> JobSelection:
        """Return the jobs that a change, or a branch, gets in a pipeline.

        Files that are not known call for every job, as a change without files does: better a run too many.
        """
        project = self.tenant.project(change.connection, change.project)
        if project is None:
            return JobSelection(why_not=(f"{change.project} is not a project of the tenant",))
        wanted = self._project_pipeline(project, pipeline, change.branch)
        if wanted is None:
            return JobSelection(
                why_not=(f"{change.project} has no jobs in the pipeline {pipeline} on {change.branch}",)
            )
        jobs: list[FrozenJob] = []
        why_not: list[str] = []
        errors: list[str] = []
        for name in wanted.jobs:
            try:
                frozen = self._freeze(name, wanted, change.branch)
            except FreezeError as error:
                errors.append(str(error))
                continue
            if reason := _not_wanted(frozen, change):
                why_not.append(f"{name}: {reason}")
            elif problem := _not_runnable(frozen):
                errors.append(f"{name}: {problem}")
            elif isinstance(frozen, str):
                continue
            else:
                jobs.append(frozen.job)
        return JobSelection(() if errors else tuple(jobs), (*why_not, *errors), tuple(errors))

    @property
    def branches(self) -> tuple[str, ...]:
        """The branches that the site names, and master."""
        return tuple(_named_branches(self.jobs, self._projects))

    @functools.cached_property
    def _trial_branches(self) -> TrialBranches:
        return TrialBranches(self.branches, (regex for regex, _ in self._branch_expressions()))

    def _branch_expressions(self) -> Iterator[tuple[Regex, tuple[str, Place]]]:
        sections = (section for found in self._projects.values() for section in found)
        said = [(one.path, one.section, one.section.branches) for one in self.definitions()]
        for path, section, branches in (*said, *((one.path, one.section, one.branches) for one in sections)):
            for number, regex in enumerate(branches):
                yield regex, (path, section.place("branches", number))

    def untried(self) -> Iterator[tuple[Regex, tuple[str, Place]]]:
        """Yield each expression for branches that fits no branch the jobs are tried on, and its file and place."""
        for regex, where in self._branch_expressions():
            if regex in self._trial_branches.unfitted:
                yield regex, where

    def projects_in(self, pipeline: str) -> tuple[TenantProject, ...]:
        """Return the projects that have jobs in a pipeline on some branch."""
        return tuple(
            project
            for project in self.tenant.projects
            if any(self._names(section, pipeline) for section in self._projects.get(project.canonical_name, ()))
        )

    def _names(self, section: ProjectDefinition, pipeline: str) -> bool:
        templates = (template for name in section.templates for template in self._templates.get(name, ()))
        return any(pipeline in one.pipelines for one in (section, *templates))

    def variables(self) -> Iterator[Mapping[str, Any]]:
        """Yield the variables of every definition: of jobs, of their lines in pipelines, of projects and templates."""
        sections = [*self._projects.values(), *self._templates.values()]
        for definitions in self.jobs.values():
            yield from (definition.section.vars for definition in definitions)
        for section in (one for found in sections for one in found):
            yield section.section.vars
            for lines in section.pipelines.values():
                yield from (line.section.vars for line in lines)

    def runs_jobs_for(self, project: TenantProject) -> bool:
        """Whether the site says anything of a project."""
        return project.canonical_name in self._projects

    def jobs_on(self, project: TenantProject, branch: str) -> Iterator[FrozenJob]:
        """Yield each job that a change of a project and branch may get, whatever its files are, once for a pipeline."""
        for pipeline in self.pipelines.values():
            wanted = self._project_pipeline(project, pipeline.name, branch)
            if wanted is None or not pipeline.hears_of(project.connection, branch):
                continue
            for name in wanted.jobs:
                try:
                    frozen = self._freeze(name, wanted, branch)
                except FreezeError:
                    continue  # it runs for no change of this branch
                if not isinstance(frozen, str) and _not_runnable(frozen) is None:
                    yield frozen.job

    def job_alone(self, name: str, branch: str) -> FrozenJob | None:
        """Return a job as its own definitions have it on a branch, whatever project asks for it; None if not there.

        Raises `FreezeError` when the definitions contradict each other.
        """
        alone = self._alone(name, branch)
        return alone.job if alone else None

    def trial_freeze(self) -> Iterator[tuple[str, JobDefinition]]:
        """Freeze every job of every project on branches that its expressions fit, and yield what goes wrong."""
        for wanted, branch in self._trial_pipelines():
            yield from self._trial(wanted, branch)

    def trial_variables(self) -> Iterator[tuple[FrozenJob, str, tuple[VariableSource, ...]]]:
        """Freeze, on branches that the site's expressions fit, the jobs of every project and each job alone.

        Yields a job, the branch, and what set its variables, the strongest first. Jobs that cannot run or be frozen
        are left out: `trial_freeze` has them.
        """
        drafts = [
            (self._tried(name, wanted, branch), branch, wanted.sources)
            for wanted, branch in self._trial_pipelines()
            for name in wanted.jobs
        ]
        drafts += [
            (self._tried(name, None, branch), branch, []) for name in self.jobs for branch in self._trial_branches.names
        ]
        for tried, branch, sources in drafts:
            if tried and not tried.abstract:
                own = [_source(definition) for definition in tried.applied]
                # what a project's pipeline says of the job is the strongest, then its definitions, then the project
                yield tried.job, branch, tuple(reversed([*sources, *own]))

    def _tried(self, name: str, wanted: _ProjectPipeline | None, branch: str) -> Draft | None:
        try:
            frozen = self._freeze(name, wanted, branch) if wanted else self._alone(name, branch)
        except FreezeError:
            return None
        return None if isinstance(frozen, str) else frozen

    def _trial_pipelines(self) -> Iterator[tuple[_ProjectPipeline, str]]:
        projects = {project.canonical_name: project for project in self.tenant.projects}
        for canonical_name in self._projects:
            for pipeline in self.pipelines:
                for branch in self._trial_branches.names:
                    if wanted := self._project_pipeline(projects[canonical_name], pipeline, branch):
                        yield wanted, branch

    def _alone(self, name: str, branch: str) -> Draft | None:
        definitions = collect(self.jobs, name, branch, self.tenant.default_parent)
        return draft(name, definitions, self.nodesets, self.tenant) if definitions else None

    def definitions(self) -> Iterator[JobDefinition]:
        """Yield every definition of a job, also those that stand within projects and templates."""
        for variants in self.jobs.values():
            yield from variants
        for sections in (*self._projects.values(), *self._templates.values()):
            for lines in (lines for section in sections for lines in section.pipelines.values()):
                yield from lines

    def frozen_jobs(self) -> Iterator[FrozenJob]:
        """Yield each job as it would run, for all projects, pipelines and branches that the site names."""
        for project in self.tenant.projects:
            for pipeline, branch in itertools.product(self.pipelines, self.branches):
                wanted = self._project_pipeline(project, pipeline, branch) or _ProjectPipeline()
                for name in wanted.jobs:
                    frozen = self._freeze(name, wanted, branch)
                    if not isinstance(frozen, str):
                        yield frozen.job

    def _trial(self, wanted: _ProjectPipeline, branch: str) -> Iterator[tuple[str, JobDefinition]]:
        for name, lines in wanted.jobs.items():
            try:
                frozen = self._freeze(name, wanted, branch)
            except FreezeError as error:
                yield str(error), error.definition
                continue
            if problem := _not_runnable(frozen):
                yield f"{name}: {problem}", lines[0]

    def _project_pipeline(self, project: TenantProject, pipeline: str, branch: str) -> _ProjectPipeline | None:
        wanted = _ProjectPipeline()
        for section in self._projects.get(project.canonical_name, ()):
            if not section.matches_branch(branch):
                continue
            for name in dict.fromkeys(section.templates):
                for template in self._templates.get(name, ()):
                    if pipeline in template.pipelines:
                        wanted.update(template.pipelines[pipeline])
                        wanted.add_variables(template)
            wanted.add_variables(section)
            if pipeline in section.pipelines:
                wanted.update(section.pipelines[pipeline])
        return wanted if wanted.present else None

    def _freeze(self, name: str, wanted: _ProjectPipeline, branch: str) -> Draft | str:
        """Return the frozen job, or why it is not for this branch."""
        definitions = collect(self.jobs, name, branch, self.tenant.default_parent)
        if not definitions:
            return f"no definition of it matches the branch {branch}"
        lines = [line for line in wanted.jobs[name] if line.matches_branch(branch)]
        frozen = draft(name, definitions, self.nodesets, self.tenant)
        frozen.job = replace(frozen.job, variables=deep_update(wanted.variables, frozen.job.variables))
        for line in lines:
            frozen.apply(line)
        # a caller may keep and change what it gets; the definitions stay
        frozen.job = replace(frozen.job, variables=copy.deepcopy(frozen.job.variables))
        return frozen if lines else f"the project's pipeline does not list it for the branch {branch}"


def _source(item: JobDefinition | ProjectDefinition) -> VariableSource:
    job = item.name if isinstance(item, JobDefinition) and not item.inline else ""
    return VariableSource(item.path, item.section.place(), item.section.marks.get("vars"), job)


def _not_wanted(frozen: Draft | str, change: Ref) -> str | None:
    return frozen if isinstance(frozen, str) else frozen.skipped_by_files(change.files)


def _not_runnable(frozen: Draft | str) -> str | None:
    if isinstance(frozen, str):
        return None
    if frozen.abstract:
        return "an abstract job cannot run itself, only its children can"
    if not frozen.job.run:
        return "the job has no `run` playbook"
    return None


def _by_project(sections: list[ProjectDefinition], tenant: Tenant) -> dict[str, list[ProjectDefinition]]:
    """Sort project sections by canonical name: those with the plain name first, then those by expression."""
    result: dict[str, list[ProjectDefinition]] = {}
    by_regex: dict[str, list[ProjectDefinition]] = {}
    for section in sections:
        if section.name.startswith("^"):
            by_regex.setdefault(section.name, []).append(section)
            continue
        for project in tenant.find(section.name)[:1]:
            result.setdefault(project.canonical_name, []).append(section)
    for pattern, matching in by_regex.items():
        if regex_problem(pattern) is None:
            for project in tenant.matching(Regex(pattern)):
                result.setdefault(project.canonical_name, []).extend(matching)
    return result


def _named_branches(jobs: dict[str, list[JobDefinition]], projects: dict[str, list[ProjectDefinition]]) -> list[str]:
    lines = [line for sections in projects.values() for s in sections for p in s.pipelines.values() for line in p]
    everything = [definition for variants in jobs.values() for definition in variants] + lines
    patterns = [regex.pattern for definition in everything for regex in definition.section.branches]
    patterns += [regex.pattern for sections in projects.values() for s in sections for regex in s.branches]
    plain = {pattern.strip("^$").replace("\\", "") for pattern in patterns}
    return sorted(
        {"master", *(name for name in plain if name.replace("/", "").replace("-", "").replace(".", "").isalnum())}
    )
