"""What was acquired, alive."""
