"""The parts of System 3: bargains over resources, performance, Cyberfilter, and 3*, the audit."""
