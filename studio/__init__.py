"""What the pages share: the gate, the module's choice, messages, background jobs, renderings."""
