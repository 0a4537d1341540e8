"""Programs to read and to run: each uses the SDK alone, against any venue that serves."""
