# What the jobs that failed said last, where the user's terminal ends: also of jobs that ran on
# another machine, whose logs lie in the shared folder.
import time

from posecache.report.jobs import failures

BEGUN = time.time()


onerror:
    if workflow.is_main_process:
        for line in failures(PLACES.roots, BEGUN):
            print(line, file=sys.stderr)
