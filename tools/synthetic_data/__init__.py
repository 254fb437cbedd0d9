"""Sub-commands of tools/synthetic.py: modules with `add_arguments` and `run`."""
