"""What keeps the master's promises over its death: the registry's stores."""
