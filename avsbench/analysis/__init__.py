"""What is measured about a network or a training: cost, and the curves of its logs."""
