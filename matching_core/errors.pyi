class CoreError(RuntimeError):
    """
    Something impossible was asked or found; the venue must not trade on.

    Commands and queries raise it before they change anything. A writer that raises it may have
    written in part: whoever recovers stops there.
    """
