"""Benchmarks of ssewire: `python -m benchmarks --help`. Not installed with the package."""
