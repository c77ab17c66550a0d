"""A network: from one file to a plan, and from the plan to running pods."""
