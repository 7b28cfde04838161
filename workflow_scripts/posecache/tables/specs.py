"""What the tables of the paper and of its authors' report hold: columns, rows, published numbers.

`cross` is ours: what neither measures.

Here a row's model is a part, which the configuration gives to one of our models: a student by size
and role, such as `tiny.unified`, or a teacher by set and dataset, such as `I.coco`. Rivals, models
that are neither, have rows of their own below them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from posecache.tables.table import Column, Row, Table

PUBLISHED = Path(__file__).parent / "published"
SIZES = ("tiny", "small")


def _columns(dataset: str, prefix: str, metrics: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(
        Column(f"{prefix}{suffix}", metric, dataset, metric) for suffix, metric in metrics.items()
    )


PCKH = (
    Column("mpii_pck", "PCKh", "mpii", "mean"),
    Column("mpii_pck_01", "PCKh@0.1", "mpii", "mean@0.1"),
)
SIX = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ar": "AR", "ar50": "AR50", "ar75": "AR75"}
TEN = {
    "ap": "AP", "ap50": "AP50", "ap75": "AP75", "ap_m": "APM", "ap_l": "APL",
    "ar": "AR", "ar50": "AR50", "ar75": "AR75", "ar_m": "ARM", "ar_l": "ARL",
}  # fmt: skip
JOINTS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "mean")
BOTH = {"mpii": "mpii", "coco": "coco"}
SHARED = {"mpii": "mpii-shared12", "coco": "coco-shared12"}
UNION21 = {"coco": "halpe-union21", "mpii": "mpii-union21"}
CROSS = {"coco": "coco-cross", "mpii": "mpii-cross"}
CROSS |= {f"{framing}_oks": benchmark for framing, benchmark in UNION21.items()}
DISTILLED = (("no", "combined"), ("yes", "unified"))
# The tables in which rivals stand too, and the benchmarks of each row there.
OPEN = {"table5": {"halpe": UNION21["coco"]}, "cross": CROSS}


def _framed(framing: str, groups: Sequence[str]) -> tuple[Column, ...]:
    """PCKh of groups of keypoints, and the AP of all 21, in pictures framed as a dataset's."""
    heading = framing.upper()
    pckh = (
        Column(f"{framing}_{group.replace('@0.', '_0')}", f"{heading}: {group}", framing, group)
        for group in groups
    )
    return (*pckh, Column(f"{framing}_ap", f"{heading}: AP", f"{framing}_oks", "AP"))


def _by_distillation(benchmarks: Mapping[str, str]) -> tuple[Row, ...]:
    """Rows of each student size, without and with teachers."""
    return tuple(
        Row((size, distil), f"{size}.{role}", benchmarks, size)
        for size in SIZES
        for distil, role in DISTILLED
    )


def _report_students(size: str) -> tuple[Row, ...]:
    """Students trained on COCO, on both datasets, on both with teachers; long and short runs."""
    return tuple(
        Row((dataset, distilled, epochs), f"{size}.{role}{suffix}", benchmarks, epochs)
        for epochs, suffix in (("420", ""), ("50", "-short"))
        for dataset, distilled, role, benchmarks in (
            ("COCO", "no", "coco", {"coco": "coco"}),
            ("Combined", "no", "combined", BOTH),
            ("Combined", "yes", "unified", BOTH),
        )
    )


