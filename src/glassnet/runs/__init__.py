"""The machine that plans, makes, continues, watches and verifies runs, whatever the experiment."""
