"""Jobs, nodesets and projects as they stand in the site's files, before they are frozen for a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.config.reading import Reader, Section, described, suggestion
from ci.config.schema import (
    InlineNodeset,
    JobAttributes,
    JobSection,
    NodesetDefinition,
    ProjectPipelineSection,
    ProjectSection,
    ProjectTemplateSection,
    RequiredProjectDefinition,
)
from ci.config.yaml_marks import Mapping, Place
from ci.model.job import NodeGroup, NodeRequest, Nodeset, RequiredProject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.model.regex import Regex


LabelUse = tuple[str, Place, str]
"""Where a label is named, path and place, and its name."""


@dataclass(frozen=True, slots=True, eq=False)
class JobDefinition:
    """One definition of a job: a section of its own, or a line in a project's pipeline (`inline`).

    `nodeset` is a name, or the nodes themselves. `is_base` says `parent: null`.
    """

    name: str
    path: str
    section: JobAttributes
    nodeset: Nodeset | str | None = None
    required_projects: tuple[RequiredProject, ...] = ()
    semaphores: tuple[str, ...] = ()
    inline: bool = False

    @property
    def is_base(self) -> bool:
        return self.section.says("parent") and self.section.parent is None

    @property
    def place(self) -> str:
        """The place as people read it: `path:line`."""
        return f"{self.path}:{self.section.place()[0]}"

    def matches_branch(self, branch: str) -> bool:
        """Whether this definition applies on a branch: any of its expressions fits, or it has none."""
        if not self.section.says("branches"):
            return True
        return any(regex.match(branch) for regex in self.section.branches)


@dataclass(frozen=True, slots=True, eq=False)
class ProjectDefinition:
    """A project or project-template section: by pipeline name the job definitions of its list, in order."""

    name: str
    path: str
    section: ProjectTemplateSection
    marks: Mapping
    pipelines: dict[str, tuple[JobDefinition, ...]] = field(default_factory=dict)

    @property
    def branches(self) -> list[Regex]:
        return self.section.branches if isinstance(self.section, ProjectSection) else []

    @property
    def templates(self) -> list[str]:
        return self.section.templates if isinstance(self.section, ProjectSection) else []

    def matches_branch(self, branch: str) -> bool:
        """Whether this section applies on a branch."""
        return not self.branches or any(regex.match(branch) for regex in self.branches)


class JobReader:
    """Reads jobs, nodesets and projects of one document, and notes the labels that they name."""

    def __init__(self, reader: Reader, label_uses: list[LabelUse]) -> None:
        self._reader = reader
        self._label_uses = label_uses

    def nodeset(self, value: Any, place: Place) -> tuple[str, Nodeset] | None:
        """Read a nodeset that has a name; None when it has errors, which are then reported."""
        section = self._reader.read(NodesetDefinition, value, place)
        return (section.name, self._nodeset(section)) if section else None

    def job(self, value: Any, place: Place) -> JobDefinition | None:
        """Read a job's own section; None when it has errors, which are then reported."""
        section = self._reader.read(JobSection, value, place)
        return self._definition(section.name, section, inline=False) if section else None

    def project(self, kind: type[ProjectTemplateSection], value: Any, place: Place) -> ProjectDefinition | None:
        """Read a project or a project-template; None when it has errors, which are then reported."""
        if not isinstance(value, Mapping):
            self._reader.report(place, f"must be a mapping, not {described(value)}")
            return None
        own = kind.keys() | kind.zuul_keys
        section = self._reader.read(kind, value.subset(set(own)), place)
        pipelines = {
            name: tuple(self._job_list(item, value.value_places[name]))
            for name, item in value.items()
            if name not in own
        }
        return (
            ProjectDefinition(section.name, self._reader.document.path, section, value, pipelines) if section else None
        )

    def _job_list(self, value: Any, place: Place) -> Iterator[JobDefinition]:
        section = self._reader.read(ProjectPipelineSection, value, place)
        for index, item in enumerate(section.jobs if section else ()):
            definition = self._list_entry(item, section.place("jobs", index) if section else place)
            if definition:
                yield definition

    def _list_entry(self, item: Any, place: Place) -> JobDefinition | None:
        if isinstance(item, str):
            return self._definition(
                item, JobAttributes.model_validate(Mapping(place), context=self._reader), inline=True
            )
        if isinstance(item, Mapping) and len(item) == 1:
            name = next(iter(item))
            section = self._reader.read(JobAttributes, item[name], item.value_places[name])
            return self._definition(name, section, inline=True) if section else None
        self._reader.report(place, f"must be a job's name, or one name with attributes below it, not {described(item)}")
        return None

    def _definition(self, name: str, section: JobAttributes, *, inline: bool) -> JobDefinition:
        return JobDefinition(
            name=name,
            path=self._reader.document.path,
            section=section,
            nodeset=self._job_nodeset(section),
            required_projects=tuple(self._required(section)),
            semaphores=tuple(sorted(set(self._semaphores(section)))),
            inline=inline,
        )

    def _job_nodeset(self, section: JobAttributes) -> Nodeset | str | None:
        if not section.says("nodeset"):
            return None
        if isinstance(section.nodeset, str):
            return section.nodeset
        inline = self._reader.read(InlineNodeset, section.nodeset, section.place("nodeset"))
        return self._nodeset(inline) if inline else None

    def _required(self, section: JobAttributes) -> Iterator[RequiredProject]:
        for index, item in enumerate(section.required_projects):
            if isinstance(item, str):
                yield RequiredProject(item)
                continue
            place = section.place("required-projects", index)
            read = self._reader.read(RequiredProjectDefinition, item, place)
            if read:
                yield RequiredProject(read.name, read.override_checkout)

    def _semaphores(self, section: JobAttributes) -> Iterator[str]:
        for index, item in enumerate(section.semaphores):
            place = section.place("semaphores", index)
            if isinstance(item, str):
                yield item
            elif isinstance(item, Mapping) and set(item) == {"name"} and isinstance(item["name"], str):
                yield item["name"]
            else:
                self._reader.report(place, f"must be a semaphore's name, not {described(item)}")

    def _nodeset(self, section: InlineNodeset) -> Nodeset:
        names = [node.name for node in section.nodes]
        self._no_doubles("node", section.nodes, names)
        self._no_doubles("group", section.groups, [group.name for group in section.groups])
        for group in section.groups:
            for index, name in enumerate(group.nodes):
                if name not in names:
                    place = group.place("nodes", index)
                    self._reader.report(place, f"no node `{name}` in this nodeset", suggestion(name, names))
        for node in section.nodes:
            self._label_uses.append((self._reader.document.path, node.place("label"), node.label))
        return Nodeset(
            tuple(NodeRequest(node.name, node.label) for node in section.nodes),
            tuple(NodeGroup(group.name, tuple(group.nodes)) for group in section.groups),
        )

    def _no_doubles(self, kind: str, sections: list[Any], names: list[str]) -> None:
        for index, name in enumerate(names):
            section: Section = sections[index]
            if name in names[:index]:
                self._reader.report(section.place("name"), f"the {kind} `{name}` is there twice", "rename one of them")
            if name == "localhost":
                self._reader.report(section.place("name"), f"a {kind} must not be called localhost", "rename it")
