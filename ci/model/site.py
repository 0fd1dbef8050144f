"""Which state of the site's files is in force, and what there is to say of newer ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SiteSource(StrEnum):
    """Where jobs, playbooks, nodes and lists come from."""

    FOLDER = "folder"  # as they lie there at the start, and again at SIGHUP
    GERRIT = "gerrit"  # what is merged in the config project, taken over without a restart


@dataclass(frozen=True, slots=True)
class SiteState:
    """What the service says of its site; times in seconds since the epoch.

    `commit` is in force since `since`, "" stands for the folder that the service was started with. `refused` is the
    newest one ("" for none) that could not be taken over, and `reason` says why. `trouble`: the site's repository
    cannot be read since `trouble_since`. `restart` says what of the site counts only after a restart.
    """

    commit: str = ""
    since: float = 0.0
    refused: str = ""
    reason: str = ""
    trouble: str = ""
    trouble_since: float = 0.0
    restart: str = ""
