"""What carries the messages of the SDK: frames, or requests over HTTP."""
