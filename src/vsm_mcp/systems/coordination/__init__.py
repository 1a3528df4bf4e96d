"""The parts of System 2: leases, oscillation, dampers, schedules."""
