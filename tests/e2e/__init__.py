"""The exchange as its users have it: real processes, a real log on disk, real sockets."""
