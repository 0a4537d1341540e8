"""
Who may do what on the log's server.

| user | for | may |
|---|---|---|
| `engine` | the exchange and all that reads | append, read, ask for the configuration, stop |
| `keeper` | `exchange log trim` | read and trim, rewrite the server's file, stop |
| `operator` | hands at the server's own shell, when all else fails | everything |

An external server with replicas has one more, `replica`, by which these attach.

The default user is off: who forgets to say who he is can do nothing. None has a password on the
embedded server, on purpose: its socket lies in a directory of mode 700, and whoever may open it may
also read any secret that we could keep beside it. The rules keep our own code and a mistaken
command from removing records; against a thief of the account they do nothing.

Nor can they stop XADD with MAXLEN, which trims as it appends: archive and witness find that.
"""

ENGINE = "engine"
KEEPER = "keeper"
OPERATOR = "operator"

KEYS = "~ev:*"
_ASKING = "+auth +client|setinfo +client|setname +ping +info +config|get +xrange +xrevrange +xlen"
_APPENDING = "+xadd +multi +exec +discard +watch"
RULES = {
    "default": "off",
    ENGINE: f"{KEYS} {_ASKING} {_APPENDING} +waitaof +shutdown",
    KEEPER: f"{KEYS} {_ASKING} +xtrim +bgrewriteaof +shutdown",
    OPERATOR: "~* &* +@all",
}
"""By user; the same text serves `ACL SETUSER` on an external server, where passwords are added."""
REPLICATION_RULES = "+psync +replconf +ping"
"""The user `replica`; the embedded server has no need of it."""


def access_lines() -> list[str]:
    """The users as the embedded server's configuration states them."""
    return [
        f"user {name} reset off" if rules == "off" else f"user {name} reset on nopass {rules}"
        for name, rules in RULES.items()
    ]
