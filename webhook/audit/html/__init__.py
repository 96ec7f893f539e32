"""The report for auditors: one file that shows all of it in a browser, and needs nothing else."""
