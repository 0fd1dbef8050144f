"""The site's Zuul-language files: which there are, and all that they define, in the order in which Zuul reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.config.jobs import JobDefinition, JobReader, LabelUse, ProjectDefinition
from ci.config.pipelines import PipelineReader
from ci.config.reading import Reader, described, suggestion
from ci.config.schema import ZUUL_SECTIONS, ProjectSection, ProjectTemplateSection, SemaphoreDefinition
from ci.config.yaml_marks import Document, Mapping, Place, Sequence
from ci.model.job import Nodeset
from ci.model.pipeline import Pipeline

if TYPE_CHECKING:
    from ci.errors import Finding

SECTIONS = frozenset({"pipeline", "job", "project", "project-template", "nodeset", "semaphore"})


@dataclass(slots=True)
class Language:
    """All definitions of the site; `origins` says where the named ones stand, for messages."""

    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    jobs: dict[str, list[JobDefinition]] = field(default_factory=dict)
    nodesets: dict[str, Nodeset] = field(default_factory=dict)
    semaphores: dict[str, int] = field(default_factory=dict)
    templates: dict[str, list[ProjectDefinition]] = field(default_factory=dict)
    projects: list[ProjectDefinition] = field(default_factory=list)
    label_uses: list[LabelUse] = field(default_factory=list)
    origins: dict[tuple[str, str], tuple[str, Place]] = field(default_factory=dict)


class LanguageReader:
    """Reads documents into one `Language`; what is wrong goes to `findings`."""

    def __init__(self, connections: frozenset[str], findings: list[Finding]) -> None:
        self.language = Language()
        self._connections = connections
        self._findings = findings

    def read(self, document: Document) -> None:
        """Read one file of the site."""
        reader = Reader(document, self._findings)
        self._findings.extend(document.findings)
        if document.root is None:
            return
        if not isinstance(document.root, Sequence):
            hint = "begin each section with a dash: - job:"
            reader.report(document.root_place, f"must be a list of sections, not {described(document.root)}", hint)
            return
        for item, place in zip(document.root, document.root.item_places, strict=True):
            self._section(reader, item, place)

    def _section(self, reader: Reader, item: Any, place: Place) -> None:
        if not isinstance(item, Mapping) or len(item) != 1:
            hint = "check the indentation" if isinstance(item, Mapping) else "for example: - job:"
            reader.report(place, "must be one section with one name", hint)
            return
        kind = next(iter(item))
        value, value_place = item[kind], item.value_places[kind]
        if kind in ZUUL_SECTIONS:
            message = f"`{kind}`: Zuul knows this section, but this engine does not run it"
            reader.report(item.key_places[kind], message, "remove it")
        elif kind not in SECTIONS:
            reader.report(item.key_places[kind], f"unknown section `{kind}`", suggestion(kind, SECTIONS))
        elif not isinstance(value, Mapping):
            reader.report(value_place, f"`{kind}` must be a mapping, not {described(value)}", "check the indentation")
        else:
            getattr(self, "_" + kind.replace("-", "_"))(reader, value, value_place)

    def _pipeline(self, reader: Reader, value: Mapping, place: Place) -> None:
        pipeline = PipelineReader(reader, self._connections).read(value, place)
        self._once(reader, "pipeline", value, place)
        if pipeline:
            self.language.pipelines[pipeline.name] = pipeline

    def _nodeset(self, reader: Reader, value: Mapping, place: Place) -> None:
        nodeset = JobReader(reader, self.language.label_uses).nodeset(value, place)
        self._once(reader, "nodeset", value, place)
        if nodeset:
            self.language.nodesets[nodeset[0]] = nodeset[1]

    def _semaphore(self, reader: Reader, value: Mapping, place: Place) -> None:
        semaphore = reader.read(SemaphoreDefinition, value, place)
        self._once(reader, "semaphore", value, place)
        if semaphore:
            self.language.semaphores[semaphore.name] = semaphore.max

    def _job(self, reader: Reader, value: Mapping, place: Place) -> None:
        job = JobReader(reader, self.language.label_uses).job(value, place)
        self._note(reader, "job", value, place)
        if job:
            self.language.jobs.setdefault(job.name, []).append(job)

    def _project(self, reader: Reader, value: Mapping, place: Place) -> None:
        project = JobReader(reader, self.language.label_uses).project(ProjectSection, value, place)
        if project:
            self.language.projects.append(project)

    def _project_template(self, reader: Reader, value: Mapping, place: Place) -> None:
        template = JobReader(reader, self.language.label_uses).project(ProjectTemplateSection, value, place)
        self._note(reader, "project-template", value, place)
        if template:
            self.language.templates.setdefault(template.name, []).append(template)

    def _note(self, reader: Reader, kind: str, value: Mapping, place: Place) -> None:
        # also a section with errors counts as defined: a second error for each use of it would only hide the first
        if isinstance(name := value.get("name"), str):
            self.language.origins.setdefault((kind, name), (reader.document.path, place))

    def _once(self, reader: Reader, kind: str, value: Mapping, place: Place) -> None:
        name = value.get("name")
        if isinstance(name, str) and (kind, name) in self.language.origins:
            path, first = self.language.origins[(kind, name)]
            where = value.value_places["name"]
            reader.report(where, f"the {kind} `{name}` is already defined at {path}:{first[0]}", "rename one of them")
        self._note(reader, kind, value, place)
