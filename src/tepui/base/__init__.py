"""Values without a domain: time, chance, errors, collections."""
