"""A git repository of openstack/nova made from nova's source distribution, and demo patches on top of it."""

import hashlib
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

NOVA_VERSION = "33.0.2"
NOVA_SDIST = f"nova-{NOVA_VERSION}.tar.gz"
NOVA_SDIST_SHA256 = "84ab864ced8867f2989f3ba65ead61a7e39891ee7ea693850331636ac9d360ea"
FLAVORS_API = "nova/api/openstack/compute/flavors.py"
FLAVORS_VIEW = "nova/api/openstack/compute/views/flavors.py"
# What a checkout of the project does not have: setuptools wrote it into the distribution.
GENERATED = ("PKG-INFO", "nova.egg-info")


class NovaRepositoryError(RuntimeError):
    """The repository or a patch could not be made; the message says why in one line."""


@dataclass(frozen=True)
class Patch:
    """One demo patch: a text replaced in one file, and its commit message with a Change-Id footer."""

    path: str
    old: str
    new: str
    subject: str
    body: str

    @property
    def change_id(self) -> str:
        """`I` and 40 hex digits, always the same for the same patch."""
        return "I" + hashlib.sha1(f"{self.subject}\n{self.path}\n{self.new}".encode()).hexdigest()  # noqa: S324

    @property
    def message(self) -> str:
        return f"{self.subject}\n\n{self.body}\n\nChange-Id: {self.change_id}\n"


def good_patch() -> Patch:
    """Return a patch that changes the compute API's code, but nothing that a client can see."""
    return Patch(
        path=FLAVORS_API,
        old='    """Flavor controller for the OpenStack API."""\n',
        new='    """Flavor controller: lists, shows, creates, updates and deletes flavors."""\n',
        subject="Say what the flavor controller does",
        body="The docstring named the class again instead of describing it.",
    )


def breaking_patch() -> Patch:
    """Return a patch after which every service starts, but flavors are shown with a wrong size of memory."""
    return Patch(
        path=FLAVORS_VIEW,
        old='                "ram": flavor["memory_mb"],\n',
        new='                "ram": flavor["memory_mb"] // 1024,\n',
        subject="Show the memory of a flavor in GiB",
        body="Disks are shown in GiB, and so memory should be.",
    )


def download(cache: Path) -> Path:
    """Return the path of nova's source distribution in `cache`, fetched with pip when missing and always verified."""
    path = cache / NOVA_SDIST
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        wanted = ["--no-deps", "--no-binary", "nova", f"nova=={NOVA_VERSION}"]
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(cache), *wanted], cwd=cache)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != NOVA_SDIST_SHA256:
        raise NovaRepositoryError(f"{path}: sha256 is {found}, expected {NOVA_SDIST_SHA256}: remove the file")
    return path


def create(folder: Path, cache: Path, branch: str = "master") -> str:
    """Make `folder` a repository with one commit, nova's source, on `branch`; returns the commit's id.

    The same everywhere: author, committer and dates are fixed.
    """
    sdist = download(cache)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise NovaRepositoryError(f"{folder}: not empty")
    with tarfile.open(sdist) as archive:
        members = [member for member in archive if _is_source(member)]
        for member in members:
            member.name = member.name.partition("/")[2]
        archive.extractall(folder, members, filter="data")
    _git(folder, "init", "--quiet", f"--initial-branch={branch}")
    _git(folder, "add", "--all", "--force")
    return _commit(folder, f"Nova {NOVA_VERSION} as released\n", number=0)


def commit_patch(folder: Path, patch: Patch, onto: str = "master") -> str:
    """Commit `patch` on top of `onto` with a detached HEAD (branches stay where they are); returns the commit's id."""
    _git(folder, "checkout", "--quiet", "--detach", onto)
    path = folder / patch.path
    text = path.read_text(encoding="utf-8")
    if patch.old not in text:
        raise NovaRepositoryError(f"{path}: the text that the patch replaces is not there")
    path.write_text(text.replace(patch.old, patch.new, 1), encoding="utf-8")
    _git(folder, "add", "--", patch.path)
    return _commit(folder, patch.message, number=1)


def _is_source(member: tarfile.TarInfo) -> bool:
    parts = Path(member.name).parts
    return len(parts) > 1 and parts[1] not in GENERATED


def _commit(folder: Path, message: str, number: int) -> str:
    _git(folder, "commit", "--quiet", "--no-verify", "--message", message, date=f"{1_767_225_600 + number} +0000")
    return _git(folder, "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str, date: str = "1767225600 +0000") -> str:
    who = {"NAME": "Demo Developer", "EMAIL": "developer@example.org", "DATE": date}
    environment = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    return _run(["git", "-c", "core.autocrlf=false", "-c", "gc.auto=0", *arguments], cwd=folder, extra=environment)


def _run(argv: list[str], cwd: Path, extra: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, env=os.environ | (extra or {}), capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise NovaRepositoryError(f"{' '.join(argv[:6])} ...: {last}")
    return done.stdout
