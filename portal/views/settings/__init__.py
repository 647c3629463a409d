"""The settings: sheet, addresses, devices, hours, wishes, and who changed what."""
