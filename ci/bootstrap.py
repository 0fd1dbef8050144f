"""The only place that names concrete classes and wires them."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from ci import processes
from ci.ansible.process import AnsibleRunner
from ci.ansible.remains import BuildRemains
from ci.config.site import load_other_state
from ci.errors import CIError, SiteError
from ci.gerrit.adapter import SshGerrit
from ci.git.ancestry import GitHistory
from ci.git.file_history import file_history
from ci.git.site_repository import Author, GitSiteRepository
from ci.git.sources import GitSources
from ci.model.site import SiteSource
from ci.nodes.health import SshProber
from ci.nodes.static import StaticNodes, assert_told_apart
from ci.results.report import JsonReports
from ci.services.build_preparation import BuildPreparation, SiteFiles
from ci.services.catch_up import CatchUp
from ci.services.clock import SystemClock
from ci.services.dependencies import Dependencies
from ci.services.executor import Executor
from ci.services.folders import Folders
from ci.services.janitor import Janitor, Limits
from ci.services.leases import RUN_HOLDER, LeaseCheck, give_back_lost_nodes, keep_off_strays
from ci.services.listener import Listener
from ci.services.lockstep import Lockstep
from ci.services.loop_threads import LoopThreads
from ci.services.mirror_care import MirrorCare
from ci.services.node_allocator import NodeAllocator
from ci.services.node_health import CheckedNodes, NodeWatch
from ci.services.node_holds import NodeHolds
from ci.services.pulse import Pulse
from ci.services.reporter import Reporter
from ci.services.reporting import Links
from ci.services.results_intake import ResultsIntake
from ci.services.room import DiskRoom
from ci.services.scheduler import Scheduler
from ci.services.service import Parts, Service
from ci.services.single_run import SingleRun
from ci.services.site_in_force import SiteInForce
from ci.services.site_updates import SiteUpdates
from ci.services.timers import Timers
from ci.skip_lists.burn_down import KnownBurnDown, burn_down
from ci.skip_lists.review import checked_lists
from ci.skip_lists.site_lists import site_lists
from ci.skip_lists.waits import WaitingLists
from ci.store.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ci.config.layout import Layout
    from ci.config.settings import GerritSettings
    from ci.config.site import Site
    from ci.model.change import Change
    from ci.model.depends_on import Chain
    from ci.model.views import BurnDownPoint
    from ci.ports import FileHistory
    from ci.web.server import WebServer  # noqa: TC004 - commands need not load a web server

# A command that looks whether a service runs holds the lock for a moment too.
LOCK_TRIES = 10
TEST_READER = "ci.results.outcome:read_tests"


@dataclass(frozen=True, slots=True)
class Engine:
    """The service and those of its parts that commands use too."""

    service: Service
    web: WebServer
    store: SqliteStore


def state_folder(state_dir: Path) -> Folders:
    """Return the state folder, made when it is not there; raises `CIError` when it cannot be."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CIError(f"state folder {state_dir}: {error.strerror}: name another by --state-dir") from error
    return Folders(state_dir.resolve())


def existing_state_folder(state_dir: Path) -> Folders:
    """Return the state folder of a CI that has run; raises `CIError` when there is none."""
    folders = Folders(state_dir.resolve())
    if not folders.database.is_file():
        raise CIError(f"no CI has run in {state_dir} yet: start one with powervm-ci serve, or name its --state-dir")
    return folders


def site_history(folder: Path) -> FileHistory | None:
    """Return the history of a site's files; None where the site is in no git repository that has a commit."""
    return file_history(folder)


def count_entries(folder: Path, layout: Callable[[], Layout]) -> Sequence[BurnDownPoint]:
    """Return how the skip lists of a site's folder grew and shrank, () where it is in no git repository."""
    history = site_history(folder)
    if history is None:
        return ()
    lists = {name for one in site_lists(folder, layout()).compositions for name in one.excludes}
    return burn_down(history, lists)


def is_served(folders: Folders) -> bool:
    """Whether a service has the state folder now; raises `CIError` when we may not look."""
    with _lock_file(folders) as file:
        return not _locked(file, tries=1)


def lock(folders: Folders) -> BinaryIO:
    """Take the state folder for one service; raises `CIError` when another has it. Kept as long as the file is."""
    file = _lock_file(folders)
    if not _locked(file, LOCK_TRIES):
        file.close()
        raise CIError(f"another powervm-ci serve has the state folder {folders.state}: stop it first")
    return file


