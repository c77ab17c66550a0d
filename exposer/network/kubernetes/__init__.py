"""A plan as Kubernetes manifests: a translation that adds nothing to what runs (`exposer.network.plan`)."""
