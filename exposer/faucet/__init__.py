"""The faucet: gives coins of a chain to who asks, each credit exactly once."""
