"""The notification centre: lists, rows, one message, several at once, all that was sent."""
