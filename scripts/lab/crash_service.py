"""The service as it is, with points to kill it at: `python -m lab.crash_service ARGUMENTS OF powervm-ci`."""

import sys
from collections.abc import Sequence
from typing import Any

from . import crash_points

PLANTS = ("resend", "lose-events")


def main(arguments: Sequence[str]) -> int:
    """Wrap what the plan in the environment asks for, then do what powervm-ci does."""
    plan = crash_points.Plan.from_environment()
    if plan.plant:
        plant(plan.plant)
    crash_points.install(crash_points.Points(plan))
    from ci.cli.root import run  # noqa: PLC0415 - after everything is wrapped

    return run(arguments)


def plant(error: str) -> None:
    """Make the service wrong in a way that the check from Gerrit's side must find."""
    if error == "resend":
        from ci.gerrit.adapter import SshGerrit  # noqa: PLC0415

        SshGerrit.has_review = lambda *_: False  # type: ignore[method-assign]
    elif error == "lose-events":
        from ci.store.events import EventTable  # noqa: PLC0415

        keep = EventTable.add

        def add(self: EventTable, events: Sequence[Any], *others: Any, **options: Any) -> int:
            kept = [event for event in events if event.change is None or event.change.number % 2]
            return keep(self, kept, *others, **options)

        EventTable.add = add  # type: ignore[method-assign]
    else:
        raise ValueError(f"no such error to plant: {error}; there are {', '.join(PLANTS)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
