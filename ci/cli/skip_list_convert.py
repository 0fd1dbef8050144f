"""`skip-list convert`: lists of other forms become skip lists."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from ci.cli.listing_options import asked_tests, tempest_option, tests_option
from ci.cli.root import reason_option
from ci.cli.words import plural
from ci.errors import CIError, Finding, SiteError, UsageError
from ci.skip_lists.files import MAX_LIST_BYTES, new_list, read_list, replace_list

if TYPE_CHECKING:
    from ci.skip_lists.convert import Conversion
    from ci.skip_lists.foreign import ForeignList
    from ci.skip_lists.tempest_skip import Filter


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT", help="Default: stdout.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--reason", callback=reason_option, default="", metavar="TEXT", help="For tests without one.")
@click.option("--release", default="", metavar="NAME", help="Of tempest-skip's YAML only what is for this release.")
@click.option("--job", default="", metavar="NAME", help="Only what is for this job.")
@click.option("--deployment", default="", metavar="NAME", help="Only what is for this deployment.")
@click.option("--installer", default="", metavar="NAME", help="Only what is for this installer.")
@tests_option
@tempest_option
@click.option("--json", "as_json", is_flag=True, help="With -o: one JSON object about it.")
def convert(
    file: str, output: Path | None, force: bool, reason: str, release: str, job: str, deployment: str, installer: str,
    as_json: bool, tests: IO[bytes] | None, tempest: str | None,
) -> int:  # fmt: skip
    """Convert FILE (- for stdin) to a skip list: IDs with the names of their tests, in blocks with reasons.

    FILE holds test names, regular expressions or IDs, one a line, or is YAML of tempest-skip. Comments above tests
    become their reason. What matches no test is reported and stays in the list as a comment. Exit status 1 when
    something could not be converted; the list is written all the same.
    """
    from ci.skip_lists.convert import convert as convert_list  # noqa: PLC0415
    from ci.skip_lists.tempest_skip import Filter  # noqa: PLC0415

    if file == "-" and tests is not None and getattr(tests, "name", "<stdin>") == "<stdin>":
        raise UsageError("FILE and --tests cannot both come from stdin")
    if as_json and output is None:
        raise UsageError("--json is about a list that is written by -o OUT")
    conversion = convert_list(
        _read(file, Filter(release, job, deployment, installer)), asked_tests(tests, tempest), reason
    )
    for finding in conversion.lost:
        click.echo(str(finding), err=True)
    for finding in conversion.notes:
        click.echo(f"note: {finding}", err=True)
    if output is None:
        click.echo(conversion.text, nl=False)
    else:
        _write(output, conversion.text.encode(), replaces=force)
    _tell(conversion, output, as_json=as_json)
    return 1 if conversion.lost else 0


def _read(file: str, wanted: Filter) -> ForeignList:
    from ci.skip_lists.name_list import read_name_list  # noqa: PLC0415
    from ci.skip_lists.tempest_skip import Filter, is_tempest_skip, read_tempest_skip  # noqa: PLC0415

    name = "<stdin>" if file == "-" else file
    content = _stdin() if file == "-" else read_list(Path(file), name)
    if isinstance(content, Finding):
        raise SiteError([content])
    if is_tempest_skip(name, content):
        return read_tempest_skip(name, content, wanted)
    if wanted != Filter():
        raise UsageError(f"{name} is a list of names: only tempest-skip's YAML says what tests are for")
    return read_name_list(name, content)


def _stdin() -> bytes | Finding:
    content = sys.stdin.buffer.read(MAX_LIST_BYTES + 1)
    if len(content) > MAX_LIST_BYTES:
        return Finding("<stdin>", 0, 0, f"is larger than {MAX_LIST_BYTES} bytes", "split it")
    return content


def _write(path: Path, content: bytes, *, replaces: bool) -> None:
    try:
        if replaces and path.exists():
            replace_list(path, path.read_bytes(), content)
            return
        new_list(path, content)
    except FileExistsError:
        raise CIError(f"{path}: is there already: --force replaces it") from None
    except OSError as error:
        raise CIError(f"{path}: cannot be written: {error.strerror}") from error


def _tell(conversion: Conversion, output: Path | None, *, as_json: bool) -> None:
    if as_json:
        record = {
            "path": str(output),
            "entries": conversion.entries,
            "blocks": conversion.blocks,
            "errors": [dataclasses.asdict(finding) for finding in conversion.lost],
            "notes": [dataclasses.asdict(finding) for finding in conversion.notes],
        }
        click.echo(json.dumps(record))
        return
    lost = f", {len(conversion.lost)} could not be converted" if conversion.lost else ""
    where = f"{output}: " if output else ""
    click.echo(f"{where}{plural(conversion.entries, 'ID')} in {plural(conversion.blocks, 'block')}{lost}", err=True)
