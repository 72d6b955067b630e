"""Which of the counters count what was dropped, and which are metrics of their own."""

from collections.abc import Mapping
from typing import Final

DROPS_TEXT: Final = """
    accusations_unbelieved acks_unexpected address_rows_refused announcements_dropped
    answers_refused bad_address_messages bad_envelopes bad_frames bad_packets
    bad_proofs bad_riders calls_refused calls_stream_only certificates_bad
    certificates_refused certificates_turned_away certificates_unread
    channel_bad_packets channel_cookies_refused channel_copies channel_expired
    channel_foreign channel_half_open_dropped channel_handshakes_refused
    channel_hints_refused channel_keyless channel_late_answers channel_mac1_wrong
    channel_placeless channel_reflections channel_replays channel_strangers
    channel_stream_only channel_too_large channel_uncertified
    channel_unconfirmed_dropped channel_unknown_sessions channel_unopened
    channel_waited_too_long channel_waiting_dropped claims_about_removed claims_ahead
    claims_unread datagrams_unsent dns_dropped dns_malformed dns_refused dns_too_many
    dns_unanswered dns_unsent early_refused envelopes_unknown helps_refused
    lines_failed lines_refused own_frames own_row_refused payloads_out_of_scope
    refused_busy replies_late replies_unasked round_trips_refused signers_unknown
    stream_only streams_failed table_acknowledgements_late table_bad_packets
    table_bad_rows table_own_rows_unbeatable table_pages_unasked table_refused_busy
    table_rows_forged table_rows_late table_rows_of_strangers table_rows_out_of_scope
    table_rows_over_quota table_rows_put_off table_rows_void table_scope_refused
    table_stream_only table_unknown_messages table_walks_refused too_large
    unknown_address_messages unknown_messages unsendable
"""
DROPS: Final = frozenset(DROPS_TEXT.split())
OWN_TEXT: Final = """
    accusations coordinate_samples deaths health_score probes_failed refutations
    suspicions
"""
OWN: Final = frozenset(OWN_TEXT.split())
"""These have metrics of their own."""


def split(counters: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Return drops by reason, and how often other things happened.

    A reason that has not come up yet is there with 0: an alert on its increase must
    see the first one.
    """
    drops = dict.fromkeys(sorted(DROPS), 0)
    events: dict[str, int] = {}
    for name, count in counters.items():
        if name in DROPS:
            drops[name] += count
        elif name not in OWN:
            events[name] = count
    return drops, events
