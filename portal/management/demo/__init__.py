"""The demo clinic: invented people on example.com and 555-01xx, and what happened to them."""

from datetime import timedelta

ACTOR = "system:demo"
SOURCE = "demo"  # what ExternalId calls our rows: how a second run knows them
PAST = timedelta(days=45)  # how long ago the clinic opened
AHEAD = timedelta(days=30)  # how far its book reaches
