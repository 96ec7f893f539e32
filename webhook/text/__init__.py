"""Pure: the texts that people write, YAML and JSON, into plain values that know where they were written."""
