"""What the guards are made of: patterns for calls, and schemas that can be judged in bounded time."""