def _lock_file(folders: Folders) -> BinaryIO:
    try:
        # Not O_WRONLY: of a pipe that lies there by mistake that would wait for a reader, for ever.
        descriptor = os.open(folders.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
    except OSError as error:
        raise CIError(f"state folder {folders.state}: {error.strerror}: name another by --state-dir") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CIError(f"{folders.lock} is not a plain file: remove it")
    return os.fdopen(descriptor, "rb+", buffering=0)


def _locked(file: BinaryIO, tries: int) -> bool:
    for _ in range(tries):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        except OSError as error:
            problem = f"{file.name} cannot be locked: {error.strerror}: put the state folder on a disk of this machine"
            raise CIError(problem) from error
        else:
            return True
    return False


def open_store(folders: Folders) -> SqliteStore:
    """Open the database of a state folder."""
    return SqliteStore(folders.database)


def gerrit(settings: GerritSettings) -> SshGerrit:
    """Return the Gerrit of one connection; nothing is connected yet."""
    return SshGerrit(
        name=settings.name,
        server=settings.ssh_server or settings.server,
        port=settings.port,
        user=settings.user,
        sshkey=settings.sshkey,
        known_hosts=settings.known_hosts,
        keepalive=settings.keepalive,
        baseurl=settings.baseurl,
        password=settings.password,
        verify_ssl=settings.verify_ssl,
    )


def _listener(one: SshGerrit, site: SiteInForce, store: SqliteStore, pulse: Pulse, clock: SystemClock) -> Listener:
    projects = partial(site.projects, one.name)
    look_back_seconds = site.site.settings.first_look_back_seconds
    catch_up = CatchUp(one, store, clock, projects, first_look_back_seconds=look_back_seconds)
    return Listener(one, store, catch_up, pulse, clock, projects)


def _repository(site: Site, prepared: GitSources) -> GitSiteRepository | None:
    settings, tenant = site.settings, site.layout.tenant
    if tenant.config_project is None:
        return None
    author = Author(settings.git_user_name or settings.name, settings.git_user_email or "")
    place = tenant.config_project.connection, tenant.config_project.name, tenant.config_branch
    return GitSiteRepository(prepared.mirrors, *place, author)


def last_in_force(site: Site, folders: Folders, store: SqliteStore) -> tuple[Site, str]:
    """Return the site as the last service had it, and why that is not to be had ("" when it is): then `site` itself."""
    commit = store.site.get().commit
    if site.settings.site_source is SiteSource.FOLDER or not commit:
        return site, ""
    try:
        return state_of_site(site, folders, commit), ""
    except CIError as error:
        return site, str(error).partition("\n")[0]


def state_of_site(site: Site, folders: Folders, commit: str) -> Site:
    """Read the site as of a commit that is laid out, or its folder (""); raises CIError when it has errors."""
    folder = folders.site(commit) if commit else site.folder
    found = load_other_state(site, folder, commit)
    lists = checked_lists(folder, found.layout, datetime.now(UTC).date())
    if errors := [error for one in lists for error in one.errors]:
        raise SiteError(errors)
    assert_told_apart(found.nodes)
    return found


def chain(site: Site, change: Change) -> Chain:
    """Return what a change is to be tested with, as the site's Gerrits tell it now."""
    gerrits = {name: gerrit(settings) for name, settings in site.settings.gerrits.items()}
    try:
        return Dependencies(gerrits, site.settings.gerrits).of(change)
    finally:
        for one in gerrits.values():
            one.close()


def sources(site: Site, folders: Folders) -> GitSources:
    """Return what prepares the sources of builds."""
    return GitSources(site.settings.gerrits, folders.mirrors, room(site, folders).reason)


def runner() -> AnsibleRunner:
    """Return what runs builds."""
    return AnsibleRunner(test_reader=TEST_READER)


def site_files(site: Site) -> SiteFiles:
    """Return what of a site the builds need; raises `CIError` when the key for the nodes is not named."""
    key = site.settings.node_private_key
    if key is None:
        raise CIError("zuul.conf: no key for the nodes: set node_private_key in [powervm-ci]")
    settings = site.settings
    limits = settings.build_disk_limit_mib, settings.build_memory_limit_mib
    return SiteFiles(site.folder.resolve(), key.resolve(), site.layout.tenant.name, *limits)


def prober(site: Site, in_force: SiteInForce | None = None) -> SshProber:
    """Return what looks at nodes before a build gets them; the site's script is that of the state in force."""
    settings = site.settings
    check = in_force.node_check if in_force else lambda: settings.node_check
    return SshProber(site_files(site).node_private_key, settings.node_min_free_mib, check)


def room(site: Site, folders: Folders) -> DiskRoom:
    """Return what looks for room in the state folder."""
    return DiskRoom(folders, site.settings.min_free_mib)


def links(site: Site) -> Links:
    """Return where comments point to; raises `CIError` when the address of the pages is left to chance."""
    if site.settings.port == 0 and not site.settings.root_url:
        raise CIError("zuul.conf: port=0 in [powervm-ci] needs root_url too: comments would link to nowhere")
    settings = site.settings
    return Links(settings.public_url, settings.ci_page_url or "", settings.recheck_comment)


def run_holder() -> str:
    """Return the name under which this process may hold nodes for itself."""
    return f"{RUN_HOLDER}{processes.own_name()}"


def single_run(site: Site, folders: Folders, store: SqliteStore) -> SingleRun:
    """Return what runs one job outside of the service."""
    give_back_lost_nodes(store, store.views)
    preparation = BuildPreparation(site_files(site), sources(site, folders), folders)
    return SingleRun(preparation, runner(), StaticNodes(lambda: site.nodes), prober(site), store, SystemClock())


def build_engine(site: Site, folders: Folders) -> Engine:
    """Wire the service of a site; nothing is started yet."""
    from ci.web.app import create_app  # noqa: PLC0415 - only the service needs the web libraries
    from ci.web.server import Listen, WebServer  # noqa: PLC0415
    from ci.web.sources import Sources  # noqa: PLC0415

    prepared = sources(site, folders)
    prepared.remove_rests()  # first of all: the database may need the room
    store, pulse, clock = open_store(folders), Pulse(), SystemClock()
    give_back_lost_nodes(store, store.views)
    keep_off_strays(store, folders, runner(), clock.now())
    gerrits = {name: gerrit(settings) for name, settings in site.settings.gerrits.items()}
    last, refusal = last_in_force(site, folders, store)
    in_force = SiteInForce(last)
    nodes = StaticNodes(in_force.nodes)
    where = links(site)
    chain_of = Dependencies(gerrits, site.settings.gerrits).of
    scheduler = Scheduler(in_force.layout, gerrits, store, where, pulse, clock, site.settings.infra_policy, chain_of)
    repository, looks_at = _repository(site, prepared), prober(site, in_force)
    updates = SiteUpdates(
        site.settings.site_source, in_force, repository, partial(state_of_site, site, folders), store, folders, pulse,
        clock,
    )  # fmt: skip
    updates.begin(refusal)
    executor = Executor(
        BuildPreparation(site_files(site), prepared, folders),
        runner(),
        CheckedNodes(looks_at, clock),
        store,
        scheduler,
        folders,
        pulse,
        clock,
    )
    disk, threads = room(site, folders), LoopThreads()
    limits = Limits(site.settings.log_days, site.settings.history_days)
    known = KnownBurnDown(partial(count_entries, site.folder, in_force.layout), time.monotonic)
    pages = Sources(
        store.views,
        site.settings.gerrits,
        store.buildsets,
        (nodes,),
        folders,
        where,
        clock,
        pulse,
        disk,
        site.settings.name,
        threads.dead,
        known.points,
    )
    web = WebServer(create_app(pages), Listen(site.settings.listen_address, site.settings.port))
    parts = Parts(
        store=store,
        views=store.views,
        connections=tuple(gerrits),
        listeners=[_listener(one, in_force, store, pulse, clock) for one in gerrits.values()],
        scheduler=scheduler,
        node_allocator=NodeAllocator(nodes, store, scheduler, pulse, clock, disk),
        node_watch=NodeWatch(nodes, looks_at, store, pulse, clock),
        node_holds=NodeHolds(runner(), store, folders, pulse, clock),
        lease_check=LeaseCheck(store, store.views, pulse, clock),
        executor=executor,
        reporter=Reporter(gerrits, store, pulse, clock),
        janitor=Janitor(limits, store, store.views, folders, BuildRemains(), clock),
        mirror_care=MirrorCare(prepared, store, clock),
        timers=[Timers(name, in_force.layout, prepared, store, pulse, clock) for name in gerrits],
        results_intake=ResultsIntake(JsonReports(), store, folders, clock),
        lockstep=Lockstep(
            in_force.layout,
            site.settings.lockstep,
            WaitingLists(in_force.folder),
            GitHistory(prepared.mirrors),
            repository,
            gerrits,
            store,
            pulse,
            clock,
        ),
        site_updates=updates,
        web=web,
        pulse=pulse,
        threads=threads,
    )
    return Engine(Service(parts), web, store)
