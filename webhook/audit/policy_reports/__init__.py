"""Reports as objects of an API of reports, of what stands in a cluster and of denials: written and read back. Pure."""
