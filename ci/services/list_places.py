"""Where each skip list is used: on which branches, as the repositories have them now, some job leaves out its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.config.list_variables import EXCLUDE_LISTS, paths_of
from ci.model.lockstep import Place

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from ci.config.layout import Layout
    from ci.config.tenant import TenantProject
    from ci.model.job import FrozenJob
    from ci.ports import ChangeHistory


def named_lists(layout: Layout) -> tuple[str, ...]:
    """Return the lists of tests to leave out that are named anywhere, whether a job runs with them or not."""
    return tuple(sorted({path for variables in layout.variables() for path in paths_of(variables.get(EXCLUDE_LISTS))}))


class ListPlaces:
    """One look at the repositories: each is fetched once, when it is first asked for."""

    def __init__(self, layout: Layout, history: ChangeHistory, interrupt: threading.Event) -> None:
        self._layout = layout
        self._history = history
        self._interrupt = interrupt
        self._branches: dict[TenantProject, Mapping[str, str]] = {}

    def find(self) -> dict[str, tuple[Place, ...]]:
        """Return where each list is used; raises as `ci.ports.ChangeHistory` when a repository cannot be read."""
        found: dict[str, dict[Place, None]] = {}
        for project in self._layout.tenant.projects:
            if not self._layout.runs_jobs_for(project):
                continue
            for branch in self._fetched(project):
                for job in self._layout.jobs_on(project, branch):
                    for path in paths_of(job.variables.get(EXCLUDE_LISTS)):
                        found.setdefault(path, {})[self._place(project, branch, job)] = None
        return {path: tuple(places) for path, places in found.items()}

    def _place(self, project: TenantProject, branch: str, job: FrozenJob) -> Place:
        required = (self._layout.tenant.find(one.name)[:1] for one in job.required_projects)
        all_projects = dict.fromkeys([project, *(one for found in required for one in found)])
        tips = tuple((one.connection, one.name, self._tip(one, branch)) for one in all_projects)
        return Place(project.connection, project.name, branch, tips)

    def _tip(self, project: TenantProject, branch: str) -> str:
        """Return the tip that is tested with a change of a branch: that of the same branch, or of the default one."""
        branches = self._fetched(project)
        if branch not in branches:
            branch = self._history.default_branch(project.connection, project.name)
        return branches[branch]

    def _fetched(self, project: TenantProject) -> Mapping[str, str]:
        if project not in self._branches:
            found = self._history.branches(project.connection, project.name, self._interrupt)
            self._branches[project] = dict(sorted(found.items()))
        return self._branches[project]
