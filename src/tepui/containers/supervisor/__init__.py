"""The process that parents every container: standard library only, one thread, and small."""
