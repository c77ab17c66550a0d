"""The genesis document of a chain: read, changed and judged without a chain binary."""
