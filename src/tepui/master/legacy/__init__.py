"""The JSON endpoints that Mesos had before its v1 API; here agents are slaves."""
