"""Which rows a pass runs, and in which order: what changes the workers' settings goes together."""

from __future__ import annotations

from collections.abc import Mapping

from tests.faults.bench import Bench
from tests.faults.pipeline import Pipeline
from tests.faults.scenarios import SCENARIOS
from tests.faults.windows import SPECS, Spec


def windows_of(bench: Bench, *, runs: int, done: Mapping[str, int], only: set[str]) -> None:
    """Run what is missing of each window. As shipped, all are in flight together."""
    specs = [spec for spec in SPECS if not only or spec.row in only]
    specs = [spec for spec in specs if done.get(spec.row, 0) < runs]
    pipeline = Pipeline(bench=bench)
    pipeline.counted.update(done)
    pending: tuple = ()
    for spec in sorted(specs, key=_setting):
        if pending and pending != _setting(spec):
            pipeline.land()
        pending = _setting(spec)
        bench.run_workers(dict(spec.environment))
        bench.site.control(carrier="twilio", callbacks=spec.callbacks)
        pipeline.fly(spec, wanted=runs, may_land_later=not bench.is_short)
    pipeline.land()


def _setting(spec: Spec) -> tuple:
    """What must not change while a run of this is in flight."""
    return not spec.callbacks, sorted(spec.environment.items())


def scenarios_of(bench: Bench, *, runs: int, done: Mapping[str, int], only: set[str]) -> None:
    """Run the scenarios that are not done yet."""
    bench.run_workers({})
    bench.site.control(carrier="twilio", callbacks=True)
    for name, scenario in SCENARIOS.items():
        if name not in done and (not only or name in only):
            scenario(bench, name=name, runs=runs)
