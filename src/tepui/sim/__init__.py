"""A whole cluster in one process: the real cores in virtual time, with faults, from one seed."""
