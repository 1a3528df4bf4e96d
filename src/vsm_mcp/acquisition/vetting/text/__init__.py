"""Text: what servers say to a model, searched for instructions that do not belong there."""
