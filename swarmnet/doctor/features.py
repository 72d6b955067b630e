"""What the kernel can do: each feature was tried out in a namespace of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from swarmnet.doctor.finding import Finding, failure, ok, skipped, warning

CURES: Final = {
    "namespaces": "boot a kernel with CONFIG_NET_NS, or run the agent where the"
    " service manager lets it: RestrictNamespaces=no in its unit",
    "vxlan": "modprobe vxlan; if it is unknown, install the distribution's whole"
    " kernel (Debian: apt-get install linux-image-amd64)",
    "veth": "modprobe veth; if it is unknown, install the distribution's whole kernel",
    "bridge": "modprobe bridge; if it is unknown, install the distribution's whole"
    " kernel",
    "nf_tables": "apt-get install nftables; modprobe nf_tables",
    "proc/sys": "let the agent write there: ProtectKernelTunables=no in its unit, or"
    " `docker run --privileged`",
}
LESSER: Final = ("nf_tables",)
"""Without these most things work."""


@dataclass(frozen=True, slots=True)
class FeatureFacts:
    """By feature, why it does not work; "" if it does; None if it was not tried."""

    failures: Mapping[str, str | None] = field(default_factory=dict)


def check_features(facts: FeatureFacts) -> Iterator[Finding]:
    """Yield a finding for each feature."""
    for feature, cure in CURES.items():
        why = facts.failures.get(feature)
        check = f"kernel {feature}"
        if why is None:
            yield skipped(check, "not tried: this needs rights", "run doctor as root")
        elif not why:
            yield ok(check, "tried, and works")
        elif feature in LESSER:
            told = f"{why}: VXLAN is not filtered, nothing is masqueraded or published"
            yield warning(check, told, cure)
        else:
            yield failure(check, why, cure)
