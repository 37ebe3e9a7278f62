"""The master: its core decides, its driver acts."""
