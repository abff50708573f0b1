"""The one door for policies: their interface, the transforms of bundles, and the runtimes `onnx` and `remote`."""
