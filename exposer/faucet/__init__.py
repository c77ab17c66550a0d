"""The faucet: hands out coins of a running chain over HTTP."""
