"""Where a cloud keeps what, and the values that fill `${...}` in its files and services."""

from __future__ import annotations

import getpass
import os
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PORTS = (
    "keystone",
    "placement",
    "glance",
    "neutron",
    "nova",
    "mariadb",
    "rabbitmq",
    "rabbitmq_distribution",
    "epmd",
    "memcached",
)
PATHS = {"keystone": "", "placement": "", "glance": "", "neutron": "", "nova": "/v2.1"}
FOLDERS = ("etc", "logs", "lock", "images", "glance/staging", "glance/tasks", "neutron", "nova/instances", "rabbitmq")


def values(workspace: str, venv: str, overlay: str, base_port: int, password: str) -> dict[str, str]:
    """Return what definitions may refer to: paths, `port_NAME`, `url_NAME`, user, password."""
    filled = {"workspace": workspace, "venv": venv, "overlay": overlay, "password": password, "user": getpass.getuser()}
    filled |= {f"port_{name}": str(base_port + offset) for offset, name in enumerate(PORTS)}
    return filled | {f"url_{name}": f"http://127.0.0.1:{filled[f'port_{name}']}" for name in PATHS}


def endpoints(filled: Mapping[str, str]) -> dict[str, str]:
    """Return service name -> URL as clients use it, with the version where the service wants one."""
    versions = {**PATHS, "keystone": "/v3", "glance": "/v2", "neutron": "/v2.0"}
    return {name: filled[f"url_{name}"] + path for name, path in versions.items()}


def environment(venv: str, python_path: list[str], workspace: str) -> dict[str, str]:
    """Return the environment of all the cloud's processes."""
    cleaned = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return cleaned | {
        "PATH": f"{venv}/bin:{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin",
        "PYTHONPATH": ":".join(python_path),
        "PYTHONUNBUFFERED": "1",
        # Entry points are cached for each search path; a build's search path is of no use to the next one.
        "XDG_CACHE_HOME": os.path.join(workspace, "cache"),
        "LC_ALL": "C.UTF-8",
    }


def make_folders(workspace: str) -> None:
    for name in FOLDERS:
        os.makedirs(os.path.join(workspace, name), exist_ok=True)
    open(os.path.join(workspace, "rabbitmq", "enabled_plugins"), "a", encoding="utf-8").close()


def write_files(workspace: str, templates: Mapping[str, str], filled: Mapping[str, str]) -> None:
    """Write each template to `etc/` of the workspace, readable for the owner only: they hold passwords."""
    for name, text in templates.items():
        path = os.path.join(workspace, "etc", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_private(path, Template(text).substitute(filled))


def write_private(path: str, text: str) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
