"""What comes in from carriers: receipts of what we sent, and what patients write."""
