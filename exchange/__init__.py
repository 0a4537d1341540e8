"""The exchange for compute contracts: rules, engine, log, projections and gateway."""
