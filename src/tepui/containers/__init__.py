"""What an agent runs: containers, their processes and their sandboxes."""
