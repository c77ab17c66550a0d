"""A plan carried out on this machine: pods are directories and processes."""
