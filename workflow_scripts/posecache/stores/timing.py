"""How fast a store was made, from what each shard's writer measured."""

from collections.abc import Mapping, Sequence
from typing import Any

Runtime = Mapping[str, Any]


def total(runtimes: Sequence[Runtime]) -> dict[str, Any]:
    """One record for all shards: numbers are added up, other values that differ become a list."""
    summed: dict[str, Any] = {}
    for key in dict.fromkeys(key for runtime in runtimes for key in runtime):
        values = [runtime[key] for runtime in runtimes if key in runtime]
        if isinstance(values[0], int | float):
            summed[key] = round(sum(values), 6)
        else:
            distinct = list(dict.fromkeys(values))
            summed[key] = distinct[0] if len(distinct) == 1 else distinct
    return summed


def samples_per_second(runtime: Runtime) -> dict[str, float]:
    """Samples/s of each step that was timed, if the number of samples is known."""
    steps = {k.removeprefix("seconds_"): v for k, v in runtime.items() if k.startswith("seconds_")}
    count = runtime.get("num_rows", 0)
    return {step: round(count / max(v, 1e-9), 1) for step, v in steps.items() if count}
