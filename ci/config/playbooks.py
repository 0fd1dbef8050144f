"""Playbooks, as far as can be said without running Ansible: they are YAML, and a list of plays."""

from __future__ import annotations

import yaml

from ci.errors import Finding


def playbook_problems(path: str, content: bytes) -> list[Finding]:
    """Return what keeps Ansible from reading a playbook; tags such as `!vault` are left to it."""
    try:
        root = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        return [Finding(path, content[: error.start].count(b"\n") + 1, 1, "is not UTF-8", "save the file as UTF-8")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return [Finding(path, *place, f"is not YAML: {error.problem or error.context}", "correct it")]
    except yaml.YAMLError as error:
        return [Finding(path, 1, 1, f"is not YAML: {error}", "correct it")]
    except RecursionError:
        return [Finding(path, 1, 1, "is nested too deeply", "flatten it")]
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        return [Finding(path, 1, 1, "is not a list of plays", "a playbook begins with `- hosts: ...`")]
    return []
