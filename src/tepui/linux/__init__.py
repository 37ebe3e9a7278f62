"""The kernel's interfaces, thin and typed; standard library only, as the supervisor uses them."""
