"""Torch definitions: backbones, action heads, losses."""
