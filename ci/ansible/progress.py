"""Follows the events of ansible-playbook: which playbook is at work, what failed, and what the reader is told."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ci.ansible.console import ConsoleLog, clean, gist, one_line
from ci.ansible.discretion import Discretion
from ci.ansible.task_events import TaskEvents
from ci.model.build import Phase

MAX_NAME = 300
RECAP = (("ok", "ok"), ("changed", "changed"), ("unreachable", "unreachable"), ("failures", "failed"),
         ("skipped", "skipped"), ("rescued", "rescued"), ("ignored", "ignored"))  # fmt: skip

# What Ansible says of any command that fails.
_EMPTY_WORDS = frozenset({"", "non-zero return code"})
_SSH_CAUSE = re.compile(
    r"Host key verification failed|Permission denied \([^)\n]*\)|"
    r"[^\n]*Connection (?:refused|timed out|reset|closed)[^\n]*|"
    r"[^\n]*No route to host|Could not resolve hostname[^\n]*|No space left on device"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One playbook of a build: `playbook` is relative to the site, `limit_seconds` bounds it alone."""

    phase: Phase
    playbook: str
    limit_seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.phase} {self.playbook}"


@dataclass(slots=True)
class Progress:
    """What one ansible-playbook process has done so far; `index` is the step at work, -1 before the first."""

    steps: tuple[Step, ...]
    console: ConsoleLog
    task_events: TaskEvents
    discretion: Discretion
    index: int = -1
    is_ended: bool = False
    has_failed_hosts: bool = False
    unreachable: set[str] = field(default_factory=set)
    failure: str = ""
    play: str = ""
    _places: dict[str, Any] = field(default_factory=dict)

    @property
    def step(self) -> Step:
        return self.steps[max(self.index, 0)]

    def handle(self, line: bytes) -> bool:
        """Take one line of the event plugin; returns whether a playbook has just started."""
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            return False
        handler = getattr(self, f"_on_{kind}", None) if isinstance(kind, str) and kind.isidentifier() else None
        if handler is not None:
            handler(self.discretion.event(event))
        return bool(kind == "playbook")

    def _on_playbook(self, event: dict[str, Any]) -> None:
        del event  # its path is the one we gave, and may occur twice: only the order tells the step
        self.index = min(self.index + 1, len(self.steps) - 1)
        self.is_ended = self.has_failed_hosts = False
        self.unreachable = set()
        self.failure = ""
        self.console.say(f"{self.step.phase.upper()} START: [trusted : {self.step.playbook}]")

    def _on_play(self, event: dict[str, Any]) -> None:
        self.play = clean(str(event["name"]), MAX_NAME)
        self.console.say()
        self.console.say(f"PLAY [{self.play}]")
        problem = self.discretion.take_rules(event.get("hidden_domains"), event.get("hidden_networks"))
        if problem:
            self.console.say(f"WARNING: not hidden: {problem}")

    def _on_task(self, event: dict[str, Any]) -> None:
        kind = "RUNNING HANDLER" if event.get("handler") else "TASK"
        self.console.say()
        self.console.say(f"{kind} [{_title(event)}]")

    def _on_no_hosts(self, event: dict[str, Any]) -> None:
        del event
        self.console.say("skipping: no hosts matched")

    def _on_included(self, event: dict[str, Any]) -> None:
        for host in event["hosts"]:
            self.console.say_for(str(host), [f"included: {event['path']}"])

    def _on_output(self, event: dict[str, Any]) -> None:
        self.console.say_for(str(event["host"]), map(str, event["lines"]))

    def _on_retry(self, event: dict[str, Any]) -> None:
        self.console.say_for(str(event["host"]), [f"FAILED - RETRYING: {_title(event)} ({event['left']} left)"])

    def _on_item(self, event: dict[str, Any]) -> None:
        self.console.say_for(str(event["host"]), _verdict(event, f"item={event['item']}"))

    def _on_result(self, event: dict[str, Any]) -> None:
        host = str(event["host"])
        self.console.say_for(host, _verdict(event, ""))
        if event["details"]:
            self.console.say_for(host, str(event["details"]).splitlines())
        status = str(event["status"])
        if status in {"failed", "unreachable"}:
            message = _cause(str(event["message"])) if status == "unreachable" else gist(str(event["message"]))
            self.failure = self._headline(event, f"{status} on {clean(host, MAX_NAME)}", message)
            if status == "unreachable":
                self.unreachable.add(host)
        self._store(event, host, status)

    def _headline(self, event: dict[str, Any], how: str, message: str) -> str:
        """Return one line that begins with what a person needs: what was said, or the task where that says nothing."""
        task = f"task {_title(event)!r} {how}"
        return f"{task}: {message} ({self.step})" if message in _EMPTY_WORDS else f"{message} ({task}, {self.step})"

    def _on_stats(self, event: dict[str, Any]) -> None:
        self.is_ended = True
        self.has_failed_hosts = any(
            counts.get("failures") or counts.get("unreachable") for counts in event["hosts"].values()
        )
        self.console.say()
        self.console.say("PLAY RECAP")
        for host, counts in event["hosts"].items():
            self.console.say_for(host, [" ".join(f"{title}: {counts.get(key, 0)}" for key, title in RECAP)])
        self.console.say()
        ending = "RESULT_UNREACHABLE" if self.unreachable else "RESULT_NORMAL"
        self.console.say(f"{self.step.phase.upper()} END {ending}: [trusted : {self.step.playbook}]")

    def _store(self, event: dict[str, Any], host: str, status: str) -> None:
        row = {
            "phase": str(self.step.phase),
            "playbook": self.step.playbook,
            "play": self.play,
            "task": clean(str(event["task"]), MAX_NAME),
            "role": clean(str(event["role"]), MAX_NAME),
            "host": clean(host, MAX_NAME),
            "status": status,
            "started": round(float(event["started"]), 3),
            "seconds": round(max(0.0, float(event["ended"]) - float(event["started"])), 3),
            "message": gist(str(event["message"])),
        }
        self.task_events.add(row)


def _cause(message: str) -> str:
    """Return what ssh complains about, out of the banner and the advice around it."""
    found = _SSH_CAUSE.search(message)
    return one_line(found.group() if found else message)


def _title(event: dict[str, Any]) -> str:
    role = clean(str(event.get("role", "")), MAX_NAME)
    task = clean(str(event["task"]), MAX_NAME)
    return f"{role} : {task}" if role else task


def _verdict(event: dict[str, Any], label: str) -> list[str]:
    status = str(event["status"])
    status = {"failed": "ERROR", "ignored": "ERROR (ignored)", "unreachable": "UNREACHABLE"}.get(status, status)
    head = ": ".join(part for part in (status, label) if part)
    lines = str(event.get("message", "")).splitlines()
    if len(lines) <= 1:
        return [": ".join([head, *lines])]
    return [f"{head}:", *lines]
