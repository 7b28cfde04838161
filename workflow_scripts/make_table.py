"""Make one table from scores: results/tables/TABLE.csv, and TABLE.md beside it.

Reads results/scores/MODEL/BENCHMARK.json.
"""

import argparse
from pathlib import Path

from posecache import files, tables
from posecache.stage import run_stage
from posecache.table_specs import TABLES


def part(text: str) -> tuple[str, str]:
    """`PART=MODEL` of the command line."""
    name, _, model = text.partition("=")
    return name, model


def benchmarks(text: str) -> tuple[str, list[str]]:
    """`TEACHER:BENCHMARK,BENCHMARK` of the command line."""
    teacher, _, rest = text.partition(":")
    return teacher, rest.split(",")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", choices=sorted(TABLES), required=True)
    parser.add_argument("--scores", type=Path, required=True, help="folder of the scores")
    parser.add_argument(
        "--models",
        type=part,
        nargs="+",
        required=True,
        metavar="PART=MODEL",
        help="which model plays which part, as tiny.unified=unified-t or I.coco=teacher-coco",
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
    arguments = parser.parse_args()
    table = tables.make(arguments.table, arguments.scores, dict(arguments.models))
    text = tables.as_markdown(arguments.table, table)
    if arguments.teachers:
        text += "\n" + tables.teachers_markdown(arguments.scores, dict(arguments.teachers))
    files.write_whole(arguments.out.with_suffix(".md"), text)
    files.write_whole(arguments.out, table.to_csv(index=False, float_format="%.2f"))


if __name__ == "__main__":
    run_stage(main)
