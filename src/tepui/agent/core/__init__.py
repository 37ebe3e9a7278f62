"""What an agent decides. No clock, no chance, no I/O: `agent.Agent.handle` takes all of it in."""
