"""Which fields of a record are facts of its line in the syslog, by event.

Lean module: imports nothing. Generated from core/records.py by `python -m tools.keys`: do not edit.
"""

FACTS = {
    "start": "run_id trigger scheduled_at late_seconds late_parts by pid slow_start slow_start_step log",
    "attempt": "run_id attempt reason exit_code signal duration_seconds trigger by log",
    "skip": "run_id reason trigger scheduled_at by",
    "stray": "trigger by",
    "waiting": "run_id trigger scheduled_at by",
    "end": "run_id outcome reason exit_code signal duration_seconds trigger scheduled_at by log",
    "fault": "run_id",
    "stop": "run_id by",
    "refusal": "exit_code trigger by",
    "mail": "run_id letter to incident",
    "message": "run_id letter channel to incident",
    "incident": "note incident by",
    "silence": "note until tag by",
    "crontab": "crontab by line was",
    "unit": "unit by line was",
    "scheduler": "by pid",
    "web": "account role address by",
    "version": "since hash state schedule commit author dirty",
    "gap": "from boot suspended stepped",
    "mark": "note scheduled_at by",
    "hold": "run_id kind until evidence by",
    "release": "run_id held_since backoff_until by",
    "slow_start": "run_id step by",
    "probe": "run_id since",
    "backoff": "run_id until",
    "repeat": "trigger scheduled_at by",
    "seal": "",
}
