"""The Prompts page's parts."""
