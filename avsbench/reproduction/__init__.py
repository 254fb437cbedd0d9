"""Reproduction bundles: what a training was, checked and done again elsewhere."""
