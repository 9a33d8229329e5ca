"""Rows, transactions, labels and alerts that tests make up."""
