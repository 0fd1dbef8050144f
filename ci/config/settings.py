"""Settings: the Gerrit connections and the CI's own section of `zuul.conf`."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ci.config.reading import suggestion
from ci.errors import Finding
from ci.model.lockstep import LockstepMode
from ci.model.policy import InfraFailure, InfraPolicy
from ci.model.site import SiteSource

if TYPE_CHECKING:
    from enum import StrEnum

    from ci.config.ini_marks import IniSection

# ruff: noqa: RUF009 - setting() is a dataclass field

OWN_SECTION = "powervm-ci"
_COUNT_LIMIT = 1 << 31
_PORT_MAX = 65535
CONNECTION_PREFIX = "connection "
_IDENTITY = {"git_user_name": r"[^<>]*\w[^<>]*", "git_user_email": r"[^\s<>@]+@[^\s<>@]+"}
# Keys of Zuul's gerrit connections that have no effect here; the file may be shared with a Zuul cluster.
IGNORED_CONNECTION_KEYS = frozenset({"auth_type", "git_over_ssh", "gitweb_url_template", "replication_delay"})
REFUSED_CONNECTION_KEYS = {
    "kafka_": "events come from the ssh stream alone",
    "aws_kinesis_": "events come from the ssh stream alone",
    "gcloud_pubsub_": "events come from the ssh stream alone",
    "stream_events": "events come from the ssh stream alone: remove the key",
}


def setting(
    description: str, *, default: Any = dataclasses.MISSING, secret: bool = False, written: str | None = None
) -> Any:
    """Declare a setting with the text that describes it; one without a default must be given.

    `written` is how its key is told to people, where that is not its name here.
    """
    metadata = {"description": description} | ({"written": written} if written else {})
    if default is dataclasses.MISSING:
        return field(metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class GerritSettings:
    """One `[connection NAME]` of the driver gerrit; the keys are Zuul's own."""

    name: str
    known_hosts: Path
    server: str = setting("host name of the Gerrit server")
    user: str = setting("account to log in with; its own events start nothing")
    sshkey: Path = setting("private key of that account")
    port: int = setting("ssh port", default=29418)
    ssh_server: str = setting("host name for ssh, when it is another one (default: server)", default="")
    canonical_hostname: str = setting("host in the canonical names of the projects (default: server)", default="")
    baseurl: str = setting("address of the web interface (default: https://SERVER)", default="")
    keepalive: int = setting(
        "seconds of silence after which the ssh link is probed; never more than 5 here", default=60
    )
    password: str | None = setting("HTTP password of the account, for the REST interface", default=None, secret=True)
    verify_ssl: bool = setting("whether the certificate of baseurl is checked", default=True)
    max_dependencies: int = setting(
        "how many open changes a change of this Gerrit may depend on; one with more is not tested", default=100
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The section `[powervm-ci]`, and the connections; relative paths are meant from the folder of the file."""

    name: str = setting("name of this CI in comments", default="Third-Party CI")
    ci_page_url: str | None = setting("page about this CI; every comment links it", default=None)
    root_url: str | None = setting("public address of the web pages, for links (default: listen address)", default=None)
    listen_address: str = setting("address that the web pages listen on", default="127.0.0.1")
    port: int = setting("port that the web pages listen on; 0 for any free one", default=8080)
    state_dir: Path = setting("database, logs, git mirrors, build folders", default=Path("/var/lib/powervm-ci"))
    known_hosts: Path = setting("known_hosts file with the Gerrit servers", default=Path("~/.ssh/known_hosts"))
    node_private_key: Path | None = setting(
        "private key for the nodes (default: private_key_file of [executor])", default=None
    )
    node_min_free_mib: int = setting(
        "MiB that must be free on a node's `/` and home before a build; 0 for no such check", default=1024
    )
    node_check: Path | None = setting(
        "shell script that a node runs before a build: status 0 is fine, else its last line says why not", default=None
    )
    tenant_config: Path = setting("tenant file (default: that of [scheduler])", default=Path("jobs/tenant.yaml"))
    nodepool_config: Path = setting("nodepool's file", default=Path("nodepool/nodepool.yaml"))
    site_source: SiteSource = setting(
        "`folder`: the files beside this one count, as they are at the start; `gerrit`: what is merged in the tenant's "
        "config project counts, taken over without a restart",
        default=SiteSource.FOLDER,
    )
    job_variables_schema: Path | None = setting(
        "JSON Schema that the variables of every job must fit (default: jobs/variables.schema.json, where it is there)",
        default=None,
    )
    first_look_back_seconds: int = setting(
        "how far back the very first start acts on what happened in Gerrit; 0 for not at all", default=0
    )
    build_disk_limit_mib: int = setting(
        "MiB that a build may write here, logs included; one that writes more is ended", default=2048
    )
    build_memory_limit_mib: int = setting("MiB of memory for each process of a build here", default=2048)
    log_days: int = setting("days for which logs are kept; 0 for ever", default=30)
    history_days: int = setting(
        "days for which builds, votes and figures of tests stay in the database, at least log_days; 0 for ever",
        default=365,
    )
    min_free_mib: int = setting(
        "MiB that must be free in the state folder for a build to be taken, and for git to write there; 0 for any",
        default=2048,
    )
    recheck_comment: str = setting("comment that runs the jobs again, as comments tell it", default="recheck")
    infra_failure: InfraFailure = setting(
        "what follows when the CI failed and not the patch: `retry` later, `comment` without a vote, or `vote`",
        default=InfraFailure.RETRY, written="infra-failure",
    )  # fmt: skip
    infra_retry_delay: int = setting("seconds until the first of these retries; each later one waits 4 times as long",
                                     default=300)  # fmt: skip
    infra_retries: int = setting("how many of these retries a build gets before the comment", default=3)
    lockstep: LockstepMode = setting(
        "when the change has merged that a block of a skip list waits for: `push` its removal for review, `warn`, "
        "or `off`",
        default=LockstepMode.PUSH,
    )
    git_user_name: str | None = setting(
        "author of these removals (default: that of [merger], or else name)", default=None
    )
    git_user_email: str | None = setting(
        "its address (default: that of [merger], or else the one that Gerrit knows of the account)", default=None
    )
    gerrits: Mapping[str, GerritSettings] = field(default_factory=dict)

    @property
    def infra_policy(self) -> InfraPolicy:
        """What is done when the hardware or the CI failed."""
        return InfraPolicy(self.infra_failure, float(self.infra_retry_delay), self.infra_retries)

    @property
    def public_url(self) -> str:
        """The address that links in comments begin with, without a slash at the end."""
        return (self.root_url or f"http://{self.listen_address}:{self.port}").rstrip("/")


def moved(settings: Settings, old: Path, new: Path) -> Settings:
    """Return the settings for a site whose files lie elsewhere: the paths into its old folder lead into the new one."""
    folder = Path(os.path.abspath(old))  # noqa: PTH100 - links stay as they are
    changed: dict[str, Any] = {}
    for key in ("tenant_config", "nodepool_config", "job_variables_schema", "node_check"):
        path = getattr(settings, key)
        absolute = Path(os.path.abspath(path)) if path else None  # noqa: PTH100
        if absolute and absolute.is_relative_to(folder):
            changed[key] = new / absolute.relative_to(folder)
    return dataclasses.replace(settings, **changed)


def documented_settings(kind: type[Settings | GerritSettings]) -> dict[str, str]:
    """Return the description of each setting that can be written in the file."""
    return {
        item.metadata.get("written", item.name): item.metadata["description"]
        for item in dataclasses.fields(kind)
        if item.metadata
    }


def named_gerrits(sections: Mapping[str, IniSection]) -> dict[str, GerritSettings]:
    """Return the connections as far as they are named: enough to read the other files of a site with errors."""
    gerrits = {}
    for title, section in sections.items():
        if title.startswith(CONNECTION_PREFIX):
            name, server = title.removeprefix(CONNECTION_PREFIX).strip(), section.values.get("server") or "unknown"
            host = section.values.get("canonical_hostname") or server
            gerrits[name] = GerritSettings(
                name=name, known_hosts=Path(), server=server, user="", sshkey=Path(), canonical_hostname=host
            )
    return gerrits


class SettingsReader:
    """Reads settings out of the sections of an INI file; `folder` is where relative paths start."""

    def __init__(self, path: str, folder: Path, findings: list[Finding]) -> None:
        self._path, self._folder, self._findings = path, folder, findings

    def read(self, sections: Mapping[str, IniSection]) -> Settings | None:
        """Return the settings; None when there are errors, which are then reported."""
        before = len(self._findings)
        values = self._own(sections)
        known_hosts = values.get("known_hosts", self._resolved(Path("~/.ssh/known_hosts")))
        gerrits: dict[str, GerritSettings] = {}
        for title, section in sections.items():
            self._check_title(title, section)
            if title.startswith(CONNECTION_PREFIX):
                read = self._connection(section, known_hosts)
                if read:
                    gerrits[read.name] = read
        if not gerrits and len(self._findings) == before:
            self._report((0, 0), "no Gerrit connection", "add a section such as [connection opendev]")
        if len(self._findings) > before:
            return None
        return Settings(**values, gerrits=gerrits)

    def _check_title(self, title: str, section: IniSection) -> None:
        """Refuse what was surely meant to be one of our sections; the others are Zuul's."""
        near = re.sub(r"[^a-z]", "", title.lower())
        if title != OWN_SECTION and near == re.sub(r"[^a-z]", "", OWN_SECTION):
            self._report(section.place, f"unknown section [{title}]", f"did you mean [{OWN_SECTION}]?")
        elif near.startswith("connection") and not re.fullmatch(r"connection [A-Za-z0-9][A-Za-z0-9._-]*", title):
            self._report(section.place, f"[{title}] names no connection", "write [connection NAME], with one space")

    def _own(self, sections: Mapping[str, IniSection]) -> dict[str, Any]:
        own = sections.get(OWN_SECTION)
        values = self._fields(Settings, own, documented_settings(Settings)) if own else {}
        for option, section_name, key in (
            ("node_private_key", "executor", "private_key_file"),
            ("tenant_config", "scheduler", "tenant_config"),
            ("git_user_name", "merger", "git_user_name"),
            ("git_user_email", "merger", "git_user_email"),
        ):
            zuul = sections.get(section_name)
            if option not in values and zuul and zuul.values.get(key):
                values[option] = zuul.values[key] if section_name == "merger" else Path(zuul.values[key])
        for item in dataclasses.fields(Settings):
            value = values.get(item.name, item.default)
            if isinstance(value, Path):
                values[item.name] = self._resolved(value)
        for key in ("root_url", "ci_page_url"):
            if own and key in values:
                self._check_url(own, key)
        for section in (own, sections.get("merger")):
            if section:
                self._check_identity(section)
        return values

    def _connection(self, section: IniSection, known_hosts: Path) -> GerritSettings | None:
        name = section.name.removeprefix(CONNECTION_PREFIX).strip()
        driver = section.values.get("driver")
        if driver != "gerrit":
            place = section.value_places.get("driver", section.place)
            what = f"the driver {driver!r} is not run by this engine" if driver else "`driver` is missing"
            self._report(place, what, "driver=gerrit is the only one")
            return None
        before = len(self._findings)
        values = self._fields(GerritSettings, section, documented_settings(GerritSettings))
        for item in dataclasses.fields(GerritSettings):
            if item.metadata and item.default is dataclasses.MISSING and item.name not in section.values:
                self._report(section.place, f"`{item.name}` is missing in [{section.name}]", "add it")
        if "baseurl" in values:
            self._check_url(section, "baseurl")
        for key in ("server", "ssh_server", "canonical_hostname", "user"):
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*", values.get(key) or "x"):
                self._report(
                    section.value_places[key], f"`{key}` is no host or user name: {values[key]!r}", "correct it"
                )
        if values.get("port") == 0:
            self._report(section.value_places["port"], "`port` is out of range: 0", "Gerrit's ssh port is often 29418")
        if len(self._findings) > before:
            return None
        server = values["server"]
        values["sshkey"] = self._resolved(values["sshkey"])
        values["baseurl"] = (values.get("baseurl") or f"https://{server}").rstrip("/")
        for key in ("ssh_server", "canonical_hostname"):
            values[key] = values.get(key) or server
        return GerritSettings(name=name, known_hosts=known_hosts, **values)

    def _fields(self, kind: type[Any], section: IniSection, known: Mapping[str, str]) -> dict[str, Any]:
        fields = {item.name: item for item in dataclasses.fields(kind) if item.metadata}
        fields |= {item.metadata.get("written", name): item for name, item in list(fields.items())}
        values: dict[str, Any] = {}
        for key, text in section.values.items():
            if key not in fields:
                self._unknown(kind, section, key, known)
                continue
            place, name = section.value_places[key], fields[key].name
            if name in values:
                self._report(section.key_places[key], f"`{key}` is there twice in [{section.name}]", "keep one")
                continue
            if not text:
                self._report(place, f"`{key}` is empty", "give it a value or remove the line")
                continue
            try:
                values[name] = _CONVERTERS[str(fields[key].type).partition(" |")[0]](text)
            except ValueError as error:
                self._report(place, f"`{key}` {error}")
                continue
            if isinstance(values[name], int) and not _in_range(name, values[name]):
                self._report(place, f"`{key}` is out of range: {text}")
        return values

    def _unknown(self, kind: type[Any], section: IniSection, key: str, known: Mapping[str, str]) -> None:
        if kind is GerritSettings and (key == "driver" or key in IGNORED_CONNECTION_KEYS):
            return
        for prefix, reason in REFUSED_CONNECTION_KEYS.items():
            if kind is GerritSettings and key.startswith(prefix):
                self._report(section.key_places[key], f"`{key}`: Zuul knows this key, this engine does not", reason)
                return
        message = f"unknown key `{key}` in [{section.name}]"
        self._report(section.key_places[key], message, suggestion(key, known))

    def _check_url(self, section: IniSection, key: str) -> None:
        if not _is_web_address(section.values[key]):
            hint = "for example: https://ci.example.com"
            self._report(section.value_places[key], f"`{key}` is not a web address", hint)

    def _check_identity(self, section: IniSection) -> None:
        """Refuse what git would make something else of."""
        for key, pattern in _IDENTITY.items():
            text = section.values.get(key)
            if text and not re.fullmatch(pattern, text):
                self._report(section.value_places[key], f"`{key}` is none that git takes: {text!r}", "correct it")

    def _resolved(self, path: Path) -> Path:
        return self._folder / os.path.expanduser(path)  # noqa: PTH111 - Path's raises for a user that is not there

    def _report(self, place: tuple[int, int], message: str, hint: str = "") -> None:
        self._findings.append(Finding(self._path, *place, message, hint))


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        valid = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return valid and parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(text) & set(" <>\"'\n")


def _in_range(key: str, value: int) -> bool:
    # Of a limit 0 would not mean that there is none: no build could live with it.
    least = 1 if key in {"build_disk_limit_mib", "build_memory_limit_mib"} else 0
    return 0 <= value <= _PORT_MAX if key == "port" else least <= value < _COUNT_LIMIT


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        message = f"must be a whole number, not {text!r}"
        raise ValueError(message)
    return int(text)


def _boolean(text: str) -> bool:
    if text.lower() in {"1", "on", "yes", "true"}:
        return True
    if text.lower() in {"0", "off", "no", "false"}:
        return False
    message = f"must be true or false, not {text!r}"
    raise ValueError(message)


def _one_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    def choice(text: str) -> StrEnum:
        if text not in set(choices):
            message = f"must be {', '.join(list(choices)[:-1])} or {list(choices)[-1]}, not {text!r}"
            raise ValueError(message)
        return choices(text)

    return choice


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "str": str, "int": _integer, "bool": _boolean, "Path": Path,
    "InfraFailure": _one_of(InfraFailure), "LockstepMode": _one_of(LockstepMode),
    "SiteSource": _one_of(SiteSource),
}  # fmt: skip
