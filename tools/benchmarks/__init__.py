"""Benchmarks of the toolbox, one module for each sub-command of `tools/benchmark.py`."""
