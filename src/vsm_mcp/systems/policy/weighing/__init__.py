"""The weighing of options and ventures into a decision."""
