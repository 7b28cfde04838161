"""Which jobs a run would start."""

from posecache.config.planning import Verdicts
from posecache.config.stages import Job, Stages


def everything(stages: Stages) -> list[Job]:
    """All jobs of an experiment, each after those whose outputs it reads."""
    found: dict[str, Job] = {}

    def visit(job: Job) -> None:
        for part in (*job.upstream, *job.beside):
            if part.output not in found:
                visit(part)
        found.setdefault(job.output, job)

    for job in stages.wanted:
        visit(job)
    return list(found.values())


def pending(stages: Stages, verdicts: Verdicts) -> set[str]:
    """The outputs of the jobs that `snakemake` without a target would run.

    Whatever stands and is stale is made again. What is missing is made if it is asked for, or for
    something else that is made; it may have been removed to save space.
    """
    runs: set[str] = set()
    asked: set[str] = set()

    def visit(job: Job, needed: bool) -> None:
        stale = verdicts.is_stale(job)
        starts = stale or (needed and not verdicts.is_current(job))
        if job.output in asked and (job.output in runs or not starts):
            return
        asked.add(job.output)
        if starts:
            runs.add(job.output)
        for part in (*job.upstream, *job.beside):
            visit(part, starts)

    for job in stages.wanted:
        visit(job, True)
    return runs
