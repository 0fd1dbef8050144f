"""Ansible module: have the repositories that a deployment uses, each at the right commit."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.deployment.sources import Places, SourceError, Wanted, place_all

DOCUMENTATION = """
module: deployment_sources
short_description: Checks sources out where the deployment looks for them
options:
  base_dir: {description: "Its folder of sources; other repositories there are removed", type: path, required: true}
  cache: {description: Folder of bare repositories that objects are borrowed from, type: path, required: true}
  base_url: {description: Where what the cache lacks is fetched from, type: str, required: true}
  branch: {description: The branch of the change, type: str, required: true}
  projects: {description: "Project -> branch (empty: that of the change; null: not at all)", type: dict}
  prepared: {description: "The build's own sources, as Zuul tells them in `zuul.projects`", type: list}
  plugins: {description: "Plugins of devstack: name -> URL, or URL and branch", type: dict, default: {}}
  plugin_ref: {description: "Branch of the plugins that name none (empty: that of the change)", type: str, default: ""}
  workspace: {description: "The build's folder, which their paths start from", type: path, required: true}
"""


def wanted(given: dict[str, Any]) -> list[Wanted]:
    """Return what is asked for: the build's own sources first, and no project twice in one folder."""
    base_url = given["base_url"].rstrip("/")
    found = [
        Wanted(
            one["name"],
            one["canonical_name"],
            one["checkout"],
            f"{base_url}/{one['name']}",
            os.path.join(given["workspace"], one["src_dir"]),
        )
        for one in given["prepared"]
    ]
    found += [
        _upstream(name, branch or given["branch"], f"{base_url}/{name}")
        for name, branch in given["projects"].items()
        if branch is not None
    ]
    for name, location in given["plugins"].items():
        url, _, branch = (location or "").partition(" ")
        # devstack runs what is in the folder itself, and clones only what is not there
        if url and not url.startswith(f"file://{given['base_dir']}/"):
            same = [one for one in found if one.prepared and not one.plugin and _is_of(url, one.name)]
            if same and branch.startswith("refs"):
                raise SourceError(f"{name}: stack.sh would fetch {branch} over the build's own source (remove the ref)")
            if same:
                found.append(replace(max(same, key=lambda one: len(one.name)), plugin=name))
            else:
                ref = branch or given["plugin_ref"] or given["branch"]
                found.append(_upstream(url.removeprefix(f"{base_url}/"), ref, url, name))
    first: dict[tuple[str, str], Wanted] = {}
    for one in found:
        first.setdefault((one.name, one.folder), one)
    return list(first.values())


def _is_of(url: str, name: str) -> bool:
    """Whether a project is at an address, whatever host or mirror that is of."""
    path = url.replace(":", "/").rstrip("/").removesuffix(".git")
    return path.endswith(f"/{name}")


def _upstream(name: str, branch: str, url: str, plugin: str = "") -> Wanted:
    address = urlsplit(url)
    path = address.path.strip("/").removesuffix(".git")
    return Wanted(name, f"{address.hostname or 'localhost'}/{path}", branch, url, plugin=plugin)


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "base_dir": {"type": "path", "required": True},
            "cache": {"type": "path", "required": True},
            "base_url": {"type": "str", "required": True},
            "branch": {"type": "str", "required": True},
            "projects": {"type": "dict", "default": {}},
            "prepared": {"type": "list", "elements": "dict", "default": []},
            "plugins": {"type": "dict", "default": {}},
            "plugin_ref": {"type": "str", "default": ""},
            "workspace": {"type": "path", "required": True},
        }
    )
    given = module.params
    try:
        placed = place_all(wanted(given), Places(given["base_dir"], given["cache"]))
    except (SourceError, OSError) as error:
        module.fail_json(msg=f"The sources: {error}")
    console = [f"{one['name']} {one['branch']} {one['commit'][:12]} from {one['origin']}" for one in placed]
    warnings = [f"WARNING: {one['warning']}" for one in placed if one["warning"]]
    module.exit_json(changed=True, sources=placed, console=console + warnings)


if __name__ == "__main__":
    main()
