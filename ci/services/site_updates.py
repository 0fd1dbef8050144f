"""Takes over what is merged in the site's own repository, or lies in its folder now, while the service runs.

A state with errors is refused, and the one before stays. Builds keep the state that they were made with.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import CIError, Interrupted, SiteError, printable
from ci.model.site import SiteSource, SiteState
from ci.observability import SITE_UPDATES, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.config.site import Site
    from ci.ports import Clock, SiteRepository, Store
    from ci.services.folders import Folders
    from ci.services.pulse import Pulse
    from ci.services.site_in_force import SiteInForce

# A push past the review tells no merge.
REGULAR_SECONDS = 60.0
CONFIG_NAME = "zuul.conf"
THE_FOLDER = "the folder"
MOST_FINDINGS = 20


class SiteUpdates:
    """Looks at the start, soon after each merge, regularly, and when it is asked to."""

    def __init__(
        self, source: SiteSource, in_force: SiteInForce, repository: SiteRepository | None,
        load: Callable[[str], Site], store: Store, folders: Folders, pulse: Pulse, clock: Clock,
    ) -> None:  # fmt: skip
        """`load` reads the site as of a commit that is laid out, or the folder that the service was started with ("").

        `repository` is None where the tenant names no repository of the site's own.
        """
        self._source = source
        self._in_force = in_force
        self._repository = repository
        self._load = load
        self._store = store
        self._folders = folders
        self._pulse = pulse
        self._clock = clock
        self._asked = threading.Event()
        self._stop = threading.Event()
        self._due_at = 0.0
        self._merges = 0
        self._refused = ""  # a later service tries it once more: it may know better
        self._log = get_logger("site")

    def begin(self, refusal: str = "") -> None:
        """Write down what the service begins with, and why it is not what the last one had ("" when it is)."""
        commit, now = self._in_force.layout().commit, self._clock.now()
        known = self._store.site.get() if self._follows else SiteState()
        state = replace(known, trouble="", trouble_since=0.0, restart="")
        if refusal:
            state = SiteState(commit, now, refused=known.commit, reason=printable(refusal))
            self._log.error("refused at the start", action="site.refused", commit=known.commit, reason=refusal)
        elif known.commit != commit or not known.since:
            state = SiteState(commit, now)
        self._store.site.put(state)

    def look_now(self) -> None:
        """Have the next look come at once; may be called from a signal handler."""
        self._asked.set()

    def stop(self) -> None:
        """End what git does."""
        self._stop.set()

    def step(self) -> float:
        """Look when it is time to; returns after how many seconds to come again."""
        is_asked, merges, now = self._asked.is_set(), self._store.events.newest_merge(), self._clock.now()
        if self._stop.is_set() or not (is_asked or (self._follows and (merges != self._merges or now >= self._due_at))):
            return REGULAR_SECONDS
        self._asked.clear()
        self._merges, self._due_at = merges, now + REGULAR_SECONDS
        try:
            self._look(is_asked=is_asked)
        except Interrupted:
            pass  # the service stops
        except CIError as error:
            self._tell_trouble(str(error))
        return REGULAR_SECONDS

    @property
    def _follows(self) -> bool:
        return self._source is SiteSource.GERRIT

    def _look(self, *, is_asked: bool) -> None:
        if not self._follows:
            self._take_over("")
            return
        if self._repository is None:
            raise CIError("the tenant file names no config project, the repository of the site's own files")
        tip = self._repository.tip(self._stop)
        known = self._store.site.get()
        if tip == self._in_force.layout().commit:
            self._put(replace(known, refused="", reason="", trouble="", trouble_since=0.0))
        elif tip != self._refused or is_asked:
            self._repository.lay_out(tip, self._folders.site(tip), self._stop)
            self._take_over(tip)
        elif known.trouble:
            self._put(replace(known, trouble="", trouble_since=0.0))

    def _take_over(self, commit: str) -> None:
        before = self._in_force.site
        try:
            site = self._load(commit)
            if _config_project(site) != _config_project(before):
                raise CIError("jobs/tenant.yaml names another config project: that needs a restart with these files")
        except CIError as error:
            self._refuse(commit, error)
            return
        restart = self._store.site.get().restart or self._new_settings(before.layout.commit, commit)
        # On disk first: a service that is killed in between begins with the new state.
        self._store.site.put(SiteState(commit, self._clock.now(), restart=restart))
        self._in_force.replace(site)
        self._refused = ""
        SITE_UPDATES.labels("taken_over").inc()
        self._log.info("taken over", action="site.taken_over", commit=commit or THE_FOLDER, jobs=len(site.layout.jobs),
                       nodes=len(site.nodes))  # fmt: skip
        for warning in site.warnings[:MOST_FINDINGS]:
            self._log.warning("the site", action="site.warning", warning=str(warning))
        if restart:
            self._log.warning("only after a restart", action="site.restart", reason=restart)
        self._pulse.beat()

    def _refuse(self, commit: str, error: CIError) -> None:
        findings = [str(one) for one in error.findings] if isinstance(error, SiteError) else [str(error)]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        self._refused = commit
        SITE_UPDATES.labels("refused").inc()
        for finding in findings[:MOST_FINDINGS]:
            self._log.error("refused", action="site.refused", commit=commit or THE_FOLDER, reason=finding)
        reason = printable(f"{findings[0]}{more}")
        self._put(replace(self._store.site.get(), refused=commit or THE_FOLDER, reason=reason, trouble=""))

    def _tell_trouble(self, reason: str) -> None:
        known = self._store.site.get()
        self._log.warning("the site's repository cannot be read", action="site.trouble", reason=reason)
        since = known.trouble_since if known.trouble else self._clock.now()
        self._put(replace(known, trouble=printable(reason), trouble_since=since))

    def _new_settings(self, old: str, new: str) -> str:
        """Say that a commit brings other settings than the one before; "" when it does not, or there was none."""
        if not old or not new:
            return ""
        contents = []
        for commit in (old, new):
            path = self._folders.site(commit) / CONFIG_NAME
            contents.append(path.read_bytes() if path.is_file() else b"")
        if contents[0] == contents[1]:
            return ""
        return f"{CONFIG_NAME} is another one since {new[:10]}: settings and connections count from the next start"

    def _put(self, state: SiteState) -> None:
        if state != self._store.site.get():
            self._store.site.put(state)
            self._pulse.beat()


def _config_project(site: Site) -> tuple[str, str] | None:
    project = site.layout.tenant.config_project
    return (project.connection, project.name) if project else None
