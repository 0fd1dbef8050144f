"""Paths that the site's files name: they must stay inside the site, also through links."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

MAX_PATH = 500


def path_problem(site: Path, name: str) -> tuple[str, str] | None:
    """Say what is wrong with a file that the site names, and what to do; None when it is there and inside."""
    pure = PurePosixPath(name)
    if len(name) > MAX_PATH:
        return f"a path of {len(name)} characters", "shorten it"
    if not name or pure.is_absolute() or ".." in pure.parts or "\0" in name:
        return f"{name!r} is not a path inside the site", "write it relative to the site's folder, without `..`"
    target = site / name
    try:
        real = target.resolve(strict=True)
    except (OSError, RuntimeError):
        return f"no file {name}", _near(site, pure)
    if not real.is_relative_to(site.resolve()):
        return f"{name} is a link that leads out of the site", "keep the file itself in the site's folder"
    if not real.is_file():
        return f"{name} is not a file", "name a file"
    return None


def _near(site: Path, pure: PurePosixPath) -> str:
    for suffix in (".yaml", ".yml"):
        if (site / f"{pure}{suffix}").is_file():
            return f"did you mean `{pure}{suffix}`?"
    return "paths start at the site's folder"
