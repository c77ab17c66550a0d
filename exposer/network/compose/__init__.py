"""A plan as a compose project: a translation that adds nothing to what runs (`exposer.network.plan`)."""
