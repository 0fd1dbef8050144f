"""The playbooks' own `module_utils`, imported as Ansible carries them to a node."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import ansible.module_utils

if TYPE_CHECKING:
    from types import ModuleType

MODULES = Path(__file__).resolve().parents[1] / "playbooks" / "module_utils"


def module(name: str) -> ModuleType:
    """Return for example `cloud.ports`."""
    if str(MODULES) not in ansible.module_utils.__path__:
        ansible.module_utils.__path__ = [*ansible.module_utils.__path__, str(MODULES)]
    return importlib.import_module(f"ansible.module_utils.{name}")
