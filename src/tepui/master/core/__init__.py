"""What the master decides: events and the time go in, changed state and effects come out."""
