"""Ansible module: check a pushed commit out of a cache on the node into a workspace."""

from __future__ import annotations

import contextlib
import os
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: source_checkout
short_description: Clones a pushed commit, sharing the objects of a cache
options:
  cache: {description: Bare repository on the node, type: path, required: true}
  ref: {description: "The ref that was pushed; it is removed from the cache", type: str, required: true}
  branch: {description: Name of the branch in the clone, type: str, required: true}
  target: {description: Folder of the clone, type: path, required: true}
"""


class GitError(RuntimeError):
    """A git command failed; the message is its last line."""


def checkout(cache: str, ref: str, branch: str, target: str) -> str:
    """Return the commit that `target` has checked out on `branch`; an existing clone is renewed."""
    commit = _git(cache, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    os.makedirs(target, mode=0o755, exist_ok=True)
    _git(target, "init", "--quiet")
    with open(os.path.join(target, ".git", "objects", "info", "alternates"), "w", encoding="utf-8") as stream:
        stream.write(os.path.join(cache, "objects") + "\n")
    _git(target, "checkout", "--quiet", "--force", "-B", branch, commit)
    # One ref for each branch tells the next push what is there already; one for each build would pile up.
    with contextlib.suppress(GitError):
        _git(cache, "update-ref", f"refs/kept/{branch}", commit)
    _git(cache, "update-ref", "-d", ref)
    return commit


def _git(folder: str, *arguments: str) -> str:
    argv = ["git", "-c", "advice.detachedHead=false", "-c", "gc.auto=0", *arguments]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise GitError(f"git {arguments[0]} in {folder}: {said[-1]}")
    return done.stdout.strip()


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "cache": {"type": "path", "required": True},
            "ref": {"type": "str", "required": True},
            "branch": {"type": "str", "required": True},
            "target": {"type": "path", "required": True},
        }
    )
    given = module.params
    try:
        commit = checkout(given["cache"], given["ref"], given["branch"], given["target"])
    except (GitError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, commit=commit)


if __name__ == "__main__":
    main()
