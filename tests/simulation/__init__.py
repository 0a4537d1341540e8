"""
The whole exchange in one process and one seed: real rules, real frames, a virtual world.

    virtual_loop   time that costs nothing, and processes that stop, go on and die between two steps
    network        connections that are slow, tear what they carry and break
    fake_server    the stream server: memory, file, fsync; checked against the real one
    house          the exchange's own pieces, opened and started as `exchange.app` does
    people         traders, a bank and an operator, who send again what they heard no answer to
    faults         what goes wrong, and when
    audit          what must hold after every step, seen from the server's disk alone
    simulation     one seed = one run

The fakes stand at the border only: sockets, clock, the server's disk. Nothing of ours is replaced.
"""
