"""The options `--tests` and `--tempest`: where it is said which tests there are."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import click

from ci.errors import CIError, UsageError, printable

if TYPE_CHECKING:
    from ci.skip_lists.known_tests import KnownTests

MAX_LISTING_BYTES = 64 << 20

tests_option = click.option(
    "--tests", type=click.File("rb"), metavar="FILE", help="Output of `stestr list`; - for stdin."
)
tempest_option = click.option(
    "--tempest",
    is_flag=False,
    flag_value="",
    metavar="[VENV]",
    help="Ask an installed tempest for its tests: the one at hand, or that of a virtual environment. Write it last.",
)


def known_tests(tests: IO[bytes] | None, tempest: str | None) -> tuple[str, KnownTests | None]:
    """Return what the options say: the tests that there are and who says so; None where that was not asked for."""
    from ci.skip_lists.known_tests import read_listing  # noqa: PLC0415 - only where it is asked for
    from ci.skip_lists.tempest import find_tempest, list_tests  # noqa: PLC0415

    if tests is not None and tempest is not None:
        raise UsageError("--tests and --tempest say the same: give one of them")
    if tests is not None:
        content = tests.read(MAX_LISTING_BYTES + 1)
        source, text = str(getattr(tests, "name", "<stdin>")), content.decode(errors="replace")
        if len(content) > MAX_LISTING_BYTES:
            raise CIError(f"{source}: is larger than {MAX_LISTING_BYTES} bytes: give the output of `stestr list`")
    elif tempest is not None:
        program = find_tempest(tempest)
        click.echo(f"asking {program} for its tests ...", err=True)
        source, text = str(program), list_tests(program)
    else:
        return "", None
    known = read_listing(text)
    if not known:
        raise CIError(f"{printable(source)}: names no test: the output of `stestr list` is wanted")
    if tempest is not None:
        click.echo(f"{len(known)} tests", err=True)
    return source, known


def asked_tests(tests: IO[bytes] | None, tempest: str | None) -> KnownTests | None:
    """Return the tests that the options say; what makes a listing doubtful is said on stderr."""
    from ci.skip_lists.check import listing_warnings  # noqa: PLC0415

    source, known = known_tests(tests, tempest)
    for warning in listing_warnings(source, known) if known else ():
        click.echo(f"warning: {warning}", err=True)
    return known
