"""``hanse init`` writes a first configuration; ``hanse demo`` builds a small company and answers its question."""

import tempfile
from pathlib import Path

import click

from hanse.cli import output as out
from hanse.cli.query import summary
from hanse.cli.session import reported
from hanse.demo.company import build
from hanse.demo.question import QUESTION, SQL
from hanse.engine import Engine
from hanse.errors import UserError

TEMPLATE = """\
# The sources that one query may read. Every text may hold ${NAME} for an environment variable; a text
# "file:path" is the content of that file. Check it with: hanse check
sources:
  # sales: {kind: postgres, url: "postgresql://reader:${SALES_PASSWORD}@localhost:5432/sales"}
  # crm: {kind: mysql, url: "mysql://reader:${CRM_PASSWORD}@localhost:3306/crm"}
  # lake: {kind: files, path: data}
  # ref: {kind: sqlite, path: ref.db}
  # wh: {kind: duckdb, path: wh.duckdb}

engine:
  memory_limit: 1GB
"""


@click.command()
@click.argument("path", default="hanse.yaml")
@reported
def init(path: str) -> None:
    """Write a first hanse.yaml with an example of every kind; an existing file is left alone."""
    file = Path(path)
    try:
        with file.open("x", encoding="utf-8") as fresh:
            fresh.write(TEMPLATE)
    except FileExistsError:
        raise UserError(f"{path} is there already", sqlstate="58P02", hint="edit it, or give another name") from None
    click.echo(f"wrote {path}; fill in a source, then: hanse check -c {path}")


@click.command()
@click.option("--folder", help="Keep the company's files here; by default they are removed at the end.")
@reported
def demo(folder: str | None) -> None:
    """Build a small company over six stores and answer one question over five of them with one statement."""
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _demo(Path(folder))
        click.echo(f"\nThe company stays in {folder}: hanse query -c {Path(folder) / 'hanse.yaml'}")
        return
    with tempfile.TemporaryDirectory(prefix="hanse-demo-") as temporary:
        _demo(Path(temporary))


def _demo(folder: Path) -> None:
    click.echo("Building a small company: " + str(folder))
    build(folder)
    with Engine(folder / "hanse.yaml") as engine:
        for name, kind in engine.catalog.kinds.items():
            tables = ", ".join(table.name for table in engine.catalog.tables(name))
            click.echo(f"  {name} ({kind}): {tables}")
        click.echo(f"\n{QUESTION}\n\n{SQL}\n")
        with engine.query(SQL) as result:
            out.write(result, "table", None)
        click.echo("\nWhat each source was asked and sent:\n" + summary(result.report))
        click.echo("\nThe plan:\n" + engine.explain(SQL))
