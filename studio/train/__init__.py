"""The Train page's parts."""
