"""The smallest scheduler."""
