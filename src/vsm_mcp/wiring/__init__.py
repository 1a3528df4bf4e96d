"""The bill of materials: the only room that knows all parts."""
