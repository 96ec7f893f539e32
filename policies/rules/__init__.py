"""One file per rule, each found because it is there; none knows another."""
