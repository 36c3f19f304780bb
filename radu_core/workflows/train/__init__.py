"""The Train page: datasets, fit, what is done with runs."""
