"""Count the words of much text on a cluster."""
