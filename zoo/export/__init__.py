"""A finished run for others: as an ONNX file, and on a hub.

Importing this package brings in nothing; its modules do.
"""
