"""Which rows a pass runs, and in which order: what changes the workers' settings goes together."""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from tests.faults.bench import Bench
from tests.faults.crowd import write_row
from tests.faults.pipeline import Pipeline
from tests.faults.results import WATCHED
from tests.faults.scenarios import SCENARIOS
from tests.faults.windows import SCENARIOS as ALL_SCENARIOS
from tests.faults.windows import SPECS, Spec


def windows_of(bench: Bench, *, runs: int, done: Mapping[str, int], only: set[str]) -> None:
    """Run what is missing of each window.

    Where somebody looks each second, what takes minutes to be known is no different: left out.
    """
    specs = [spec for spec in SPECS if not only or spec.row in only]
    specs = [spec for spec in specs if done.get(spec.row, 0) < runs]
    specs = [spec for spec in specs if spec.answer_known or bench.pace != WATCHED]
    pipeline = Pipeline(bench=bench)
    pipeline.counted.update(done)
    if bench.pace == WATCHED:
        _watch(bench)
    ordered = sorted(specs, key=_setting, reverse=bench.together)  # what waits longest goes first
    for _key, alike in groupby(ordered, key=_setting):
        _run_alike(pipeline, list(alike), runs=runs)


def _run_alike(pipeline: Pipeline, specs: Sequence[Spec], *, runs: int) -> None:
    """Run rows that want the same settings, all in flight together if the bench says so."""
    bench = pipeline.bench
    bench.run_workers(dict(specs[0].environment))
    bench.site.control(carrier="twilio", callbacks=specs[0].callbacks)
    for spec in specs:
        pipeline.fly(spec, wanted=runs, may_land_later=bench.together)
    pipeline.land()
    for spec in specs:  # again where a kill missed
        pipeline.fly(spec, wanted=runs)
    pipeline.land()


def _watch(bench: Bench) -> None:
    """Run `run_due --watch` beside, to be killed at the windows as well."""
    command = [sys.executable, "-m", "tests.faults.worker", "manage.py", "run_due", "--watch"]
    bench.site.keeper.keep("watch", command=command, environment=bench.site.environment)


def _setting(spec: Spec) -> tuple:
    """What must not change while a run of this is in flight."""
    return not spec.callbacks, sorted(spec.environment.items())


def scenarios_of(bench: Bench, *, runs: int, done: Mapping[str, int], only: set[str]) -> None:
    """Run the scenarios that are not done yet, in the short pace: they bring their own."""
    if not bench.is_short:
        return
    bench.run_workers({})
    bench.site.control(carrier="twilio", callbacks=True)
    for name, scenario in SCENARIOS.items():
        if name not in done and (not only or only & {name, ALL_SCENARIOS}):
            _run_scenario(bench, scenario, name=name, runs=runs)


def _run_scenario(bench: Bench, scenario: Callable, *, name: str, runs: int) -> None:
    """Run one; where it cannot be run at all, its row says why, and the table is not well."""
    try:
        scenario(bench, name=name, runs=runs)
    except Exception as fault:
        traceback.print_exc()
        why = f"could not be run: {type(fault).__name__}"
        write_row(bench, name=name, runs=0, counts=Counter(), note=why)
        bench.ticker.is_paused = False
