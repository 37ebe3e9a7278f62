"""Tepui: a cluster manager that speaks the Apache Mesos APIs."""
