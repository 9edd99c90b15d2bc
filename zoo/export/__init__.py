"""Shares a finished run: as an ONNX file, and on a hub.

Importing this package imports nothing else; its modules do.
"""
