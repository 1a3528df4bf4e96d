"""The audit log: who did what when, in memory and in files that show when they were changed."""
