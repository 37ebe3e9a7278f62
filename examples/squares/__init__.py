"""A framework with an executor of its own."""
