"""What the command line of each verb takes; the docstring of a module is the help of its verb."""
