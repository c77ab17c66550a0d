"""What a network file says: read with its lines, checked name by name, and known chains filled in."""
