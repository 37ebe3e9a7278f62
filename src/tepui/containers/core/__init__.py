"""What the containers' drivers decide, free of any I/O."""
