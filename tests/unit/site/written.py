"""A local.conf read back: its parts as values, for tests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

HEADER = re.compile(r"\[\[(.+)\|(.+)\]\]")


@dataclass
class LocalConf:
    """`localrc` and `plugins` by name, `services` that are on and off, `options` by (file, section, name)."""

    text: str
    localrc: dict[str, str] = field(default_factory=dict)
    plugins: dict[str, str] = field(default_factory=dict)
    on: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    options: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def nova(self, section, option):
        return self.options.get(("$NOVA_CONF", section, option))

    def ml2(self, section, option):
        return self.options.get(("/$Q_PLUGIN_CONF_FILE", section, option))

    def tempest(self, section, option):
        return self.options.get(("$TEMPEST_CONFIG", section, option))

    @property
    def mechanism_drivers(self):
        return self.localrc.get("Q_ML2_PLUGIN_MECHANISM_DRIVERS", "").split(",")


def read(text: str) -> LocalConf:
    """Read what the role wrote; a line of no known form is an error."""
    conf, place, section = LocalConf(text), ("", ""), ""
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        name, sign, value = line.partition("=")
        if not line or line.startswith("#"):
            continue
        if found := HEADER.fullmatch(line):
            place, section = (found[1], found[2]), ""
        elif place != ("local", "localrc") and line.startswith("["):
            section = line.strip("[]")
        elif place != ("local", "localrc"):
            assert sign, line
            assert (place[1], section, name) not in conf.options, line
            conf.options[place[1], section, name] = value
        elif word == "enable_plugin":
            plugin, _, location = rest.partition(" ")
            conf.plugins[plugin] = location
        elif word in {"enable_service", "disable_service"}:
            (conf.on if word == "enable_service" else conf.off).add(rest)
        else:
            assert re.fullmatch(r"[A-Za-z_]\w*", name), line
            assert name not in conf.localrc, line
            conf.localrc[name] = value
    assert not conf.on & conf.off
    return conf
