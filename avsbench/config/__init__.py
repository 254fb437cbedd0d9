"""Configs: finding, reading, overriding, checking and building them."""
