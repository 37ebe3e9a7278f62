"""What commands send: from what was asked for and how the cluster is, a call and its prospects.

Whether the master would refuse a call is judged by the master's own rules, on what it tells of
itself. What it does not tell (who asks, what is on its way to the registry) is not judged.
"""
