"""What a clean-up comes to, for programs and for people."""

from __future__ import annotations

from typing import Any

EVERYTHING = "what this node has on the system"


def outcome(records: list[dict[str, str]], why: str, *, dry: bool = False) -> dict[str, Any]:
    """Return what an Ansible module answers: `removed`, `left`, `kept`, and `console`, lines for people.

    `why` says what kept the clean-up from its end, "" if nothing did: LPARs that were to go and of which nothing more
    was told are then among those that are left.
    """
    removed, left, kept, planned = (
        [record for record in records if record["what"] == what] for what in ("removed", "left", "kept", "planned")
    )
    ended = {record["lpar"] for record in (*removed, *left) if record["kind"] == "LPAR"}
    unfinished = [record for record in planned if record["lpar"] not in ended]
    left += [{**record, "why": why or "something that it had could not be removed"} for record in unfinished]
    if why and not unfinished:
        left.append({"what": "left", "kind": EVERYTHING, "name": "", "lpar": "", "why": why})
    tidy = [[_without_kind_of_record(record) for record in group] for group in (removed, left, kept)]
    return {
        "changed": bool(removed),
        "complete": not left,
        "removed": tidy[0],
        "left": tidy[1],
        "kept": tidy[2],
        "console": _console(*tidy, dry=dry),
    }


def _without_kind_of_record(record: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in record.items() if key != "what"}


def _console(
    removed: list[dict[str, str]], left: list[dict[str, str]], kept: list[dict[str, str]], *, dry: bool
) -> list[str]:
    lpars = [record for record in removed if record["kind"] == "LPAR"]
    verb = "would be removed" if dry else "removed"
    lines = [f"{verb}: {len(lpars)} LPARs and {len(removed) - len(lpars)} things that they had"]
    lines += [f"  {_named(record)}" for record in removed]
    if left:
        lines.append(f"WARNING: {len(left)} things are left on the system")
        lines += [f"  {_named(record)}: {record['why']}" for record in left]
    if kept:
        lines.append("not touched:")
        lines += [f"  {record['lpar']} LPARs of node {record['name']}: {record['why']}" for record in kept]
    return lines


def _named(record: dict[str, str]) -> str:
    owner = f"(of {record['lpar']})" if record["lpar"] not in ("", record["name"]) else ""
    return " ".join(word for word in (record["kind"], record["name"], owner) if word)
