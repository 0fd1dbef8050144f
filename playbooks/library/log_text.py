"""Ansible module, for the executor: keep lines in a build's logs without what may not leave the site."""

from __future__ import annotations

import os

from ansible.module_utils.archive.scrub import Scrubber
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: log_text
short_description: Hides in lines what published logs do not show, returns them as `lines`, and writes them to a file
options:
  lines: {description: What there is to say, type: list, required: true}
  target: {description: "Path of the file; without one nothing is written", type: path}
  hidden_domains: {description: "Names below them get stand-ins (host-1)", type: list, default: []}
  hidden_networks: {description: "Their addresses get stand-ins (address-1)", type: list, default: []}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "lines": {"type": "list", "elements": "str", "required": True},
            "target": {"type": "path"},
            "hidden_domains": {"type": "list", "elements": "str", "default": []},
            "hidden_networks": {"type": "list", "elements": "str", "default": []},
        }
    )
    given = module.params
    try:
        text = Scrubber(given["hidden_domains"], given["hidden_networks"]).text("\n".join(given["lines"]) + "\n")
    except ValueError as error:
        module.fail_json(msg=f"The text cannot be published: {error}")
    lines = text.splitlines()
    try:
        if given["target"]:
            with open(given["target"], "w", encoding="utf-8", errors="backslashreplace") as stream:
                os.fchmod(stream.fileno(), 0o644)
                stream.write(text)
    except OSError as error:
        lines.append(f"WARNING: this is not in the logs: {error}")
    module.exit_json(changed=bool(given["target"]), lines=lines)


if __name__ == "__main__":
    main()
