"""System checks: each names the setting that is wrong and what to write instead."""
