"""What is read in a host's resolv.conf, and written in a sandbox's."""

import pytest

from swarmnet.dns.resolv_conf import (
    Resolving,
    parse_resolv_conf,
    write_resolv_conf,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Resolving()),
        ("# nameserver 192.0.2.1\n;nameserver 192.0.2.2\n", Resolving()),
        ("nameserver 192.0.2.1\n", Resolving(("192.0.2.1",))),
        ("nameserver\t127.0.0.53  # x\n", Resolving(("127.0.0.53",))),
        ("nameserver fe80::1%eth0\n", Resolving(("fe80::1%eth0",))),
        ("nameserver dns.example\nnameserver\n", Resolving()),
        ("nameserver ::1\nnameserver ::1\n", Resolving(("::1",))),
        (
            "\n".join(f"nameserver 192.0.2.{n}" for n in range(1, 6)),
            Resolving(("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        ),
        ("domain a.b c\n", Resolving(search=("a.b",))),
        ("domain a\nsearch b c\n", Resolving(search=("b", "c"))),
        ("search b c\ndomain a\noptions edns0\n", Resolving(search=("a",))),
        ("search\n", Resolving()),
    ],
)
def test_a_host_s_file(text: str, expected: Resolving) -> None:
    assert parse_resolv_conf(text) == expected


def test_a_sandbox_s_file_names_its_resolver_and_keeps_the_search_list() -> None:
    text = write_resolv_conf(Resolving(("192.0.2.1",), ("a.example", "b.example")))
    assert text.splitlines()[1:] == [
        "nameserver 127.0.0.11",
        "search a.example b.example",
        "options ndots:0",
    ]
    assert "search" not in write_resolv_conf(Resolving())
    again = parse_resolv_conf(text)
    assert again == Resolving(("127.0.0.11",), ("a.example", "b.example"))
