"""What is ahead of a run: rows, bytes, passes through models, and time.

Snakemake reads it at every start, as jobs ask for their minutes by it: nothing heavy is imported.
"""
