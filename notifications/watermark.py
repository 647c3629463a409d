"""Notices that the database is older than what this machine has seen: it comes from a backup.

With each tick the time goes into the database and into a small file outside it. When the database's
own is older than the file's, everything is held: its rows may say "planned" of what has been sent
since. `manage.py release` finds out and lets go (45 CFR 164.308(a)(7), H-20).
"""

import json
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from notifications import clock, heartbeats, switches
from notifications.models import Heartbeat

logger = logging.getLogger(__name__)

ACTOR = "system:watermark"
INSTALLED, MARK = "installed", "watermark"  # heartbeats: one ever, one a minute
# The file holds what the database said, so it is ahead of none but an earlier one. A standby that
# took over without the last few seconds is an earlier one too.
SLACK = timedelta(seconds=10)


def note() -> None:
    """Write down that this database has ticked now. A full disk is no reason not to send."""
    path = _path()
    if path is None or clock.is_pretended():
        return
    said = {name: moment.isoformat() for name, moment in _noted().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(said))
        fresh.replace(path)
    except OSError as fault:
        logger.error("the watermark cannot be written: %s", type(fault).__name__)


def _noted() -> dict[str, datetime]:
    """Move the database's own mark to now, never back, and return what stands there."""
    now = clock.real_now()
    first = [Heartbeat(name=name, beat_at=now) for name in (INSTALLED, MARK)]
    Heartbeat.objects.bulk_create(first, ignore_conflicts=True)
    Heartbeat.objects.filter(name=MARK, beat_at__lt=now).update(beat_at=now)
    return _marks()


def _marks() -> dict[str, datetime]:
    names = (INSTALLED, MARK)
    return dict(Heartbeat.objects.filter(name__in=names).values_list("name", "beat_at"))


def hold_if_restored() -> bool:
    """Hold everything when this database is an earlier one than this machine last saw."""
    seen = _seen()
    if not seen:
        return False
    beats = _marks()
    is_the_same = beats.get(INSTALLED) == seen[INSTALLED]
    if not is_the_same or MARK not in beats or beats[MARK] + SLACK >= seen[MARK]:
        return False
    held = switches.hold(actor=ACTOR, why="restored from a backup", restored_from=beats[MARK])
    if held:
        logger.error("the database comes from a backup: all is held until manage.py release")
        _forget()
    return held


def made_at(*, said: datetime) -> datetime:
    """Return when a restored database's backup was made (aware): no later than its last tick.

    What a person says may be a day or a time zone off; what the database noted is not.
    """
    noted = heartbeats.last(MARK)
    return said if noted is None else min(said, noted)


def _path() -> Path | None:
    name = settings.NOTIFICATIONS_WATERMARK
    return settings.BASE_DIR / name if name else None


def _seen() -> dict[str, datetime]:
    """Return what was noted last; nothing where there is no file, or none that can be read."""
    path = _path()
    try:
        said = json.loads(path.read_text()) if path else {}
        return {name: datetime.fromisoformat(said[name]) for name in (INSTALLED, MARK)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _forget() -> None:
    """Begin anew: from here on the restored database is the one that counts."""
    path = _path()
    if path is not None:
        path.unlink(missing_ok=True)
