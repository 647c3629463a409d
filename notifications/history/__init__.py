"""What happened, in words: to one message, and to everything about one patient."""

from notifications.history.codes import code_in_words
from notifications.history.entries import Timeline
from notifications.history.message import Explanation, HistoryEntry, explain, history
from notifications.history.sent import Sent, SentMessage, Way, sent
from notifications.history.timeline import timeline
from notifications.history.words import (
    channel_label,
    gate_label,
    words_for,
    words_of_call,
    words_to_patient,
)

__all__ = [
    "Explanation",
    "HistoryEntry",
    "Sent",
    "SentMessage",
    "Timeline",
    "Way",
    "channel_label",
    "code_in_words",
    "explain",
    "gate_label",
    "history",
    "sent",
    "timeline",
    "words_for",
    "words_of_call",
    "words_to_patient",
]
