"""Accounts of a chain: mnemonics, keys, addresses, coins, and the keys file that holds them."""
