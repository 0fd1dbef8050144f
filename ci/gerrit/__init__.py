"""Gerrit over ssh: the event stream, parsing, queries and reviews."""

import sys

# paramiko imports it for `Match exec` in ssh's own configuration, which is not read here: 0.05 s of every start.
sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
