"""Names of a student's training runs, which differ in their seed alone.

The run with the recipe's own seed has the student's name, so that it is the same model whether or
not others stand beside it; the one with seed 1, say, is called STUDENT@1.
"""

MARK = "@"  # stands in no name that a user gives


def run_name(student: str, seed: int, own: int) -> str:
    """The model's name of a run with `seed`, where the student's recipe says `own`."""
    return student if seed == own else f"{student}{MARK}{seed}"


def student_of(model: str) -> str:
    """The student whose run a model is; any other model's own name."""
    return model.partition(MARK)[0]
