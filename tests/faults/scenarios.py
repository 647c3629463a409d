"""Other ways to be hurt."""

SCENARIOS: dict = {}
