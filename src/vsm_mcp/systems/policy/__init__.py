"""The parts of System 5: identity, rules, decisions and their calibration."""
