"""The maths of variety: pure, O(1) per event, every figure with its basis."""
