"""What may not leave the site: passwords and tokens, private addresses, names of the vendor's own machines."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"
SECRETS = (
    # key = value, key: value, - key: value, "key": "value",
    re.compile(
        r"""(?im)^([\s{-]*["']?[\w-]*(?:password|passwd|_pass\b|secret|token|api_key)[\w-]*["']?\s*[=:]\s*)(\S.*)$"""
    ),
    re.compile(r"(://[^:/@\s]*:)([^@/\s]+)(@)"),
)
# Keystone's tokens wherever they are, and whatever else a header calls one; {SHA256} is what clients show of them.
TOKENS = (
    (re.compile(r"gAAAAA[\w-]{40,}={0,2}"), HIDDEN),
    (
        re.compile(r"""(?i)(x-(?:auth|subject|service)-token["']?\s*[:=]\s*["']?)(?!\{SHA)[^\s"',{][^\s"',]*"""),
        rf"\g<1>{HIDDEN}",
    ),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer)\s+)[^\s\"',]+"), rf"\g<1>{HIDDEN}"),
)
ADDRESS = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])")
# A shorter one is a word of everyday, and hides more than it protects.
SHORTEST_SECRET = 8


class Scrubber:
    """Hides in text what is to be hidden; an address or a name gets the same stand-in wherever it is."""

    def __init__(self, domains: Iterable[str] = (), networks: Iterable[str] = ()) -> None:
        """Take domains (with all names below them) and networks as 10.0.0.0/8; raises ValueError for no network."""
        names = "|".join(re.escape(domain.strip(".")) for domain in domains)
        self._names = re.compile(rf"(?i)(?<![\w.-])(?:[\w-]+\.)*(?:{names})(?![\w-]|\.\w)") if names else None
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._stand_ins: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._secrets: set[str] = set()

    def learn(self, text: str) -> None:
        """Remember the secrets of a configuration file, which logs may repeat."""
        for found in SECRETS[0].finditer(text):
            self._remember(found[2])
        for found in SECRETS[1].finditer(text):
            self._remember(found[2])

    def _remember(self, value: str) -> None:
        value = value.strip().strip("\"',")
        if len(value) >= SHORTEST_SECRET and not re.search(r"[\s/<$*]", value):
            self._secrets.add(value)

    def configuration(self, text: str) -> str:
        """Hide the values of options that are named like secrets, and all that is hidden elsewhere."""
        return self.text(SECRETS[0].sub(rf"\g<1>{HIDDEN}", text))

    def text(self, text: str) -> str:
        """Hide secrets that are known, passwords in URLs, tokens, addresses and names."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = SECRETS[1].sub(rf"\g<1>{HIDDEN}\g<3>", text)
        for pattern, replacement in TOKENS:
            text = pattern.sub(replacement, text)
        if self._names:
            text = self._names.sub(lambda found: self._stand_in("host", found[0].lower()), text)
        return ADDRESS.sub(lambda found: self._address(found[0]), text) if self._networks else text

    def _stand_in(self, kind: str, hidden: str) -> str:
        if hidden not in self._stand_ins:
            count = sum(one.startswith(kind) for one in self._stand_ins.values())
            self._stand_ins[hidden] = f"{kind}-{count + 1}"
        return self._stand_ins[hidden]

    def _address(self, found: str) -> str:
        if found not in self._addresses:
            try:
                address = ipaddress.ip_address(found)
            except ValueError:  # a version, like 1.2.3.400
                self._addresses[found] = found
            else:
                is_hidden = any(address in network for network in self._networks)
                self._addresses[found] = self._stand_in("address", found) if is_hidden else found
        return self._addresses[found]
