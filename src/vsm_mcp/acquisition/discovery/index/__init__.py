"""The index: words of servers and of their tools, and what each of them counts."""
