"""The parts of System 4: forecasts, scenarios, proposals, the homeostat with System 3."""
