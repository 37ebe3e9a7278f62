"""A replay of the actions behind the recorded exchanges of a real Mesos, against our cluster."""