def _report_teachers(name: str, epochs: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(
        Row((name, dataset.upper(), epochs[dataset]), f"{name}.{dataset}", {dataset: dataset})
        for dataset in ("coco", "mpii")
    )


def _report(title: str, published: str, labels: tuple[str, ...], rows: tuple[Row, ...]) -> Table:
    """A table of the report, all of whose tables have the same eight numbers."""
    columns = (*PCKH, *_columns("coco", "coco_", SIX))
    return Table(
        title=title, published=PUBLISHED / published, labels=labels, columns=columns, rows=rows
    )


TEACHERS = "report_table2_table3_teachers.csv"
TABLES = {
    "table1": Table(
        title="Models on both datasets; starred: the 12 keypoints that both have",
        published=PUBLISHED / "paper_table1.csv",
        labels=("model", "training"),
        columns=(*PCKH, *_columns("coco", "coco_", SIX)),
        rows=tuple(
            Row((size, training), f"{size}.{role}", benchmarks, size)
            for size in SIZES
            for training, role, benchmarks in (
                ("MPII", "mpii", BOTH),
                ("MPII*", "mpii", BOTH | {"coco": SHARED["coco"]}),
                ("COCO*", "coco", BOTH | {"mpii": SHARED["mpii"]}),
                ("Unified", "unified", BOTH),
            )
        ),
        averaged=("mpii_pck", "coco_ap"),
        keypoints=True,
    ),
    "table2": Table(
        title="With and without distillation",
        published=PUBLISHED / "paper_table2.csv",
        labels=("model", "distill"),
        columns=(
            Column("mpii_pckh", "PCKh", "mpii", "mean"),
            Column("coco_ap", "AP", "coco", "AP"),
        ),
        rows=_by_distillation(BOTH),
        averaged=("mpii_pckh", "coco_ap"),
    ),
    "table3": Table(
        title="COCO in detail",
        published=PUBLISHED / "paper_table3.csv",
        labels=("model", "distill"),
        columns=_columns("coco", "", TEN),
        rows=_by_distillation({"coco": "coco"}),
    ),
    "table4": Table(
        title="MPII in detail",
        published=PUBLISHED / "paper_table4.csv",
        labels=("model", "distill"),
        columns=(
            *(Column(joint, joint.capitalize(), "mpii", joint) for joint in JOINTS),
            Column("mean_01", "Mean@0.1", "mpii", "mean@0.1"),
        ),
        rows=_by_distillation({"mpii": "mpii"}),
    ),
    "table5": Table(
        title="Halpe, the 21 keypoints of the union, ground-truth boxes",
        published=PUBLISHED / "paper_table5.csv",
        labels=("model",),
        columns=_columns("halpe", "", TEN),
        rows=tuple(
            Row((label.format(size),), f"{size}.{role}", OPEN["table5"], size, optional)
            for size in SIZES
            for label, role, optional in (
                ("{}", "unified", False),
                ("{} without teachers", "combined", True),  # of ours alone
            )
        ),
    ),
    "cross": Table(
        title="Keypoints that only the other dataset labels, in pictures framed as each dataset's",
        labels=("model", "distill"),
        columns=(
            *_framed("coco", ("head", "neck", "trunk", "midline", "midline@0.1", "limbs")),
            *_framed("mpii", ("face", "face@0.1", "limbs")),
        ),
        rows=_by_distillation(CROSS),
        averaged=("coco_midline", "mpii_face"),
    ),
    "report_table2": _report(
        "Teacher set I",
        TEACHERS,
        ("teacher_set", "dataset", "epochs"),
        _report_teachers("I", {"coco": "420", "mpii": "210"}),
    ),
    "report_table3": _report(
        "Teacher set II",
        TEACHERS,
        ("teacher_set", "dataset", "epochs"),
        _report_teachers("II", {"coco": "100", "mpii": "100"}),
    ),
    "report_table4": _report(
        "Tiny students, trained long and short",
        "report_table4_tiny.csv",
        ("dataset", "distilled", "epochs"),
        _report_students("tiny"),
    ),
    "report_table5": _report(
        "Small students, trained long and short",
        "report_table5_small.csv",
        ("dataset", "distilled", "epochs"),
        _report_students("small"),
    ),
}

PARTS = tuple(dict.fromkeys(row.model for table in TABLES.values() for row in table.rows))


# Labels by which rows of open tables are known: no rival may be called so.
TAKEN = {row.labels[0] for name in OPEN for row in TABLES[name].rows}


def admitted(name: str, rivals: Mapping[str, Collection[str]]) -> list[str]:
    """The rivals that stand in a table: those with all its benchmarks, if it is open to any."""
    wanted = set(OPEN.get(name, {}).values())
    return [rival for rival, scored in rivals.items() if wanted and wanted <= set(scored)]


def cast(name: str, models: Mapping[str, str], rivals: Sequence[str] = ()) -> Table | None:
    """A published table with our models in their parts; None where a part has no model.

    If a size or a set of teachers is left out altogether, its rows are left out too. With rivals,
    for whom nothing is published, there is a column with the models' numbers of keypoints.
    """
    table = TABLES[name]
    sections = {part.partition(".")[0] for part in models}
    rows = [row for row in table.rows if row.model.partition(".")[0] in sections]
    rows = [row for row in rows if row.model in models or not row.optional]
    if any(row.model not in models for row in rows):
        return None
    found = [replace(row, model=models[row.model]) for row in rows]
    found += [_rival(table, rival, OPEN[name]) for rival in rivals]
    keypoints = table.keypoints or bool(rivals)
    return replace(table, rows=tuple(found), keypoints=keypoints) if found else None


def _rival(table: Table, model: str, benchmarks: Mapping[str, str]) -> Row:
    """The row of a model that plays no part."""
    return Row((model, *["–"] * (len(table.labels) - 1)), model, benchmarks, "rivals")
