"""The Home page: funnels, the newest result, trash, backups."""
