"""The sidecar: one pod's finished state over HTTP."""
