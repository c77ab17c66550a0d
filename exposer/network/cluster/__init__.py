"""A network that runs in a Kubernetes cluster, seen from outside: read only, through a kubeconfig."""
