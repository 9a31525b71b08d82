"""Where experiments, runs and models are kept. `contract` says what a storage promises; `sql` keeps the promises."""
