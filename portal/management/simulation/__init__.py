"""A whole clinic on a virtual clock: who its patients are, what they do, and what went wrong.

Everything goes through the services and the engine that run in earnest; only the clock is
pretended, and the carriers are outboxes. The dice decide what people do: one seed, one month.
"""

ACTOR = "system:simulation"
