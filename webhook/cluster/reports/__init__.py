"""What runs in the cluster is looked at, again and again, and what is found is written beside it."""
