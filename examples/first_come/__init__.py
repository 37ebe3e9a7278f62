"""An allocator of one's own; what is installed is the package inside."""
