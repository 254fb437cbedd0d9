"""Whole networks as files that run without this toolbox: ONNX and PyTorch's exported programs."""
