"""What is peculiar to vendors' invoices: the match, the public data, the simulated world, bad input."""
