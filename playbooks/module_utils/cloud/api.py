"""The few REST calls that fill a cloud and look whether it is complete."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class ApiError(RuntimeError):
    """A request was refused or not answered; the message names it and the answer."""


class Api:
    """One admin session against the endpoints of a cloud (service name -> URL)."""

    def __init__(self, urls: dict[str, str], password: str) -> None:
        """Take the services' URLs and the password of the user admin; the first call gets a token."""
        self.urls = urls
        self._password = password
        self._token: str | None = None

    def get(self, service: str, path: str) -> Any:
        return self._call("GET", service, path)

    def post(self, service: str, path: str, body: Any) -> Any:
        return self._call("POST", service, path, json.dumps(body).encode())

    def put(self, service: str, path: str, content: bytes = b"") -> Any:
        return self._call("PUT", service, path, content, "application/octet-stream")

    def _call(
        self, method: str, service: str, path: str, content: bytes | None = None, kind: str = "application/json"
    ) -> Any:
        if self._token is None:
            self._token = self._new_token()
        headers = {"X-Auth-Token": self._token, "Content-Type": kind}
        return json.loads(self._send(method, self.urls[service] + path, content, headers)[1] or b"null")

    def _new_token(self) -> str:
        user = {"name": "admin", "domain": {"id": "default"}, "password": self._password}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        content = json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()
        url = self.urls["keystone"] + "/auth/tokens"
        return self._send("POST", url, content, {"Content-Type": "application/json"})[0]

    def _send(self, method: str, url: str, content: bytes | None, headers: dict[str, str]) -> tuple[str, bytes]:
        request = urllib.request.Request(url, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.headers.get("X-Subject-Token", ""), answer.read()
        except urllib.error.HTTPError as error:
            raise ApiError(f"{method} {url}: {error.code} {error.read(400).decode(errors='replace')}") from error
        except OSError as error:
            raise ApiError(f"{method} {url}: {error}") from error
