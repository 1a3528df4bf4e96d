"""Ashby's own objects, exact: tables of regulation, entropies, the ledger of information."""
