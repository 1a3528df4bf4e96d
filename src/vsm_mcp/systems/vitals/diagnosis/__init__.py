"""The diagnosis of the whole: its anatomy in figures, the pathologies, and which of them it has."""
