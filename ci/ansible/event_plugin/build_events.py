"""An Ansible callback plugin that tells the build's process what happens, as lines of JSON in a pipe.

Ansible loads this file by its path: it imports nothing of the engine. `ci.ansible.events` reads the lines.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
    name: build_events
    type: stdout
    short_description: events of a build as lines of JSON
    description: Writes each event to the file descriptor that CI_EVENTS_FD names.
    options: {}
"""

MAX_MESSAGE = 4_000
MAX_DETAIL_CHARACTERS = 100_000
MAX_LINE = 10_000
MAX_OUTPUT = 100 * 1024 * 1024
CHUNK = 50_000
# Shown line by line, of no use to a reader, or told in a field of its own.
HIDDEN_KEYS = frozenset({
    "stdout", "stderr", "stdout_lines", "stderr_lines", "invocation", "ansible_facts", "results", "exception",
    "warnings", "deprecations", "module_stdout", "module_stderr", "diff",
})  # fmt: skip
TEXT_KEYS = ("stdout", "stderr", "module_stdout", "module_stderr", "exception")
# Actions whose output is their point, also when they succeed.
SPEAKING_ACTIONS = frozenset({"command", "shell", "raw", "script"})


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Sends events to the build's process; standard output stays empty."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "build_events"

    def __init__(self) -> None:
        super().__init__()
        descriptor = int(os.environ.pop("CI_EVENTS_FD"))
        os.set_inheritable(descriptor, False)  # not for ssh, nor for what a task leaves behind
        self._pipe = os.fdopen(descriptor, "wb", buffering=0)
        self._started: dict[tuple[str, str], float] = {}
        self._handled_items: set[tuple[str, str]] = set()

    def _send(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"event": kind, "time": time.time(), **fields}, default=str)
        view = memoryview(line.encode("ascii") + b"\n")
        while view:
            view = view[self._pipe.write(view) :]

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._send("playbook", path=str(playbook._file_name))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._send("play", name=_cut(play.get_name()), **_hidden(play))

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        del is_conditional
        self._send("task", **_task(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._send("task", **_task(task), handler=True)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        hosts = [host.get_name() for host in included_file._hosts]
        self._send("included", hosts=hosts, path=str(included_file._filename))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._send("no_hosts")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._send("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._started[host.get_name(), task._uuid] = time.time()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        ignored = bool(getattr(result._task, "ignore_unreachable", False))
        self._result(result, "ignored" if ignored else "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result(result, "skipped")

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._item(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._item(result, "failed")

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._item(result, "skipped")

    def v2_runner_retry(self, result: Any) -> None:
        left = result._result.get("retries", 0) - result._result.get("attempts", 0)
        self._send("retry", host=result._host.get_name(), left=left, **_task(result._task))

    def _item(self, result: Any, status: str) -> None:
        host = result._host.get_name()
        self._handled_items.add((host, result._task._uuid))
        self._output(host, result, status)
        label = "" if _is_hidden(result._result) else str(result._result.get("_ansible_item_label", ""))
        self._send("item", host=host, status=status, item=_cut(label, 300), **_message(result))

    def _result(self, result: Any, status: str) -> None:
        host = result._host.get_name()
        key = (host, result._task._uuid)
        if key not in self._handled_items:
            self._output(host, result, status)
        self._handled_items.discard(key)
        now = time.time()
        details = _details(result._result) if status in {"failed", "unreachable", "ignored"} else ""
        started = self._started.pop(key, now)
        fields = {"host": host, "status": status, "started": started, "ended": now, "details": details}
        self._send("result", **fields, **_task(result._task), **_message(result))

    def _output(self, host: str, result: Any, status: str) -> None:
        if _is_hidden(result._result):
            return
        action = result._task.action.rpartition(".")[2]
        if action not in SPEAKING_ACTIONS and status not in {"failed", "ignored"}:
            return
        for lines in _chunks(result._result):
            self._send("output", host=host, lines=lines)


def _hidden(play: Any) -> dict[str, Any]:
    """Return what the play's variables say of what may not leave the site."""
    manager = play.get_variable_manager()
    hosts = manager._inventory.get_hosts(play.hosts)
    given = manager.get_vars(play=play, host=hosts[0] if hosts else None)
    return {name: given.get(name, []) for name in ("hidden_domains", "hidden_networks")}


def _task(task: Any) -> dict[str, str]:
    role = task._role.get_name() if task._role else ""
    return {"task": _cut(task.name or task.action), "role": _cut(role), "action": str(task.action)}


def _is_hidden(result: Any) -> bool:
    return bool(result.get("_ansible_no_log")) or "censored" in result


def _message(result: Any) -> dict[str, str]:
    answer = result._result
    if _is_hidden(answer):
        return {"message": "(hidden by no_log)"}
    if result._task.action.rpartition(".")[2] == "debug" and "msg" not in answer:
        shown = {key: value for key, value in answer.items() if key != "changed" and not key.startswith("_ansible")}
        return {"message": _cut(json.dumps(shown, default=str))}
    if answer.get("skip_reason"):
        return {"message": _cut(answer["skip_reason"])}
    return {"message": _cut(answer.get("msg", "")) or _first_line_of_output(answer)}


def _first_line_of_output(answer: Any) -> str:
    if not answer.get("failed"):
        return ""
    text = str(answer.get("stderr") or answer.get("stdout") or "").strip()
    return _cut(text.splitlines()[-1]) if text else ""


def _details(answer: Any) -> str:
    if _is_hidden(answer):
        return ""
    kept = {key: value for key, value in answer.items() if key not in HIDDEN_KEYS and not key.startswith("_ansible")}
    return _cut(json.dumps(kept, indent=2, sort_keys=True, default=str), MAX_DETAIL_CHARACTERS)


def _chunks(answer: Any) -> Iterator[list[str]]:
    """Yield the text of a result in lists of lines: a pipe holds little, and a result may hold a gigabyte."""
    lines: list[str] = []
    size = total = 0
    for line in _lines(answer):
        total += len(line)
        if total > MAX_OUTPUT:
            yield [*lines, f"(cut after {MAX_OUTPUT} characters)"]
            return
        lines.append(_cut(line, MAX_LINE))
        size += len(line)
        if size > CHUNK:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _lines(answer: Any) -> Iterator[str]:
    for key in TEXT_KEYS:
        text = answer.get(key)
        if isinstance(text, str):
            start = 0
            while start < len(text):
                end = text.find("\n", start)
                end = len(text) if end < 0 else end
                yield text[start : min(end, start + MAX_LINE + 1)]
                start = end + 1


def _cut(value: Any, limit: int = MAX_MESSAGE) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= limit else f"{text[:limit]}..."
