"""Gerrit's REST API as an administrator or another account uses it in the laboratory."""

import base64
import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from .gerrit_install import GerritError

ANSWER_SECONDS = 30.0


class Rest:
    """One account's view of one Gerrit over HTTP."""

    def __init__(self, url: str, user: str = "admin", password: str = "secret") -> None:  # noqa: S107
        """Speak to the Gerrit at `url` (with a slash at its end); the defaults are those of a development site."""
        self.url = url
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON (or plain text, when `body` is a str) and return the decoded answer, None when it is empty."""
        return self._decoded(*self._send(method, path, body))

    def status(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Return the status and text of an answer, whichever it is."""
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: object) -> tuple[int, str]:
        plain = isinstance(body, str)
        content = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}a/{path}", content, method=method)
        request.add_header("Authorization", self._authorization)
        if content is not None:
            request.add_header("Content-Type", "text/plain" if plain else "application/json; charset=UTF-8")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")
        except OSError as error:
            raise GerritError(f"{method} {path}: {error}") from error

    def _decoded(self, status: int, text: str) -> Any:
        if status >= HTTPStatus.BAD_REQUEST:
            raise GerritError(f"Gerrit answered {status}: {text.strip()[:300]}")
        # Every JSON answer starts with a line that keeps browsers from running it.
        return json.loads(text.removeprefix(")]}'")) if text.strip() else None

    # --- projects, accounts, groups, rights

    def create_project(self, name: str, *, empty_commit: bool = True, branches: tuple[str, ...] = ()) -> None:
        """Create a project, by default with an empty first commit on its branches (master when none are named)."""
        body = {"create_empty_commit": empty_commit, "branches": list(branches)}
        self.call("PUT", f"projects/{quote(name, safe='')}", body)

    def create_account(self, username: str, name: str, email: str, ssh_key: str = "", password: str = "secret") -> None:  # noqa: S107
        """Create an account that may log in by ssh (`ssh_key`: the line of a .pub file) and over HTTP."""
        body = {"name": name, "email": email, "http_password": password}
        self.call("PUT", f"accounts/{username}", body | ({"ssh_key": ssh_key} if ssh_key else {}))

    def create_group(self, name: str, members: tuple[str, ...] = ()) -> str:
        """Create a group with these accounts in it; returns its UUID."""
        group: str = self.call("PUT", f"groups/{quote(name, safe='')}", {"visible_to_all": True})["id"]
        for member in members:
            self.call("PUT", f"groups/{group}/members/{member}", {})
        return group

    def grant_stream_events(self, group: str) -> None:
        """Let a group (UUID) read the stream of events."""
        self._grant("GLOBAL_CAPABILITIES", "streamEvents", group, {})

    def grant_label(
        self, label: str, group: str, lowest: int = -1, highest: int = 1, ref: str = "refs/heads/*"
    ) -> None:
        """Let a group (UUID) vote in the given range, in every project."""
        self._grant(ref, f"label-{label}", group, {"min": lowest, "max": highest}, {"label": label})

    def create_label(self, name: str, project: str = "All-Projects") -> None:
        """Create a label with the votes -1 (Fails), 0 and +1 (Works) that gates nothing."""
        values = {"-1": "Fails", " 0": "No score", "+1": "Works"}
        path = f"projects/{quote(project, safe='')}/labels/{name}"
        self.call("PUT", path, {"values": values, "function": "NoBlock", "commit_message": f"Add label {name}"})

    def _grant(
        self, section: str, permission: str, group: str, rule: dict[str, object], label: dict[str, str] | None = None
    ) -> None:
        rules = {group: {"action": "ALLOW", **rule}}
        add = {section: {"permissions": {permission: {"rules": rules, **(label or {})}}}}
        self.call("POST", "projects/All-Projects/access", {"add": add})

    # --- changes

    def review(self, number: int, body: dict[str, object], patchset: int | str = "current") -> None:
        """Post a review with exactly this body."""
        self.call("POST", f"changes/{number}/revisions/{patchset}/review", body)

    def comment(self, number: int, text: str, *, as_web_page: bool = False) -> None:
        """Comment on the current patch set: as a message, or as the web page does it (at patch set level)."""
        at_patchset_level: dict[str, object] = {
            "comments": {"/PATCHSET_LEVEL": [{"message": text, "unresolved": False}]}
        }
        self.review(number, at_patchset_level if as_web_page else {"message": text})

    def abandon(self, number: int) -> None:
        self.call("POST", f"changes/{number}/abandon", {})

    def restore(self, number: int) -> None:
        self.call("POST", f"changes/{number}/restore", {})

    def detail(self, number: int) -> dict[str, Any]:
        """Return a change with messages, votes and patch sets, as REST tells it."""
        answer: dict[str, Any] = self.call("GET", f"changes/{number}/detail?o=ALL_REVISIONS&o=MESSAGES")
        return answer

    def messages(self, number: int, username: str | None = None) -> list[str]:
        """Return the messages on a change, oldest first, of one account or of all."""
        return [
            message["message"]
            for message in self.detail(number)["messages"]
            if username is None or message.get("author", {}).get("username") == username
        ]

    def votes(self, number: int, label: str) -> dict[str, int]:
        """Return the votes other than 0 on the current patch set, by user name."""
        found = self.detail(number).get("labels", {}).get(label, {}).get("all", [])
        return {vote["username"]: vote["value"] for vote in found if vote.get("value")}
