"""What `check` warns of in skip lists without errors: blocks whose change has merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import CIError, Finding
from ci.model.lockstep import LockstepMode
from ci.services.folders import Folders
from ci.services.lockstep_words import told
from ci.skip_lists.waits import waits
from ci.store.lockstep import read_statuses

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.config.site import Site
    from ci.skip_lists.model import SkipList


def lockstep_warnings(skip_lists: Sequence[SkipList], site: Site | None) -> Iterator[Finding]:
    """Yield the warnings; what has merged is in the database of the site's state folder, which is only read."""
    found = [wait for skip_list in skip_lists for wait in waits(skip_list)]
    if not found or site is None or site.settings.lockstep is LockstepMode.OFF:
        return
    database = Folders(site.settings.state_dir).database
    try:
        known = read_statuses(database)
    except CIError as error:
        reason = str(error).removeprefix(f"{database}: ")
        yield Finding(str(database), 0, 0, f"not known what has become of changes that are waited for: {reason}")
        return
    for wait in found:
        status = known.get(wait.removal_id)
        said = told(status) if status else None
        if status and said:
            for line in wait.lines:
                yield Finding(wait.path, line, 1, *said, f"lockstep-{status.state}")
