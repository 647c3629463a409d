"""Dates in English as the pages write them everywhere: Nov 24, 2026, without a full stop."""

DATE_FORMAT = "M j, Y"
DATETIME_FORMAT = "M j, Y, P"
SHORT_DATE_FORMAT = "m/d/Y"
