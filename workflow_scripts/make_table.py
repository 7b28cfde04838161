"""Make Table 1 from scores: results/tables/table1.csv, and table1.md beside it.

Reads results/scores/MODEL/BENCHMARK.json.
"""

import argparse
from pathlib import Path

from posecache import files, tables
from posecache.stage import run_stage


def pairs(text: str) -> tuple[str, dict[str, str]]:
    """`SIZE:mpii=NAME,coco=NAME,unified=NAME` of the command line."""
    size, _, rest = text.partition(":")
    return size, dict(item.split("=", 1) for item in rest.split(","))


def benchmarks(text: str) -> tuple[str, list[str]]:
    """`TEACHER:BENCHMARK,BENCHMARK` of the command line."""
    teacher, _, rest = text.partition(":")
    return teacher, rest.split(",")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=Path, required=True, help="folder of the scores")
    parser.add_argument(
        "--students",
        type=pairs,
        nargs="+",
        required=True,
        metavar="SIZE:mpii=NAME,coco=NAME,unified=NAME",
    )
    parser.add_argument(
        "--teachers", type=benchmarks, nargs="*", default=[], metavar="NAME:BENCHMARK,..."
    )
    parser.add_argument("--out", type=Path, required=True, help="the CSV; .md lies beside it")
    arguments = parser.parse_args()
    table = tables.table1(arguments.scores, dict(arguments.students))
    text = "Ours, and the paper's number in parentheses; italics: the 12 shared keypoints.\n\n"
    text += tables.as_markdown(table)
    if arguments.teachers:
        text += "\n" + tables.teachers_markdown(arguments.scores, dict(arguments.teachers))
    files.write_whole(arguments.out.with_suffix(".md"), text)
    files.write_whole(arguments.out, table.to_csv(index=False, float_format="%.2f"))


if __name__ == "__main__":
    run_stage(main)
