"""The tenant file: which projects of which connections belong to the site, and where its own files are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ci.config.reading import ListOf, Reader, Section, described, suggestion, words
from ci.config.yaml_marks import Mapping, Sequence
from ci.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as MappingType

    from ci.config.settings import GerritSettings
    from ci.config.yaml_marks import Document, Place
    from ci.errors import Finding
    from ci.model.regex import Regex


@dataclass(frozen=True, slots=True)
class TenantProject:
    """A project of the tenant; its canonical name is `host/name`."""

    connection: str
    name: str
    canonical_hostname: str

    @property
    def canonical_name(self) -> str:
        return f"{self.canonical_hostname}/{self.name}"


@dataclass(frozen=True, slots=True)
class Tenant:
    """The tenant that this CI serves.

    `config_project` is the site's own repository, whose files come from the site's folder; `config_paths` are the
    places in it, besides Zuul's usual ones, that hold job language; `config_branch` is the branch that these files are
    on, None for its default one. Times in seconds, None for no limit.
    """

    name: str
    projects: tuple[TenantProject, ...] = ()
    config_project: TenantProject | None = None
    config_paths: tuple[str, ...] = ()
    config_branch: str | None = None
    default_parent: str = "base"
    max_job_timeout_seconds: int | None = 10800

    def find(self, name: str) -> tuple[TenantProject, ...]:
        """Return the projects that a name means: one for a canonical name, one for each connection for a short one."""
        return tuple(project for project in self.projects if name in {project.name, project.canonical_name})

    def matching(self, regex: Regex) -> tuple[TenantProject, ...]:
        """Return the projects whose short or canonical name a regular expression matches wholly."""
        return tuple(
            project
            for project in self.projects
            if regex.fullmatch(project.name) or regex.fullmatch(project.canonical_name)
        )

    def project(self, connection: str, name: str) -> TenantProject | None:
        """Return a project of one connection."""
        for project in self.projects:
            if (project.connection, project.name) == (connection, name):
                return project
        return None


class TenantSection(Section):
    """The tenant's own keys."""

    zuul_keys: ClassVar[frozenset[str]] = words(
        "access-rules admin-rules allow-circular-dependencies allowed-labels allowed-oidc-issuers allowed-reporters "
        "allowed-triggers anonymous-read-access authentication-realm default-ansible-version disallowed-labels "
        "exclude-locked-branches exclude-unprotected-branches max-changes-per-pipeline max-dependencies "
        "max-nodes-per-job max-oidc-ttl report-build-page role-mappings semaphores web-root"
    )

    name: str
    max_job_timeout: int = Field(default=10800, ge=-1)
    default_parent: str = "base"
    use_nodepool: bool = True
    source: dict[str, Any]


class SourceSection(Section):
    """The projects of one connection."""

    config_projects: ListOf[Any] = Field(default_factory=list)
    untrusted_projects: ListOf[Any] = Field(default_factory=list)


class ConfigProjectOptions(Section):
    """What may be said about the site's own repository."""

    zuul_keys: ClassVar[frozenset[str]] = words(
        "allow-base-jobs allow-circular-dependencies always-dynamic-branches exclude exclude-branches "
        "exclude-locked-branches exclude-unprotected-branches implied-branch-matchers include include-branches "
        "include-provider-config shadow"
    )

    extra_config_paths: ListOf[str] = Field(default_factory=list)
    load_branch: str | None = None


class UntrustedProjectOptions(Section):
    """What may be said about a repository under test."""

    zuul_keys: ClassVar[frozenset[str]] = (ConfigProjectOptions.zuul_keys - {"include"}) | {
        "allow-reporter-jobs",
        "configure-projects",
        "extra-config-paths",
        "load-branch",
    }

    include: list[str]


# What all that deals with a project can take: the path of its mirror, a query of its Gerrit.
_NAME_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+@~-]*"
_NAME = re.compile(f"{_NAME_PART}(/{_NAME_PART})*")
_LONGEST_NAME = 200
_NO_INCLUDE = "the jobs come from the site alone: write `include: []` below the project's name"


