"""What may not leave the site: passwords and tokens, private addresses, names of the vendor's own machines."""

from __future__ import annotations

import html
import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"
# The author of a patch writes what is read here. So that nobody can make it take hours, each repetition has an end, or
# can begin at one place in a word only, and what was taken for a value is not looked at again.
#
# key = value, "key": "value", \"key\": \"value\", --key=value, wherever it stands.
OPTION = re.compile(
    r"""(?<![\w.-])([\w.-]{1,200})((?:\\{0,8}["'])?)[ \t]{0,40}(=(?!=)>?|:(?!:))[ \t]{0,40}(?=[^ \t\n])"""
)
# --key value, "--key", "value"
FLAG = re.compile(
    r"""(?<![\w.-])(--([\w-]{1,100})(?:\\{0,8}["'],\s{1,40}\\{0,8}["']|[ \t]{1,40}))"""
    r"""(?!-)("[^"\n]*"|'[^'\n]*'|[^\s"'\\,;]+)"""
)
# What a trace of devstack shows: iniset FILE SECTION KEY VALUE
INI_OPTION = re.compile(
    r"""\b(ini(?:add|set(?:_multiline)?)[ \t]{1,8}(?:-sudo[ \t]{1,8})?(?:\S{1,300}[ \t]{1,8}){2}"""
    r"""(\S{1,200})[ \t]{1,8})"""
    r"""("[^"\n]*"|'[^'\n]*'|[^\s"'\\,;]+)"""
)
SECRET_KEY = re.compile(
    r"(?i)passw(?:or)?d|passphrase|[_-]pass(?![a-z])|(?-i:[a-z0-9]Pass)$|[_-]pwd$|secret|token|x-api-session$|^(?:set-)?cookie$"
    r"|(?:api|access|private|encryption|fixed|account|hmac|signing|fernet)[_-]?key$"
)
# These tell something of a secret, and are none.
ABOUT_SECRET = re.compile(
    r"(?i)[a-z_-](?:algorithm|authentication|bind|cache\w*|class|count|dir|driver|enabled|expir\w*|file|flavor|format|length|lib|methods?"
    r"|path|plugins?|provider|refs?|regex\w*|rounds|seconds|size|store|symbols|time|timeout|ttl|type|ur[il]|uuid)$"
)
# Tests and exceptions have their names of what they are about: "test_list_tokens: ok", "InvalidToken: no such user".
TEST = re.compile(r"^test|Test")
EXCEPTION = re.compile(r"^(?:[A-Z]+[a-z0-9]+){2,}$")
# What may stand ahead of the first key of a line: signs of a diff, of a list, of a shell.
AHEAD = re.compile(r"""[ \t+-]*(?:export[ \t]+)?(?:\{[ \t]*)?\\{0,8}["']?""")
AHEAD_LENGTH = 200
# A line of a traceback: nobody's secret is made of a call.
CODE = re.compile(r"self\.[a-z_]|[a-z_][a-z_.]*\(")
QUOTED = re.compile(r"""[bu]?(\\{0,8}["'])((?:(?!\1)(?:\\.|[^\\\n])){1,4096})\1""")
QUOTED_END = re.compile(r"[\s,;&}\])\\]|$")
LINE_END = re.compile(r"[ \t,;}\])]{0,40}(?:[#;].*)?$", re.MULTILINE)
LIST = re.compile(r"\[[^\]\n]+")
OBJECT = re.compile(r"""\{[ \t]{0,40}(?:$|["'}\\]|[\w-]{1,100}:[ \t])""", re.MULTILINE)
REST = re.compile(r"\S.*")
WORD = re.compile(r"""\\{0,8}["']?(<[\w ]{1,40}>|[^\s"',;&\\]+)""")
AUTHORIZATION_KEY = re.compile(r"(?i)(?:^|-)authorization$")
# Of a header the last group is what it proves itself with.
AUTHORIZATION = re.compile(
    r"""(?i)(\\{0,8}["']?digest[ \t]{1,40})(.+)|(\\{0,8}["']?)([^\s"',\\]{16,})"""
    r"""|(\\{0,8}["']?(?:apikey|basic|bearer|hawk|hmac|negotiate|ntlm|token)[ \t]{1,40})([^\s"',\\]+)"""
)
# Nobody's secret, and useful to see. {SHA256} is what clients show of tokens.
PLAIN = re.compile(
    r"(?i)none|null|true|false|yes|no|undefined|<[\w ]*>|\$\w+|\$\{\w+\}|%s|%\(\w+\)s|\{\{[^{}]*\}\}|\*+|[|>][+-]?"
    r"|\{SHA.*"
)
# As a password they are hidden, and in logs they are words as others.
COMMON = frozenset({
    "admin", "barbican", "changeme", "cinder", "default", "devstack", "glance", "horizon", "ironic", "keystone",
    "neutron", "openstack", "passw0rd", "password", "placement", "powervm", "private", "public", "rabbit", "rabbitmq",
    "secret", "service", "string", "tempest", "token",
})  # fmt: skip
# A shorter one is in words of everyday, and hides more than it protects.
SHORTEST_SECRET = 6
LONGEST_SECRET = 4096
URL = re.compile(r"(://[^:/@\s]*:)([^@/\s]+)(@)")
# Keystone's tokens wherever they are.
TOKEN = re.compile(r"gAAAAA[\w-]{40,}={0,2}")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
PRIVATE_KEY_LENGTH = 20_000
KEY_DATA = re.compile(r"[A-Za-z0-9+/=]{40,}")
LINE = re.compile(r"[^\n]+")
# Ahead of an address there may be what ends "\\n" or "%2F", and behind it anything but more of it.
ADDRESS = re.compile(r"(?:(?<![\d.])|(?<=%[0-9A-Fa-f]{2}))(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\d|\.\d)")
# Times and hardware addresses are of the same characters: what is none of version 6 stays.
ADDRESS_6 = re.compile(
    r"(?i)(?:(?<![0-9a-f:.])|(?<=%[0-9a-f]{2}))(?=[0-9a-f]{0,4}:[0-9a-f]{0,4}:)[0-9a-f:]{3,40}(?:%[\w-]+(?:\.[\w-]+)*)?(?![\w:])"
)
GROUPS_6 = 8
# What invents secrets or addresses must neither take hours nor fill the memory.
MOST_SECRETS = 1_000
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
        self._secrets: dict[str, None] = {}
        self._ordered: list[str] = []
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
        for start, end, is_told in _values(text, is_configuration=True):
            if is_told:
                self._remember(text[start:end])
        for found in URL.finditer(text):
            self._remember(found[2])
        self._order()

    def learn_option(self, key: str, value: str) -> None:
        """Remember the value of an option as a whole, if its name is that of a secret; else the secrets in it."""
        if _is_secret(key):
            self._remember(value)
        self.learn(value)

    def _order(self) -> None:
        self._ordered = sorted(self._secrets, key=len, reverse=True)  # of two that begin alike the longer one first

    def _remember(self, value: str) -> None:
        value = value.strip(" \t\r\"',")
        if len(self._secrets) >= MOST_SECRETS or not SHORTEST_SECRET <= len(value) <= LONGEST_SECRET:
            return
        without_comment = re.split(r"[ \t][#;]", value, maxsplit=1)[0].rstrip(" \t\"',")
        without_bracket = value.rstrip("}])")
        for secret in (value, without_comment, without_bracket, re.sub(r"\\(.)", r"\1", value), unquote(value)):
            if _is_worth_hiding(secret):
                # Also as addresses, JSON and pages write it.
                for written in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret)):
                    self._secrets.setdefault(written)

    def configuration(self, text: str) -> str:
        """Hide the whole values of options that are named like secrets, and all that is hidden elsewhere."""
        return self.text(_without_values(text, is_configuration=True))

    def text(self, text: str) -> str:
        """Hide secrets that are known or named, passwords in URLs, tokens, private keys, addresses and names."""
        for secret in self._ordered:
            text = text.replace(secret, HIDDEN)
        text = _without_private_keys(text)
        text = URL.sub(rf"\g<1>{HIDDEN}\g<3>", text)
        text = TOKEN.sub(HIDDEN, text)
        text = _without_values(text, is_configuration=False)
        text = FLAG.sub(_hide_named, text)
        text = INI_OPTION.sub(_hide_named, text)
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


