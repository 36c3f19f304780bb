"""What every page stands in: the page itself, jobs, links, charts, words."""
