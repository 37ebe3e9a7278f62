"""What an agent and the master say to each other, and how it is framed. No I/O."""
