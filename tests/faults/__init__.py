"""The fault rig: kills real processes at every window, then compares the carriers' books with the
database. `python -m tests.faults --help`; docs/faults.md says what each row means.
"""
