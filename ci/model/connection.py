"""How the link to a Gerrit is doing."""

from __future__ import annotations

from enum import StrEnum


class ConnectionState(StrEnum):
    """`alarm` means that a person must act: trying again alone will not help."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DOWN = "down"
    ALARM = "alarm"
