"""Make one table from scores: results/tables/TABLE.csv, with TABLE.md and a sweep's TABLE.png.

Reads results/scores/MODEL/BENCHMARK.json.
"""

import argparse
from pathlib import Path

from posecache import files, records
from posecache.config.options import yaml_of
from posecache.report import sweeps
from posecache.report.figures import as_png
from posecache.stage import run_stage
from posecache.tables import making, markdown
from posecache.tables.settings import OwnTable
from posecache.tables.specs import OPEN, TABLES, cast
from posecache.tables.sweeps import SweptTable
from posecache.tables.table import Table


def part(text: str) -> tuple[str, str]:
    """Parse `PART=MODEL` from the command line."""
    name, _, model = text.partition("=")
    return name, model


def benchmarks(text: str) -> tuple[str, list[str]]:
    """Parse `TEACHER:BENCHMARK,BENCHMARK` from the command line."""
    teacher, _, rest = text.partition(":")
    return teacher, rest.split(",")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", required=True, help=f"one of {', '.join(TABLES)}, or your own")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="score files")
    parser.add_argument(
        "--own", type=yaml_of(OwnTable), metavar="YAML", help="what a table of your own holds"
    )
    parser.add_argument(
        "--sweep", type=yaml_of(SweptTable), metavar="YAML", help="what the table of a sweep holds"
    )
    parser.add_argument(
        "--models",
        type=part,
        nargs="+",
        default=[],
        metavar="PART=MODEL",
        help="which model plays which part of a published table, as tiny.unified=unified-t",
    )
    parser.add_argument(
        "--rivals",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"further models with a row in {' or '.join(OPEN)}",
    )
    parser.add_argument(
        "--teachers",
        type=benchmarks,
        nargs="*",
        default=[],
        metavar="NAME:BENCHMARK,...",
        help="teachers that are listed below the table",
    )
    parser.add_argument("--out", type=Path, required=True, help="the CSV; .md lies beside it")
    records.add_option(parser)
    return parser


def described(arguments: argparse.Namespace) -> Table:
    """The table that the command line describes."""
    own: OwnTable | SweptTable | None = arguments.own or arguments.sweep
    if own is not None:
        return own.table()
    if arguments.table not in TABLES:
        raise ValueError(f"unknown table {arguments.table!r}, expected one of {', '.join(TABLES)}")
    if arguments.rivals and arguments.table not in OPEN:
        raise ValueError(f"{arguments.table}: --rivals have rows in {' and '.join(OPEN)} alone")
    table = cast(arguments.table, dict(arguments.models), arguments.rivals)
    if table is None:
        raise ValueError(f"{arguments.table}: --models leave parts without a model")
    return table


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        write(arguments)


def write(arguments: argparse.Namespace) -> None:
    """Make the table and write its files."""
    table, scores = described(arguments), making.read_scores(arguments.scores)
    frame = making.make(arguments.table, table, scores)
    text = markdown.as_markdown(table, frame)
    if arguments.teachers:
        text += "\n" + markdown.teachers_markdown(scores, dict(arguments.teachers))
    if arguments.sweep is not None:
        picture = arguments.out.with_suffix(".png")
        files.write_atomically(picture, as_png(sweeps.draw(arguments.sweep, frame)))
        text += f"\n![{table.title}]({picture.name})\n"
    files.write_atomically(arguments.out.with_suffix(".md"), text)
    files.write_atomically(arguments.out, frame.to_csv(index=False, float_format="%.2f"))


if __name__ == "__main__":
    run_stage(main)
