"""Forms to fill in and bills."""
