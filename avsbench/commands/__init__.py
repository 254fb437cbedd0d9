"""The verbs of `avsbench`: the work of each, and in `arguments` what its command line takes.

`arguments` is light: help and errors in a command line come before anything heavy is imported.
"""
