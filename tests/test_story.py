"""Any order of bookings, moves, STOPs, settings, outages and crashes: no message says a lie.

A hundred steps here; `STORY_STEPS=10000 pytest tests/test_story.py` lives through as many.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.story import Story

STEPS = int(os.environ.get("STORY_STEPS", "100"))
STEPS_A_STORY = 25


def live(*, steps: int) -> int:
    """Live through stories of so many steps in all; return how many there were."""
    Story.steps = Story.sent = 0
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=max(1, 2 * steps // STEPS_A_STORY),  # some end early
            stateful_step_count=STEPS_A_STORY,
            deadline=None,
            phases=[Phase.generate],  # printed as it was: shrinking takes long
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        ),
    )
    return Story.steps


@pytest.mark.django_db
@pytest.mark.req("SLO-5", "R-10")
def test_whatever_happens_in_whatever_order_nothing_untrue_is_sent(record_testsuite_property):
    lived = live(steps=STEPS)
    record_testsuite_property("steps lived, messages sent", f"{lived}, {Story.sent}")
    assert lived >= STEPS
    assert Story.sent > STEPS / 5
