"""Denials in the cluster: the server tells of them by Events, the controller folds those into reports."""
