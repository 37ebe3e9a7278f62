"""The JSON endpoints that Mesos had before its v1 API; here the agent is a slave."""
