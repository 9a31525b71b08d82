"""How busy the machine is while a run goes on, logged to the run: see docs/sdk.md."""
