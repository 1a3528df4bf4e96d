"""The raw way to speak with a server: the same contract as the other links, at a fraction of the cost."""
