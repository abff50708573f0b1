"""What every FineVLA node shares: parameters from dataclasses, message conversion, QoS, diagnostics."""
