"""Nova from the patch under test, installed beside the prepared environment."""

from __future__ import annotations

import filecmp
import os
import shutil

from ansible.module_utils.cloud import processes

# Where nova keeps what `nova-manage db sync` and `api_db sync` run.
SCHEMA = ("nova/db", "nova/cmd/manage.py", "nova/conf/database.py")
VERSION = "33.0.2"


class InstallError(RuntimeError):
    """pip did not install the source; the message ends with what pip said."""


def install(
    workspace: str, python: str, source: str, packages: list[str], environment: dict[str, str], target: str
) -> None:
    """Install nova's source (editable) and out-of-tree driver packages with pip into the folder `target`."""
    log = os.path.join(workspace, "logs", "pip-install.txt")
    argv = [python, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    argv += ["--config-settings", "editable_mode=compat", "--target", target, "--editable", source, *packages]
    # pbr looks for a version in git tags, which a change under test does not bring along.
    status = processes.run(workspace, argv, {**environment, "PBR_VERSION": VERSION}, log, timeout_seconds=180)
    if status:
        raise InstallError(
            f"pip could not install {', '.join([source, *packages])} (exit status {status}):\n{processes.tail(log)}"
        )


def link_drivers(source: str, target: str) -> None:
    """Show nova the drivers that packages brought: it looks in its own package nova.virt only.

    An installed nova would have them in the same folder; an editable one needs the links.
    """
    brought = os.path.join(target, "nova", "virt")
    for name in os.listdir(brought) if os.path.isdir(brought) else []:
        link = os.path.join(source, "nova", "virt", name)
        if not os.path.lexists(link):
            os.symlink(os.path.join(brought, name), link)


def reuse_bytecode(base: str, source: str) -> None:
    """Copy the bytecode of the released nova to the patched tree.

    It is compiled with checked hashes: Python compares it with the source and compiles what differs anew.
    """
    for folder, _, files in os.walk(os.path.join(base, "nova")):
        if os.path.basename(folder) != "__pycache__":
            continue
        wanted = os.path.join(source, os.path.relpath(folder, base))
        if os.path.isdir(os.path.dirname(wanted)):
            os.makedirs(wanted, exist_ok=True)
            for name in files:
                shutil.copyfile(os.path.join(folder, name), os.path.join(wanted, name))


def changes_schema(base: str, source: str) -> bool:
    """Whether the patch touches anything that decides about nova's database schema."""
    for path in SCHEMA:
        ours, theirs = os.path.join(base, path), os.path.join(source, path)
        if os.path.isdir(ours):
            if _trees_differ(ours, theirs):
                return True
        elif not os.path.exists(theirs) or not filecmp.cmp(ours, theirs, shallow=False):
            return True
    return False


def _trees_differ(ours: str, theirs: str) -> bool:
    return _python_files(ours) != _python_files(theirs)


def _python_files(root: str) -> dict[str, bytes]:
    found = {}
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            if not name.endswith(".pyc") and not os.path.islink(path):
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, root)] = stream.read()
    return found
