"""HTTP for the daemons and their clients: the one room that knows the HTTP libraries."""
