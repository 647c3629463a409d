"""Once a minute: finds what nobody is waiting for any more, and brings it to an end (R-15).

Carriers' calls that were kept and not dealt with; answers that were lost and receipts that never
came; what the portal finds missing, such as visits without reminders. What is due and not sent,
and leases that are over, every delivery run finds by itself.
"""

import logging

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils.module_loading import import_string

from notifications import delivery, heartbeats, incoming

logger = logging.getLogger(__name__)


def reconcile() -> dict[str, int]:
    """Do a minute's work; return how many deliveries were looked into, by where they stand."""
    incoming.sweep()
    looked_into = delivery.settle().counts
    _upkeep()
    heartbeats.beat(heartbeats.RECONCILER)
    return looked_into


def _upkeep() -> None:
    """Let the portal plan what is missing. Its trouble must not keep messages waiting.

    Only a database that is away is everybody's trouble.
    """
    if not settings.NOTIFICATIONS_UPKEEP:
        return
    try:
        with transaction.atomic():
            import_string(settings.NOTIFICATIONS_UPKEEP)()
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:
        logger.error("the portal's upkeep failed: %s", type(fault).__name__)
