"""What a build's process is given: the spec, and the source that it tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.model.build import BuildSpec
from ci.services.zuul_variables import Run, zuul_variables

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from ci.model.build import Build
    from ci.model.change import Ref
    from ci.model.node import Node
    from ci.ports import SourcePreparer
    from ci.services.folders import Folders


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """What of the site every build needs: the folder that playbooks lie in, the key for nodes, the tenant, limits."""

    folder: Path
    node_private_key: Path
    tenant: str
    disk_limit_mib: int = 2048
    memory_limit_mib: int = 2048


class BuildPreparation:
    """Makes specs, for builds of the service and for those of an operator alike."""

    def __init__(self, site: SiteFiles, sources: SourcePreparer, folders: Folders) -> None:
        self._site = site
        self._sources = sources
        self._folders = folders

    def spec(self, build: Build, change: Ref, pipeline: str, nodes: Sequence[Node] = ()) -> BuildSpec:
        """Return what tells an attempt from others: enough for all but its start."""
        return BuildSpec(
            build_id=build.id,
            attempt=build.attempt,
            folder=str(self._folders.build(build)),
            log_folder=str(self._folders.build_logs(build, change, pipeline)),
            site=str(self._folders.site(build.site) if build.site else self._site.folder),
            job=build.job,
            nodes=tuple(nodes),
            private_key=str(self._site.node_private_key),
            uncharged=build.uncharged,
            disk_limit_mib=self._site.disk_limit_mib,
            memory_limit_mib=self._site.memory_limit_mib,
        )

    def variables(
        self, build: Build, change: Ref, pipeline: str, interrupt: threading.Event | None = None
    ) -> dict[str, object]:
        """Prepare the source, and return the `zuul` variables that tell of it; raises what the port does."""
        folder = self._folders.build(build) / "work" / "src"
        required = tuple(project.name for project in build.job.required_projects)
        projects = self._sources.prepare(change, required, folder, buildset_id=build.buildset_id, interrupt=interrupt)
        return zuul_variables(Run(build, change, pipeline, self._site.tenant), projects)
