"""The demonstration: nova patches go into a real Gerrit, votes come out."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from . import nova_repository
from .cache import cache_folder, locked
from .gerrit import Gerrit
from .gerrit_repository import Repository
from .node_preparation import prepare_nodes
from .service import Service
from .site import CI_NAME, CI_USER, add_language, write_site
from .sshd_node import SshdNode, free_port

CACHE = cache_folder()
STATE = CACHE / "demo"
ADDRESSES = ("127.0.0.2", "127.0.0.3")
VOTE_SECONDS = 900.0
STILL_WORKING_SECONDS = 10.0

# The shipped jobs on this machine instead of PowerVM: one more variant of each is enough.
DEMO_JOBS = """\
- job:
    name: nova-tempest
    vars:
      deployment: pip
      tempest_concurrency: 1
      tempest_test_regex: compute\\.(admin\\.test_flavors|flavors\\.test_flavors)\\.

- job:
    name: nova-in-tree
    vars:
      compute_driver: fake.MediumFakeDriver
      tempest_exclude_lists: [skip_lists/nova-in-tree.txt, skip_lists/pip-deployment.txt]

- job:
    name: nova-out-of-tree
    vars:
      driver_packages: [powervm_ext]
      tempest_exclude_lists: [skip_lists/nova-out-of-tree.txt, skip_lists/pip-deployment.txt]
"""


def say(text: str) -> None:
    """Print one line with the time."""
    print(f"{datetime.now(UTC):%H:%M:%SZ}  {text}", flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done, and every ten seconds that it still is, and how long it took."""
    started, done = time.monotonic(), threading.Event()

    def remind() -> None:
        while not done.wait(STILL_WORKING_SECONDS):
            say(f"  ... still {text[0].lower()}{text[1:]} ({time.monotonic() - started:.0f} s)")

    say(text)
    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        done.set()
        reminder.join()
    say(f"  done in {time.monotonic() - started:.0f} s")


class Demo:
    """All that runs, and the story that it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gerrit = Gerrit(folder / "gerrit", say=say)
        self.nodes = SshdNode(folder / "nodes", ADDRESSES)
        self.nova = folder / "nova"
        self.port = free_port(("127.0.0.1",))
        self.service = Service(folder / "site", folder / "state", port=self.port)
        self.shown: dict[str, str] = {}
        self.votes: list[tuple[str, int, int | None, float]] = []

    def set_up(self) -> None:
        """Bring up Gerrit with nova in it, two nodes, and the service."""
        self.nodes.start()
        what = "Starting a real Gerrit, preparing the nodes (the first time this installs OpenStack from packages)"
        with step(what), ThreadPoolExecutor() as pool:
            tasks = [pool.submit(self._seed_gerrit), pool.submit(prepare_nodes, self.folder, self.nodes, say)]
            for task in tasks:
                task.result()
        self._write_site()
        say(f"Checking the site offline: powervm-ci check --site {self.service.site}")
        say("  " + self.service.call("check").strip().splitlines()[-1])
        started = time.monotonic()
        self.service.start()
        say(f"The CI serves after {time.monotonic() - started:.1f} s: {self.service.url}")
        _until("the CI listens to Gerrit", self.service.listens, 30.0)

    def _seed_gerrit(self) -> None:
        self.gerrit.start()
        say(f"  making openstack/nova from nova {nova_repository.NOVA_VERSION} as released")
        nova_repository.create(self.nova, CACHE)
        self.gerrit.rest.create_project("openstack/nova", empty_commit=False)
        self.gerrit.create_ci_account(CI_USER, CI_NAME, "powervm-ci@example.org")
        self.gerrit.create_account("developer", "A Developer", "developer@example.org")
        self._repository("admin").push("master:refs/heads/master", force=True)

    def _repository(self, username: str = "developer") -> Repository:
        return self.gerrit.repository("openstack/nova", self.nova, username, email="developer@example.org")

    def _write_site(self) -> None:
        key = self.gerrit.key(CI_USER)
        site = write_site(self.service.site, self.gerrit, key, self.nodes, port=self.port)
        # Read after jobs.yaml, so that these variants have the last word.
        add_language(site, "local", DEMO_JOBS)

    def push(self, patch: nova_repository.Patch) -> int:
        """Push a patch for review; returns its change's number."""
        nova_repository.commit_patch(self.nova, patch)
        number, _, _ = self._repository("admin").push_change()
        say(f'Pushed change {number} "{patch.subject}": {self.gerrit.url}c/openstack/nova/+/{number}')
        return number

    def wait_for_vote(self, number: int, what: str, count: int = 1) -> str:
        """Show how the builds of a change go until the CI has posted its `count`th review; returns its message."""
        started = last_line = time.monotonic()
        while True:
            for build in self.builds(number):
                state = build["result"] or build["state"]
                if self.shown.get(build["id"]) != state:
                    self.shown[build["id"]] = state
                    say(f"  {build['job']}: {state}")
                    last_line = time.monotonic()
            messages = self.gerrit.rest.messages(number, CI_USER)
            if len(messages) >= count:
                break
            if time.monotonic() - last_line > STILL_WORKING_SECONDS:
                last_line = time.monotonic()
                say(f"  ... {self._console_line(number)}")
            if time.monotonic() - started > VOTE_SECONDS:
                raise TimeoutError(f"no vote on change {number} after {VOTE_SECONDS:.0f} s: see {self.service.log}")
            time.sleep(0.5)
        vote = self.vote(number)
        self.votes.append((what, number, vote, time.monotonic() - started))
        say(f"  vote on change {number}: Verified {vote:+d}" if vote else f"  change {number}: a comment, no vote")
        print("\n".join(f"      | {line}" for line in messages[-1].splitlines()), flush=True)
        return messages[-1]

    def vote(self, number: int) -> int | None:
        """Return the CI's vote on the current patch set, None without one."""
        return self.gerrit.rest.votes(number, "Verified").get(CI_USER)

    def builds(self, number: int) -> list[dict[str, str]]:
        """Return the builds of a change, oldest first."""
        listed = json.loads(self.service.call("builds", "--json", "--change", str(number)))
        return list(reversed(listed))

    def _console_line(self, number: int) -> str:
        for build in self.builds(number):
            if build["state"] == "running":
                lines = Path(build["log_folder"], "job-output.txt").read_text(errors="replace").splitlines()
                tasks = [line for line in lines if "TASK [" in line]
                return f"{build['job']}: {tasks[-1].partition('TASK [')[2].rstrip(']') if tasks else 'starting'}"
        return "working"

    def tell(self) -> None:
        """Play the story: a good patch, a broken one, a recheck."""
        good = self.push(nova_repository.good_patch())
        self.wait_for_vote(good, "a good patch")
        broken = self.push(nova_repository.breaking_patch())
        self.wait_for_vote(broken, "a patch that breaks the compute API")
        say(f'Commenting "recheck" on change {good}')
        self.gerrit.rest_as("developer").comment(good, "recheck")
        self.wait_for_vote(good, "the good patch, rechecked", count=2)

    def summary(self) -> bool:
        """Print what happened; returns whether it is what should have happened."""
        wanted = [1, -1, 1]
        print()
        for (what, number, vote, seconds), want in zip(self.votes, wanted, strict=True):
            mark = "ok " if vote == want else "BAD"
            print(f"  {mark}  {what} (change {number}): Verified {vote or 0:+d} after {seconds:.0f} s")
        return [vote for _, _, vote, _ in self.votes] == wanted

    def where_to_look(self) -> None:
        """Print the addresses of everything that runs."""
        print(
            f"""
  dashboard        {self.service.url}
  Gerrit           {self.gerrit.url}   (user admin, password secret)
  state and logs   {self.service.state}
  site             {self.service.site}
  a command        .venv/bin/powervm-ci --site {self.service.site} --state-dir {self.service.state} status""",
            flush=True,
        )

    def how_to_play(self) -> None:
        """Print what a person types to push a patch and to have one run again."""
        gerrit, key = self.gerrit, self.gerrit.admin_key
        host = gerrit.url.removeprefix("http://").rstrip("/")
        options = f"-o UserKnownHostsFile={gerrit.known_hosts} -o IdentitiesOnly=yes"
        print(
            f"""
  A patch of your own:
    git clone http://admin:secret@{host}/a/openstack/nova my-nova && cd my-nova
    curl -so .git/hooks/commit-msg {gerrit.url}tools/hooks/commit-msg && chmod +x .git/hooks/commit-msg
    (change something below nova/, git commit -a)  git push origin HEAD:refs/for/master
  Another run of change 1, patch set 1:
    ssh -p {gerrit.ssh_port} -i {key} {options} admin@{gerrit.address} gerrit review -m recheck 1,1""",
            flush=True,
        )

    def stop(self) -> None:
        """End what was started, in reverse."""
        self.service.stop()
        self.nodes.stop()
        self.gerrit.stop()

    def pids(self) -> list[int]:
        """Process ids of what runs."""
        service = self.service.process.pid if self.service.process else None
        return [pid for pid in (service, self.nodes.pid, self.gerrit.pid) if pid]


