"""Ansible module: bring a node's logs and configuration to where collect_logs packs them."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.deployment.logs import Sources, collect

DOCUMENTATION = """
module: deployment_logs
short_description: Gathers journal, configuration, local.conf and versions; never fails for what is not there
options:
  workspace: {description: "The build's folder, with begun.json once that has begun", type: path, required: true}
  devstack: {description: "Devstack's folder; empty where it is another deployment", type: str, required: true}
  base_dir: {description: "The deployment's folder of sources", type: path, required: true}
  etc: {description: Where services keep their configuration, type: path, default: /etc}
  services: {description: Folders below it, type: list, default: []}
  units: {description: "Services of systemd beside those of the patterns", type: list, default: []}
  patterns: {description: "How the services of the cloud are called", type: list, required: true}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "devstack": {"type": "str", "required": True},
            "base_dir": {"type": "path", "required": True},
            "etc": {"type": "path", "default": "/etc"},
            "services": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "patterns": {"type": "list", "elements": "str", "required": True},
        }
    )
    given = module.params
    try:
        with open(os.path.join(given["workspace"], "begun.json"), encoding="utf-8") as stream:
            since = int(json.load(stream))
    except (OSError, ValueError):
        module.exit_json(changed=False, missing=["the deployment did not begin: there is nothing to collect"])
    names = ("devstack", "base_dir", "etc", "services", "units")
    sources = Sources(*(given[name] for name in names), since=since, patterns=tuple(given["patterns"]))
    missing = collect(given["workspace"], sources)
    module.exit_json(changed=True, missing=missing)


if __name__ == "__main__":
    main()
