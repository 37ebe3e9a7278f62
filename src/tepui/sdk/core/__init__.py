"""What the clients decide: subscriptions, unacknowledged updates, batches. No I/O."""
