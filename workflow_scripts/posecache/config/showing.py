"""What the report page looks at: one student, its teachers, and all scores."""

from posecache.config.schema import Config
from posecache.skeletons import load


def shown_student(config: Config) -> str | None:
    """The training run whose people the page shows: of the student that `report.student` names.

    Else, of the students with benchmarks, one with teachers before one without, then one with more
    keypoints, then the first. None without students.
    """
    if config.report.student is not None:
        return config.models_of(config.report.student)[0]

    def rank(run: str) -> tuple[bool, bool, int]:
        keypoints = load(config.skeleton(run)).num_keypoints
        return bool(config.benchmarks_of(run)), bool(config.teachers_of(run)), keypoints

    return max(config.runs, key=rank, default=None)


def shown_teachers(config: Config) -> list[str]:
    """The teachers of the student that is shown."""
    student = shown_student(config)
    return [] if student is None else config.teachers_of(student)


def shown_sets(config: Config) -> list[str]:
    """The sample sets over which the shown student's logits are, as it is scored there."""
    student = shown_student(config)
    names = [] if student is None else config.benchmarks_of(student)
    return list(dict.fromkeys(config.benchmarks[name].samples for name in names))
