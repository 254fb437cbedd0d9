"""Processes of a run: starting them, their process group, and how they end.

`launch` imports neither PyTorch nor mmengine, so that it can say that they are missing.
"""
