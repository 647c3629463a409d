"""What happened, in words: to one message, and to everything about one patient."""

from notifications.history.message import Explanation, HistoryEntry, explain, history
from notifications.history.words import channel_label, gate_label, words_for, words_to_patient

__all__ = [
    "Explanation",
    "HistoryEntry",
    "channel_label",
    "explain",
    "gate_label",
    "history",
    "words_for",
    "words_to_patient",
]