def _is_secret(key: str) -> bool:
    name = key.strip(".").rpartition(".")[2]
    return SECRET_KEY.search(name) is not None and not ABOUT_SECRET.search(name)


def _is_worth_hiding(secret: str) -> bool:
    """Whether a secret is worth hiding wherever it stands; digits alone are in times and sizes."""
    return (
        len(secret) >= SHORTEST_SECRET
        and secret.lower() not in COMMON
        and re.search(r"[^\W\d_]", secret) is not None
        and not PLAIN.fullmatch(secret)
    )


def _values(text: str, *, is_configuration: bool) -> Iterator[tuple[int, int, bool]]:
    """Yield where a secret's value begins and ends, and whether it is certain enough to be looked for elsewhere."""
    end = 0
    for found in OPTION.finditer(text):
        if found.start() < end:
            continue
        span = None
        is_first, is_comment = False, True
        if AUTHORIZATION_KEY.search(found[1]):
            header = AUTHORIZATION.match(text, found.end())
            span = header.span(header.lastindex or 0) if header else None
        elif _is_secret(found[1]) and (is_configuration or not _is_about_something(text, found)):
            is_first, is_comment = _place(text, found.start())
            span = _span(text, found, is_whole=is_configuration and is_first)
        if span:
            end = span[1]
            yield *span, not is_comment and (is_first or _is_assigned(text, found))


