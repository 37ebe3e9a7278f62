"""A soak: a real cluster under kill -9, and books that have to agree afterwards."""
