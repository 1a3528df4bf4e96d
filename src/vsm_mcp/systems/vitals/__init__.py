"""The vital signs of the whole: its channels, its pain, its burn rate, its books of variety and its pathologies."""
