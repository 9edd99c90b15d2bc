"""Plugins written for the first version of the contract."""
