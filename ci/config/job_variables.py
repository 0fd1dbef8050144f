"""The variables of each job on a branch, parents, variants and projects applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.config.freeze import FreezeError, collect, draft
from ci.model.change import Branch

if TYPE_CHECKING:
    from ci.config.layout import Layout


def job_variables(layout: Layout, branch: str) -> dict[str, dict[str, Any]]:
    """Return the variables of each job that can run on a branch, as the first project that lists the job has them.

    A job that no project lists has its own.
    """
    found: dict[str, dict[str, Any]] = {}
    for project in layout.tenant.projects:
        for pipeline in layout.pipelines:
            about = Branch(project.connection, project.name, branch)
            for job in layout.select_jobs(pipeline, about).jobs:
                found.setdefault(job.name, job.variables)
    for name in layout.jobs:
        if name not in found and (definitions := collect(layout.jobs, name, branch, layout.tenant.default_parent)):
            try:
                own = draft(name, definitions, layout.nodesets, layout.tenant)
            except FreezeError:
                continue
            if not own.abstract:
                found[name] = own.job.variables
    return found
