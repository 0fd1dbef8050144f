"""What may not leave the site: passwords and tokens, private addresses, names of the vendor's own machines."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"
# key = value, key: value, - key: value, "key": "value",
OPTION = re.compile(r"""(?m)^([ \t]*(?:- +)*(?:\{[ \t]*)?["']?([\w-]+)["']?[ \t]*[=:][ \t]*)(\S.*)$""")
SECRET_KEY = re.compile(r"(?i)password|passwd|_pass\b|secret|token|api_key")
URL = re.compile(r"(://[^:/@\s]*:)([^@/\s]+)(@)")
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
# Times and hardware addresses are of the same characters: what is none of version 6 stays.
ADDRESS_6 = re.compile(
    r"(?i)(?<![0-9a-f:.])(?=[0-9a-f]{0,4}:[0-9a-f]{0,4}:)[0-9a-f:]{3,40}(?:%[\w-]+(?:\.[\w-]+)*)?(?![\w:])"
)
GROUPS_6 = 8
# A shorter one is a word of everyday, and hides more than it protects.
SHORTEST_SECRET = 8
# What invents addresses must not fill the memory.
MOST_STAND_INS = 10_000


class Scrubber:
    """Hides in text what is to be hidden; an address or a name gets the same stand-in wherever it is."""

    def __init__(self, domains: Iterable[str] = (), networks: Iterable[str] = ()) -> None:
        """Take domains (with all names below them) and networks as 10.0.0.0/8; raises ValueError for no network."""
        self._domains: list[str] = []
        self._names: re.Pattern[str] | None = None
        self._networks: list[Any] = []
        self._stand_ins: dict[str, dict[str, str]] = {"host": {}, "address": {}}
        self._seen: dict[str, str] = {}
        self._secrets: list[str] = []
        self.hide(domains, networks)

    def hide(self, domains: Iterable[str], networks: Iterable[str]) -> None:
        """Hide these, too; raises ValueError for no network."""
        self._seen.clear()
        wanted = [ipaddress.ip_network(network) for network in networks]
        self._networks += [network for network in wanted if network not in self._networks]
        self._domains += [
            name for name in (domain.strip(" .") for domain in domains) if name and name not in self._domains
        ]
        if self._domains:
            names = "|".join(map(re.escape, self._domains))
            self._names = re.compile(rf"(?i)(?<![\w.-])(?:[\w-]+\.)*(?:{names})(?![\w-]|\.\w)")

    def learn(self, text: str) -> None:
        """Remember the secrets of a configuration file, which logs may repeat."""
        for found in OPTION.finditer(text):
            if SECRET_KEY.search(found[2]):
                self._remember(found[3])
        for found in URL.finditer(text):
            self._remember(found[2])
        self._secrets.sort(key=len, reverse=True)  # of two that begin alike the longer one first

    def _remember(self, value: str) -> None:
        value = value.strip().strip("\"',")
        if len(value) >= SHORTEST_SECRET and not re.search(r"[\s/<$*]", value) and value not in self._secrets:
            self._secrets.append(value)

    def configuration(self, text: str) -> str:
        """Hide the values of options that are named like secrets, and all that is hidden elsewhere."""
        return self.text(OPTION.sub(_hide_option, text))

    def text(self, text: str) -> str:
        """Hide secrets that are known, passwords in URLs, tokens, addresses and names."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = URL.sub(rf"\g<1>{HIDDEN}\g<3>", text)
        for pattern, replacement in TOKENS:
            text = pattern.sub(replacement, text)
        if self._names:
            text = self._names.sub(lambda found: self._stand_in("host", found[0].lower()), text)
        if self._networks:
            text = ADDRESS.sub(lambda found: self._address(found[0]) or found[0], text)
            text = ADDRESS_6.sub(lambda found: self._address_6(found[0]), text)
        return text

    def _stand_in(self, kind: str, hidden: str) -> str:
        known = self._stand_ins[kind]
        if hidden not in known:
            if len(known) >= MOST_STAND_INS:
                return f"{kind}-more"
            known[hidden] = f"{kind}-{len(known) + 1}"
        return known[hidden]

    def _address_6(self, found: str) -> str:
        # "fe80::1:" and "addr:fe80::1" have a colon of the sentence around it
        text, percent, zone = found.partition("%")
        head = ":" if text.startswith(":") and not text.startswith("::") else ""
        end = ":" if text.endswith(":") and not text.endswith("::") else ""
        bare = text[len(head) : len(text) - len(end)]
        if "::" not in bare and bare.count(":") != GROUPS_6 - 1:
            return found
        hidden = self._address(bare)
        return f"{head}{hidden}{end}{percent}{zone}" if hidden else found

    def _address(self, found: str) -> str:
        """Return what stands for an address, "" for one that may be seen."""
        if found not in self._seen:
            if len(self._seen) >= MOST_STAND_INS:
                self._seen.clear()
            self._seen[found] = self._look_at(found)
        return self._seen[found]

    def _look_at(self, found: str) -> str:
        try:
            address = ipaddress.ip_address(found)
        except ValueError:  # a version, like 1.2.3.400
            return ""
        is_hidden = any(address in network for network in self._networks)
        return self._stand_in("address", str(address)) if is_hidden else ""


def _hide_option(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if SECRET_KEY.search(found[2]) else found[0]
