"""What the sources said: asked in time, remembered, merged, and indexed as one."""
