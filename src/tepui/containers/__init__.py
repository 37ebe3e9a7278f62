"""What an agent runs: containers, their processes, their sandboxes and what is fetched into them."""
