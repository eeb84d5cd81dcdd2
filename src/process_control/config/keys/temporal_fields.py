"""Fields of the key `fleet`: the server on which the jobs of many hosts run."""

from process_control.config.keys.field import Field
from process_control.config.keys.kind import MAP
from process_control.config.keys.list_kinds import TAGS
from process_control.config.keys.number_kinds import TIME_ABOVE_ZERO
from process_control.config.keys.text_kinds import HOST_AND_PORT, PATH, TEXT

_TLS_FIELDS = (
    Field(
        key="ca_file",
        kind=PATH,
        attribute="fleet_tls_ca_file",
        default_words="those of the host",
        meaning="The certificates, as PEM, by which the server's own is checked.",
        example="/etc/ssl/temporal-ca.pem",
    ),
    Field(
        key="cert_file",
        kind=PATH,
        attribute="fleet_tls_cert_file",
        default_words="none",
        meaning="The certificate, as PEM, that this host shows to the server.",
        example="/etc/ssl/this-host.pem",
    ),
    Field(
        key="key_file",
        kind=PATH,
        attribute="fleet_tls_key_file",
        default_words="none",
        meaning="The key of `cert_file`, as PEM, readable by the service user.",
        example="/etc/ssl/private/this-host.key",
    ),
)
TEMPORAL_FIELDS = (
    Field(
        key="address",
        kind=HOST_AND_PORT,
        attribute="fleet_address",
        default_words="none: no fleet",
        meaning="The Temporal server that plans and starts the jobs, as host:port. With it every job belongs to the "
        "fleet, but those with `run_on: local`: crontab and scheduler leave them out, and `fleet apply` hands them to "
        "the server.",
        example="temporal.example.org:7233",
    ),
    Field(
        key="namespace",
        kind=TEXT,
        attribute="fleet_namespace",
        default="default",
        default_words="`default`",
        meaning="The namespace of the server that the fleet uses.",
        example="process-control",
    ),
    Field(
        key="tls",
        kind=MAP,
        fields=_TLS_FIELDS,
        meaning="How the connection to the server is secured. Without the map it is not, unless there is an "
        "`api_key_file`.",
        example="ca_file: /etc/ssl/temporal-ca.pem",
    ),
    Field(
        key="api_key_file",
        kind=PATH,
        attribute="fleet_api_key_file",
        default_words="none",
        meaning="A file with the API key of the server, mode 0600 or 0640, readable by the service user.",
        example="/etc/process-control.temporal-key",
    ),
    Field(
        key="tags",
        kind=TAGS,
        attribute="fleet_tags",
        default=[],
        default_words="none",
        meaning="Tags of this host: its worker takes the jobs with `run_on: {tag: NAME}`.",
        example="[database]",
    ),
    Field(
        key="lease",
        kind=TIME_ABOVE_ZERO,
        attribute="fleet_lease_seconds",
        default=60.0,
        default_words="1 m",
        meaning="How long a run may continue when its host cannot reach the server. Then it is ended, unless its job "
        "has `on_partition: keep`; a little later the server takes the run as lost.",
        example="30s",
    ),
)
