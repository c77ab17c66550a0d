"""The init steps: ordered, idempotent programs that prepare a pod's volume before its node starts."""
