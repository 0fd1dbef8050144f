"""The site: all its files read and checked as one."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.config.ini_marks import load_ini
from ci.config.language import LanguageReader
from ci.config.layout import Layout
from ci.config.nodepool import NodepoolReader
from ci.config.playbooks import yaml_problems
from ci.config.references import ReferenceCheck
from ci.config.settings import GerritSettings, Settings, SettingsReader, moved, named_gerrits
from ci.config.tenant import Tenant, TenantReader
from ci.config.without_effect import warn_of_language, warn_of_nodepool
from ci.config.yaml_marks import MAX_BYTES, Document, load_yaml
from ci.errors import Finding, SiteError
from ci.model.node import Node
from ci.model.site import SiteSource

if TYPE_CHECKING:
    from collections.abc import Iterator


CONFIG_NAME = "zuul.conf"
VARIABLES_SCHEMA = "jobs/variables.schema.json"
# Where Zuul looks in a config project, besides the paths that the tenant file adds.
_USUAL_PATHS = ("zuul.yaml", "zuul.d", ".zuul.yaml", ".zuul.d")
_LEADS_OUT = ("leads out of the site", "keep the file itself in the site's folder")


@dataclass(frozen=True, slots=True)
class Site:
    """A site without errors; `files` are those that were read, `warnings` what a person should know."""

    folder: Path
    settings: Settings
    layout: Layout
    nodes: tuple[Node, ...]
    files: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()


def load_site(folder: Path, config_file: Path | None = None) -> Site:
    """Read and check all files of a site; raises `SiteError` with every error of every file.

    `config_file` stands for `zuul.conf` in the folder.
    """
    return _SiteLoader(folder, config_file).load()


def load_other_state(site: Site, folder: Path, commit: str = "") -> Site:
    """Read another state of a site, which lies in `folder`; the settings stay those of `site`. Raises `SiteError`."""
    return _SiteLoader(folder, None, moved(site.settings, site.folder, folder), commit).load()


class _SiteLoader:
    def __init__(
        self, folder: Path, config_file: Path | None, settings: Settings | None = None, commit: str = ""
    ) -> None:
        """`settings` are given where `zuul.conf` is not to be read."""
        self._folder = folder
        self._config_file = config_file or folder / CONFIG_NAME
        self._given_settings = settings
        self._commit = commit
        self._findings: list[Finding] = []
        self._warnings: list[Finding] = []
        self._files: list[str] = []
        self._named_gerrits: dict[str, GerritSettings] = {}
        self._is_from_gerrit = bool(commit)

    def load(self) -> Site:
        if not self._folder.is_dir():
            raise SiteError([Finding(str(self._folder), 0, 0, "is not a folder", "name the site by --site")])
        settings = self._given_settings or self._settings()
        self._check_node_script(settings)
        self._is_from_gerrit |= settings is not None and settings.site_source is SiteSource.GERRIT
        if self._commit and self._leads_out(self._folder / CONFIG_NAME):
            self._findings.append(Finding(CONFIG_NAME, 0, 0, *_LEADS_OUT))
        # with broken settings the other files are still read, as far as the defaults lead to them
        known = settings or Settings(
            tenant_config=self._folder / "jobs/tenant.yaml",
            nodepool_config=self._folder / "nodepool/nodepool.yaml",
            gerrits=self._named_gerrits,
        )
        nodepool = self._nodepool(known)
        tenant = self._tenant(known) if known.gerrits else None
        if tenant and not self._findings and _lacks_repository(tenant, known):
            where, hint = self._label(known.tenant_config), "name the repository of these files below config-projects"
            self._findings.append(Finding(where, 0, 0, "site_source=gerrit, and there is no config project", hint))
        language = self._language(known, tenant) if tenant else None
        layout = None
        if language and tenant:
            checks = ReferenceCheck(self._folder, language.language, tenant, nodepool[1])
            self._findings.extend(checks.run())
            layout = Layout(language.language, tenant, self._commit)
            if not self._findings:
                self._freeze_all(layout)
                self._check_variables(layout, known.job_variables_schema)
        self._findings.extend(yaml_problems(self._folder))
        if self._findings or settings is None or layout is None:
            raise SiteError(list(dict.fromkeys(self._findings)))
        if self._given_settings is None:
            self._look_around(settings)
        return Site(self._folder, settings, layout, nodepool[0], tuple(self._files), tuple(self._warnings))

    def _settings(self) -> Settings | None:
        content = self._content(self._config_file, "copy the one that is shipped, or name another by --config")
        if content is None:
            return None
        path = self._label(self._config_file)
        before = len(self._findings)
        sections = load_ini(path, content, self._findings)
        if len(self._findings) > before and not sections:
            return None
        self._named_gerrits = named_gerrits(sections)
        return SettingsReader(path, self._config_file.parent, self._findings).read(sections)

    def _check_node_script(self, settings: Settings | None) -> None:
        if settings and settings.node_check and not _is_file(settings.node_check):
            message = f"node_check: no file {settings.node_check}"
            hint = "it is a script of the site, for a POSIX shell"
            self._findings.append(Finding(self._label(self._config_file), 0, 0, message, hint))

    def _nodepool(self, settings: Settings) -> tuple[tuple[Node, ...], frozenset[str]]:
        document = self._document(settings.nodepool_config, "list the nodes there")
        if document is None:
            return (), frozenset()
        self._warnings.extend(warn_of_nodepool(document))
        reader = NodepoolReader(document, self._findings, self._warnings)
        return reader.read(), reader.labels

    def _tenant(self, settings: Settings) -> Tenant | None:
        document = self._document(settings.tenant_config, "list the projects there")
        return TenantReader(document, settings.gerrits, self._findings).read() if document else None

    def _language(self, settings: Settings, tenant: Tenant) -> LanguageReader | None:
        reader = LanguageReader(frozenset(settings.gerrits), self._findings)
        paths = list(self._language_files(tenant))
        if not paths and not self._findings:
            where = self._label(settings.tenant_config)
            hint = "for example: extra-config-paths: [jobs/zuul.d/] below the site's own project"
            self._findings.append(Finding(where, 0, 0, "leads to no files with jobs", hint))
        for path in paths:
            document = self._document(path, "")
            if document:
                reader.read(document)
                self._warnings.extend(warn_of_language(document))
        return reader

    def _language_files(self, tenant: Tenant) -> Iterator[Path]:
        seen: set[Path] = set()
        for name in (*_USUAL_PATHS, *tenant.config_paths):
            target = self._folder / name.strip("/")
            found = sorted(target.rglob("*.yaml")) if target.is_dir() else [target] if target.is_file() else []
            ignored = [marker.parent for marker in target.rglob(".zuul.ignore")] if target.is_dir() else []
            if not found and name not in _USUAL_PATHS:
                self._findings.append(Finding(name, 0, 0, "is named in the tenant file, but holds no *.yaml file"))
            for path in found:
                if path in seen or any(path.is_relative_to(folder) for folder in ignored):
                    continue
                seen.add(path)
                if self._leads_out(path):
                    self._findings.append(Finding(self._label(path), 0, 0, *_LEADS_OUT))
                else:
                    yield path

    def _leads_out(self, path: Path) -> bool:
        """Whether a file of the site's folder leads elsewhere by a link; one that lies elsewhere is the operator's."""
        real_folder = os.path.realpath(self._folder)
        return path.is_relative_to(self._folder) and not Path(os.path.realpath(path)).is_relative_to(real_folder)

    def _freeze_all(self, layout: Layout) -> None:
        for message, job in layout.trial_freeze():
            self._findings.append(Finding(job.path, *job.section.place(), message))
        for regex, (path, place) in layout.untried():
            message = f"no name of a branch is found that fits `{regex}`: what is said for it is not checked"
            self._warnings.append(Finding(path, *place, message, "correct it, or write it more simply"))

    def _check_variables(self, layout: Layout, named: Path | None) -> None:
        path = named or self._folder / VARIABLES_SCHEMA
        if named is None and not path.exists():
            return
        content = self._content(path, "name the schema of the job variables, or remove the setting")
        if content is not None:
            from ci.config.variables import VariableSchema  # noqa: PLC0415 - its library takes long to import

            schema = VariableSchema(self._label(path), content, self._findings, self._folder)
            self._findings.extend(schema.check(layout))

    def _look_around(self, settings: Settings) -> None:
        """Warn of files that the service will need and that are not here; they may be on another machine."""
        path = self._label(self._config_file)
        if settings.port == 0 and not settings.root_url:
            self._warnings.append(
                Finding(path, 0, 0, "port=0: `serve` needs root_url too, or comments link to nowhere")
            )
        keys = {gerrit.sshkey: f"sshkey of {gerrit.name}" for gerrit in settings.gerrits.values()}
        needed = {**keys, settings.known_hosts: "known_hosts"}
        if settings.node_private_key:
            needed[settings.node_private_key] = "node_private_key"
        for file, what in needed.items():
            if not _is_file(file):
                self._warnings.append(Finding(path, 0, 0, f"{what}: no file {file} on this machine"))
            elif file != settings.known_hosts and stat.S_IMODE(file.stat().st_mode) & 0o077:
                self._warnings.append(
                    Finding(path, 0, 0, f"{what}: others may read {file}: ssh refuses it", "chmod 600")
                )

    def _document(self, path: Path, hint: str) -> Document | None:
        content = self._content(path, hint)
        return load_yaml(self._label(path), content) if content is not None else None

    def _content(self, path: Path, hint: str) -> bytes | None:
        # what is reviewed is the link, and not what it leads to on this machine
        if self._is_from_gerrit and self._leads_out(path):
            self._findings.append(Finding(self._label(path), 0, 0, *_LEADS_OUT))
            return None
        try:
            if path.exists() and not path.is_file():
                self._findings.append(Finding(self._label(path), 0, 0, "is not a file", hint))
                return None
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "cannot be read").lower()
            self._findings.append(Finding(self._label(path), 0, 0, reason, hint))
            return None
        if len(content) > MAX_BYTES:
            self._findings.append(Finding(self._label(path), 0, 0, f"is larger than {MAX_BYTES} bytes", "split it"))
            return None
        self._files.append(self._label(path))
        return content

    def _label(self, path: Path) -> str:
        try:
            return str(path.relative_to(self._folder))
        except ValueError:
            return str(path)


def _lacks_repository(tenant: Tenant, settings: Settings) -> bool:
    return settings.site_source is SiteSource.GERRIT and tenant.config_project is None


def _is_file(path: Path) -> bool:
    """Whether there is a file; False also where we may not look, such as in the folder of the service's account."""
    try:
        return path.is_file()
    except OSError:
        return False