def _is_about_something(text: str, found: re.Match[str]) -> bool:
    """Whether "key: value" in a log is no option but a test, an exception or a path, or "key = value" is Python's."""
    name = found[1].strip(".").rpartition(".")[2]
    if found[3] != ":":
        return CODE.match(text, found.end()) is not None
    is_prose = not found[2] and (EXCEPTION.search(name) is not None or text.startswith("/", max(0, found.start() - 1)))
    return is_prose or TEST.search(name) is not None


def _place(text: str, start: int) -> tuple[bool, bool]:
    """Return whether nothing but signs is ahead in the line, and whether it is a comment."""
    newline = text.rfind("\n", max(0, start - AHEAD_LENGTH), start)
    if newline < 0 and start > AHEAD_LENGTH:
        return False, False
    ahead = text[newline + 1 : start]
    return AHEAD.fullmatch(ahead) is not None, ahead.lstrip(" \t+-")[:1] in {"#", ";"}


def _is_assigned(text: str, found: re.Match[str]) -> bool:
    """Whether it is an option although other text is ahead of it, and not a sentence with a colon."""
    ahead = text[max(0, found.start() - 3) : found.start()].rstrip()
    return bool(found[2]) or found[3] != ":" or ahead.endswith(("{", ","))


def _span(text: str, found: re.Match[str], *, is_whole: bool) -> tuple[int, int] | None:
    """Return where the value of an option begins and ends; `is_whole`: it goes on to the end of the line."""
    start = found.end()
    is_pair = found[3] == ":"
    if is_pair and OBJECT.match(text, start):
        return None
    is_whole = is_whole and not found[2]
    value = LIST.match(text, start) if is_pair else None
    if value:
        return value.start() + 1, value.end()
    quoted = QUOTED.match(text, start)
    if quoted and (LINE_END if is_whole else QUOTED_END).match(text, quoted.end()):
        span = quoted.span(2)
    elif is_whole and (value := REST.match(text, start)):
        span = value.span()
    elif value := WORD.match(text, start):
        span = value.span(1)
    else:
        return None
    return None if PLAIN.fullmatch(text[span[0] : span[1]].strip(" \t\r\"',")) else span


def _without_values(text: str, *, is_configuration: bool) -> str:
    parts, done = [], 0
    for start, end, _ in _values(text, is_configuration=is_configuration):
        parts += [text[done:start], HIDDEN]
        done = end
    return "".join([*parts, text[done:]])


def _hide_named(found: re.Match[str]) -> str:
    is_shown = not _is_secret(found[2]) or PLAIN.fullmatch(found[3])
    return found[0] if is_shown else f"{found[1]}{HIDDEN}"


def _without_private_keys(text: str) -> str:
    """Hide what is between begin and end of a private key; where the end is missing, what looks like a key."""
    parts, done = [], 0
    for found in PRIVATE_KEY.finditer(text):
        start, limit = found.end(), found.end() + PRIVATE_KEY_LENGTH
        end = text.find("-----", start, limit)
        data = LINE if text.startswith("-----END", end) else KEY_DATA
        end = end if end >= 0 else min(limit, len(text))
        parts += [text[done:start], data.sub(HIDDEN, text[start:end])]
        done = end
    return "".join([*parts, text[done:]])
