"""The engine's tables for staff: found, read, and acted on through the services.

No bodies of messages (H-02); what a patient texted to us is shown on its own page.

What was sent, decided or agreed is read-only for everybody, superusers too: no admin class here
saves a row itself.
"""

from notifications.admin import addresses, calls, deliveries, inboxes, incoming, switches, trail

__all__ = ["addresses", "calls", "deliveries", "inboxes", "incoming", "switches", "trail"]
