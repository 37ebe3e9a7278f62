"""The agent: it runs tasks on one machine and tells the master how they fare."""