class TenantReader:
    """Reads the tenant file."""

    def __init__(self, document: Document, gerrits: MappingType[str, GerritSettings], findings: list[Finding]) -> None:
        self._reader = Reader(document, findings)
        self._document = document
        self._gerrits = gerrits
        self._config: list[tuple[TenantProject, ConfigProjectOptions | None]] = []
        self._projects: list[TenantProject] = []

    def read(self) -> Tenant | None:
        """Return the tenant; None when the file is too broken for that. Errors go to the findings."""
        self._reader.findings.extend(self._document.findings)
        section = self._section()
        if section is None:
            return None
        for connection, value, place in self._sources(section):
            source = self._reader.read(SourceSection, value, place)
            if source:
                self._source(connection, source)
        project, options = self._config[0] if self._config else (None, None)
        return Tenant(
            name=section.name,
            projects=tuple(self._projects),
            config_project=project,
            config_paths=tuple(options.extra_config_paths) if options else (),
            config_branch=options.load_branch if options else None,
            default_parent=section.default_parent,
            max_job_timeout_seconds=None if section.max_job_timeout == -1 else section.max_job_timeout,
        )

    def _section(self) -> TenantSection | None:
        root = self._document.root
        if not isinstance(root, Sequence) or len(root) != 1 or not isinstance(root[0], Mapping):
            if not self._document.findings:
                self._reader.report(self._document.root_place, "must be a list of one tenant", "begin it: - tenant:")
            return None
        item: Mapping = root[0]
        for key in item:
            if key != "tenant":
                hint = "this engine serves one tenant and reads nothing else here: remove it"
                self._reader.report(item.key_places[key], f"unknown section `{key}`", hint)
        if "tenant" not in item:
            return None
        return self._reader.read(TenantSection, item["tenant"], item.value_places["tenant"])

    def _sources(self, section: TenantSection) -> Iterator[tuple[str, Any, Place]]:
        mapping: Mapping = section.marks["source"]
        for connection, value in mapping.items():
            if connection in self._gerrits:
                yield connection, value, mapping.value_places[connection]
            else:
                hint = suggestion(connection, self._gerrits)
                message = f"no Gerrit connection `{connection}` in zuul.conf"
                self._reader.report(mapping.key_places[connection], message, hint)

    def _source(self, connection: str, source: SourceSection) -> None:
        for index, item in enumerate(source.config_projects):
            place = source.place("config-projects", index)
            entry = self._entry(connection, item, place)
            if entry is None:
                continue
            project, options, options_place = entry
            read = None
            if options is not None:
                read = self._reader.read(ConfigProjectOptions, options, options_place)
            if self._config:
                hint = "the site's own repository is the only config project of this engine"
                self._reader.report(place, f"a second config project: {project.name}", hint)
            self._config.append((project, read))
        for index, item in enumerate(source.untrusted_projects):
            place = source.place("untrusted-projects", index)
            entry = self._entry(connection, item, place)
            if entry is None:
                continue
            _, options, options_place = entry
            if options is None:
                self._reader.report(place, "job definitions inside a project under test are not read", _NO_INCLUDE)
                continue
            read_options = self._reader.read(UntrustedProjectOptions, options, options_place)
            if read_options and read_options.include:
                where = read_options.place("include")
                self._reader.report(where, "job definitions inside a project under test are not read", _NO_INCLUDE)

    def _entry(self, connection: str, item: Any, place: Place) -> tuple[TenantProject, Any, Place] | None:
        name, options, options_place = item, None, place
        if isinstance(item, Mapping) and len(item) == 1:
            name = next(iter(item))
            options, options_place = item[name], item.value_places[name]
        if not isinstance(name, str):
            self._reader.report(place, f"must be a project's name, not {described(item)}")
            return None
        if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
            hint = "letters, digits and _ . + @ ~ - /, and each part begins with a letter, a digit or _"
            self._reader.report(place, f"not a project name: {printable(name[:60])!r}", hint)
            return None
        project = TenantProject(connection, name, self._gerrits[connection].canonical_hostname)
        twin = next((other for other in self._projects if other.canonical_name == project.canonical_name), None)
        if twin == project:
            self._reader.report(place, f"the project {name} is there twice", "remove one of them")
        elif twin:
            message = f"the project {name} of {connection} has the same canonical name as that of {twin.connection}"
            self._reader.report(place, message, f"set canonical_hostname in [connection {connection}]")
        else:
            self._projects.append(project)
        return project, options, options_place
