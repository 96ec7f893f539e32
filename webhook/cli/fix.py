"""``batchwarden fix``: writes into manifests what their policies would write, and leaves all else as it is."""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from stat import S_IMODE
from typing import Any, Final

import click

from webhook.audit.inputs import Inputs, Kept, Source
from webhook.audit.repair import repair
from webhook.audit.rewrite import Repairing, RewriteError, Rewritten, rewrite
from webhook.files import Unreadable, legible, read_content
from webhook.judging import By, judged_by, open_judge
from webhook.options import Name
from webhook.snapshots import PolicyFilesError
from webhook.text.changes import unified
from webhook.text.chunks import MAX_BYTES

COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


@click.command(
    epilog="Exit code: 0 nothing to do, or written, 1 there is something to write, 2 something could not be done."
)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--diff", "way", flag_value="diff", help="Show what would change.  [default]")
@click.option("--write", "way", flag_value="write", help='Write the files.  [default for "-"]')
@click.option(
    "--suggested", is_flag=True, help="Also change what the author wrote, where just one value cures a finding."
)
@judged_by
@click.option("-n", "--namespace", type=Name(), help="Where objects live that name no namespace.  [default: default]")
def command(paths: tuple[str, ...], way: str | None, *, suggested: bool, **given: Any) -> None:
    """Write into Jobs and CronJobs in files and folders what the policies would write.

    That is their defaults, where the author wrote nothing. Comments, order and style survive: no line changes that
    need not. Without PATH it looks into the current folder; "-" is the standard input, the fixed text of which goes to
    the standard output.

    \b
    batchwarden fix deploy/
    batchwarden fix --write deploy/
    helm template . | batchwarden fix - | kubectl apply -f -
    """  # noqa: D301 - click takes \b for: do not wrap
    with Inputs(paths or ["."], sys.stdin) as inputs:
        try:
            judge, faults = open_judge(By(**given), inputs, datetime.now(UTC))
        except PolicyFilesError as error:
            click.echo(error, err=True)
            sys.exit(2)
        for fault in faults:
            click.echo(fault, err=True)
        mend = partial(repair, judge, suggested=suggested)
        codes = [_fix(source, way, mend) for source in inputs.sources]
    sys.exit(max([2 if faults else 0, *codes]))


def _fix(source: Source, way: str | None, mend: Repairing) -> int:
    """Fix one source, or show how; give the exit code for it."""
    content = _read(source)
    if isinstance(content, Unreadable):
        click.echo(content, err=True)
        return 2
    name = legible(source.name if isinstance(source, Kept) else str(source))
    try:
        fixed = rewrite(content, name, mend)
    except RewriteError as error:
        click.echo(f"{name}: left as it is: {error}", err=True)
        return 2
    for unreadable in fixed.unreadable:
        click.echo(unreadable, err=True)
    if way == "diff" or (way is None and isinstance(source, Path)):
        _show(fixed, name)
        code = int(bool(fixed.changes))
    else:
        code = _write(fixed, source, content)
    return 2 if fixed.unreadable else code


def _read(source: Source) -> bytes | Unreadable:
    if isinstance(source, Path):
        content = read_content(source)
    elif isinstance(source, Kept):
        source.content.seek(0)
        content = source.content.read(MAX_BYTES + 1)
    else:
        return source
    if not isinstance(content, Unreadable) and len(content) > MAX_BYTES:
        name = source.name if isinstance(source, Kept) else str(source)
        return Unreadable(name, 0, 0, f"it is larger than {MAX_BYTES // 2**20} MiB; split it")
    return content


def _show(fixed: Rewritten, name: str) -> None:
    if fixed.changes:
        for line in unified(fixed.text, fixed.changes, name):
            click.secho(line.removesuffix("\n"), fg=COLOURS.get(line[0]))


def _write(fixed: Rewritten, source: Source, content: bytes) -> int:
    if isinstance(source, Kept):
        click.echo(fixed.content if fixed.changes else content, nl=False)
    elif isinstance(source, Path) and fixed.changes:
        try:
            _replace(source.resolve(), fixed.content)
        except OSError as error:
            click.echo(f"{legible(str(source))}: left as it is: it cannot be written: {error.strerror}", err=True)
            return 2
    for line in fixed.lines:
        click.echo(line, err=True)
    return 0


def _replace(file: Path, content: bytes) -> None:
    """Put another content into a file, whole or not at all; its mode stays."""
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile(dir=file.parent, prefix=".batchwarden-", delete=False) as temporary:
        written = Path(temporary.name)
        try:
            temporary.write(content)
            temporary.close()
            written.chmod(S_IMODE(file.stat().st_mode))
            written.replace(file)
        except BaseException:
            written.unlink()
            raise
