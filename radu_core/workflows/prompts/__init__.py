"""The Prompts page: previews and templates."""