def _until(what: str, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.1)


def stop_kept() -> bool:
    """End and remove a demonstration that was kept; returns whether there was one."""
    record = STATE / "pids.json"
    if not record.exists():
        return False
    for pid, started in json.loads(record.read_text()):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if _start_time(pid) == started:
                os.kill(pid, signal.SIGTERM)
                _until(f"process {pid} ends", partial(_is_gone, pid), 30.0)
    shutil.rmtree(STATE)
    say("the demonstration is stopped and removed")
    return True


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def _start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def main(arguments: list[str]) -> int:
    """Run the demonstration, or end one that was kept; only one at a time."""
    with locked(CACHE / "demo.lock", wait=False):
        is_stopped = stop_kept()
        if "--stop" not in arguments:
            return run(keep="--keep" in arguments)
    if not is_stopped:
        say("no demonstration was left running: there is nothing to stop")
    return 0


def run(*, keep: bool) -> int:
    """Show the CI at work; returns an exit status."""
    started = time.monotonic()
    if STATE.exists():
        shutil.rmtree(STATE)
    STATE.mkdir(parents=True)
    demo = Demo(STATE)
    with ExitStack() as stack:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        cleanup = stack.enter_context(ExitStack())
        cleanup.callback(lambda: shutil.rmtree(STATE, ignore_errors=True))
        cleanup.callback(demo.stop)
        demo.set_up()
        demo.tell()
        as_expected = demo.summary()
        demo.where_to_look()
        if keep:
            (STATE / "pids.json").write_text(json.dumps([(pid, _start_time(pid)) for pid in demo.pids()]))
            cleanup.pop_all()
            demo.how_to_play()
            print("\n  It is left running: scripts/demo --stop ends and removes it.")
        else:
            print("\n  Everything is stopped and removed now; scripts/demo --keep leaves it running for play.")
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(f"\n  {'demo passed' if as_expected else 'demo FAILED'} in {minutes} min {seconds} s", flush=True)
    return 0 if as_expected else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BlockingIOError:
        sys.exit("error: another scripts/demo is at work: wait for its end, or interrupt it")
    except (subprocess.SubprocessError, RuntimeError, TimeoutError) as error:
        sys.exit(f"error: {error}")
