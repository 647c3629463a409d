"""What a patient will get: samples by the real sender, and what is planned."""
