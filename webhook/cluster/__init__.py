"""What the cluster says, as one immutable snapshot, and what the controller keeps there."""
