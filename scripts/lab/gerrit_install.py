"""The pieces that a real Gerrit starts from, kept in a cache folder: its jars and a site that is initialised."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from .cache import cache_folder, locked

VERSION = "3.10.0"
SOURCES = Path(__file__).parent / "gerrit_server"
DOWNLOAD_SECONDS = 600.0
INIT_SECONDS = 180.0

Say = Callable[[str], None]


class GerritError(RuntimeError):
    """A step of the laboratory's Gerrit failed; the message says which, with the end of its log."""


def default_cache() -> Path:
    """Return the folder that Gerrit's pieces are kept in between runs."""
    return cache_folder() / f"gerrit-{VERSION}"


def java(cache: Path, *arguments: str) -> list[str]:
    """Return the argv that runs one of Gerrit's programs from the jars in the cache."""
    return [
        "java",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dflogger.backend_factory=com.google.common.flogger.backend.log4j.Log4jBackendFactory#getInstance",
        "-Dflogger.logging_context=com.google.gerrit.server.logging.LoggingContext#getInstance",
        "-cp",
        f"{cache / 'jars'}:{cache / 'jars'}/*",
        "GerritMain",
        *arguments,
    ]


def install(cache: Path, say: Say) -> Path:
    """Fetch the jars and initialise the template site unless they are there; returns the template site.

    Several processes may call this at once: one does the work, the others wait for it.
    """
    template = cache / "site"
    with locked(cache / "lock"):
        if not (cache / "jars").is_dir():
            say(f"gerrit: downloading Gerrit {VERSION} from Maven Central")
            _fetch_jars(cache)
        if not template.is_dir():
            say("gerrit: initialising a template site")
            _init_template(cache, template)
    return template


def run(what: str, argv: Sequence[str], timeout_seconds: float) -> None:
    """Run a command to its end; raises GerritError with the last lines that it wrote when it fails."""
    try:
        done = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_seconds, check=False
        )
    except FileNotFoundError:
        raise GerritError(
            f"{what}: no {argv[0]} on this machine (apt-get install default-jdk-headless maven git)"
        ) from None
    except subprocess.TimeoutExpired:
        raise GerritError(f"{what}: not done after {timeout_seconds:.0f} s") from None
    if done.returncode:
        raise GerritError(f"{what}: exit status {done.returncode}\n{tail(done.stdout.decode(errors='replace'))}")


def tail(text: str, lines: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(text.splitlines()[-lines:])


def _fetch_jars(cache: Path) -> None:
    unfinished = cache / "jars.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    argv = ["mvn", "-q", "-B", "-f", str(SOURCES / "pom.xml"), "dependency:copy-dependencies"]
    run("downloading Gerrit", [*argv, f"-DoutputDirectory={unfinished}"], DOWNLOAD_SECONDS)
    sources = [str(SOURCES / "GerritMain.java")]
    run("compiling Gerrit's start", ["javac", "-cp", f"{unfinished}/*", "-d", str(unfinished), *sources], 120.0)
    # Without this file the server calls itself "(dev)".
    version = unfinished / "com/google/gerrit/common/Version"
    version.parent.mkdir(parents=True)
    version.write_text(VERSION, encoding="ascii")
    unfinished.rename(cache / "jars")


def _init_template(cache: Path, template: Path) -> None:
    unfinished = cache / "site.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ["--batch", "--no-auto-start", "--dev", "--skip-plugins", "--skip-all-downloads"]
    run("initialising Gerrit", java(cache, "init", *options, "-d", str(unfinished)), INIT_SECONDS)
    unfinished.rename(template)
