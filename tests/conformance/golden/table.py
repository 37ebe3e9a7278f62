"""What of the record is left for later."""
from golden import record
LATER: dict[str, str] = {}
def _later(reason, *prefixes):
    for name in record.ROWS:
        if name.startswith(prefixes): LATER[name]=reason
_later("ops", "scheduler_ACCEPT_RESERVE","scheduler_ACCEPT_DESTROY","master_v1_SUBSCRIBE","master_v1_MARK","agent_v1_LAUNCH","agent_v1_ATTACH","agent_v1_KILL","agent_v1_WAIT","agent_v1_REMOVE")
