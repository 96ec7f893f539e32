"""What the cluster says: lists and watches come in here, one immutable snapshot goes out; nothing is written."""
