"""A list, newest first, under the days its entries belong to, in the reader's zone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from notifications import clock


@dataclass(frozen=True)
class Day:
    """The entries of one day, under its name."""

    on: date
    rows: list[Any]

    @property
    def label(self) -> str:
        """Return "Today", "Yesterday" or "Tue, Nov 24", with the year if it is another."""
        today = timezone.localdate(clock.now())
        names = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
        return names.get(self.on) or written_out(self.on)

    @property
    def on_paper(self) -> str:
        """Return what the label lacks on paper, where "Today" says nothing: the date, the year."""
        full = date_format(self.on, _("D, M j, Y"))
        short = written_out(self.on)
        return "" if self.label == full else str(self.on.year) if self.label == short else full


def by_day(entries: Sequence[Any], *, moment: Callable[[Any], datetime]) -> list[Day]:
    """Return entries under the days of their moments (aware)."""
    days = groupby(entries, key=lambda entry: timezone.localdate(moment(entry)))
    return [Day(on=on, rows=list(found)) for on, found in days]


def written_out(day: date) -> str:
    """Return "Tue, Nov 24", with the year if it is not this one."""
    is_this_year = day.year == timezone.localdate(clock.now()).year
    return date_format(day, _("D, M j") if is_this_year else _("D, M j, Y"))
