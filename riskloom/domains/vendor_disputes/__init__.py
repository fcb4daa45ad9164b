"""Vendors' invoices that are wrong to pay as billed, and the disputes about them."""
