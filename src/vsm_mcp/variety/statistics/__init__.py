"""Statistics of the stream of demand: entropy from few samples, what was not seen yet, drift, channels, calibration."""
