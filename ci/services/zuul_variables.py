"""The `zuul` variable that playbooks see, as Zuul documents it (docs: Job Content, Zuul Variables): pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.model.build import Build
from ci.model.change import Change, Ref

if TYPE_CHECKING:
    from ci.model.build import PreparedProject


@dataclass(frozen=True, slots=True)
class Run:
    """What one attempt at a build runs for."""

    build: Build
    change: Ref
    pipeline: str
    tenant: str


def zuul_variables(run: Run, projects: tuple[PreparedProject, ...]) -> dict[str, Any]:
    """Return `zuul.*` for one attempt, but for `zuul.executor`; the change's own project comes first in `projects`.

    For a branch there is no `zuul.change`, nor what else only a change has.
    """
    change, build = run.change, run.build
    item = _item(change, projects[0])
    before = [_item(one, _source_of(one, projects)) for one in change.dependencies]
    message = {}
    if isinstance(change, Change):
        message["message"] = base64.b64encode(change.message.encode()).decode()
    return (
        item
        | message
        | {
            "build": build.id,
            "buildset": build.buildset_id,
            "ref": change.ref,
            "pipeline": run.pipeline,
            "tenant": run.tenant,
            "job": build.job.name,
            "voting": build.job.voting,
            "attempt": build.attempt,
            "max_attempts": build.job.attempts,
            "timeout": build.job.timeout_seconds,
            "post_timeout": build.job.post_timeout_seconds,
            "override_checkout": None,
            "commit_id": change.revision if isinstance(change, Change) else projects[0].commit,
            "projects": {project.canonical_name: _project(project) for project in projects},
            "items": [*before, item],
            "artifacts": [],
            "child_jobs": [],
            "playbook_context": {},
        }
    )


def _item(change: Ref, source: PreparedProject) -> dict[str, Any]:
    project = _project(source)
    names = ("name", "short_name", "canonical_hostname", "canonical_name", "src_dir")
    item = {"project": {key: project[key] for key in names}, "branch": change.branch}
    return item | _of_change(change) if isinstance(change, Change) else item


def _source_of(change: Change, projects: tuple[PreparedProject, ...]) -> PreparedProject:
    return next(one for one in projects if (one.connection, one.name) == (change.connection, change.project))


def _of_change(change: Change) -> dict[str, Any]:
    return {
        "change": str(change.number),
        "patchset": str(change.patchset),
        "change_url": change.url,
        "topic": change.topic,
    }


def _project(project: PreparedProject) -> dict[str, Any]:
    return {
        "name": project.name,
        "short_name": project.name.rsplit("/", 1)[-1],
        "canonical_hostname": project.canonical_hostname,
        "canonical_name": project.canonical_name,
        "src_dir": f"src/{project.canonical_name}",
        "required": project.required,
        "checkout": project.checkout,
        "checkout_description": "zuul branch",
        "commit": project.commit,
    }
