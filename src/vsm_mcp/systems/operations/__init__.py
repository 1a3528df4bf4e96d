"""The parts of System 1: units, routing by what was learnt, recursion."""
