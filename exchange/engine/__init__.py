"""State, rules and the one writer: engine, sequencer, market clock, replay."""
