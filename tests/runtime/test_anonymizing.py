"""Names and addresses of a bundle are replaced, each by the same one everywhere."""

import json
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.runtime.anonymizing import KEY_BYTES, Anonymizer
from swarmnet.runtime.redacting import HIDDEN, Redactor

KEY = bytes(range(KEY_BYTES))
NAMES = {"node": ["db-1", "web"], "network": ["web", "back"], "host": [""]}


def other(key: bytes = KEY) -> Anonymizer:
    return Anonymizer(key, NAMES)


def test_a_name_is_replaced_as_a_whole_word_alone() -> None:
    text = "web joined back of db-1; website, web_x, web-2 and feedback did not"
    assert other().text(text) == (
        "node2 joined network2 of node1; website, web_x, web-2 and feedback did not"
    )


def test_in_json_keys_stay_but_for_labels_and_addresses() -> None:
    held = {"web": "web", "labels": {"web": "back"}, "10.9.8.7": [1, None, "x web"]}
    found = json.loads(other().document(json.dumps(held)))
    address = other().text("10.9.8.7")
    assert found == {
        "web": "node2",
        "labels": {"node2": "network2"},
        address: [1, None, "x node2"],
    }


def test_of_metrics_only_what_is_quoted_is_replaced() -> None:
    text = 'web{web="web",subnet="10.0.1.0/24"} 1'
    subnet = other().text("10.0.1.0/24")
    assert other().quoted(text) == f'web{{web="node2",subnet="{subnet}"}} 1'


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 127.0.0.11 0.0.0.0/0 ::1 :: 255.255.255.255 224.0.0.1 ff02::1",
        "at 10:30:45, 12:34:56.789, in version 1.2.3.4.5 of kernel 6.1.0-13",
        "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff 33:33:00:00:00:01 swarmnet:ab12/cd34",
    ],
)
def test_what_is_the_same_everywhere_stays(text: str) -> None:
    assert other().text(text) == text


@pytest.mark.parametrize("within", ["10.0.0.0/8", "2001:db8::/32"])
@given(data=st.data())
def test_addresses_share_as_long_a_prefix_as_before(
    within: str, data: st.DataObject
) -> None:
    addresses = st.ip_addresses(network=within)
    pair = [data.draw(addresses), data.draw(addresses)]
    turned = [ip_address(other().text(str(a))) for a in pair]
    assert [a.version for a in turned] == [a.version for a in pair]
    same, after = int(pair[0]) ^ int(pair[1]), int(turned[0]) ^ int(turned[1])
    assert after.bit_length() == same.bit_length()


def test_an_address_in_a_subnet_stays_in_it() -> None:
    subnet, address = other().text("10.5.7.0/24 10.5.7.9").split()
    assert ip_address(address) in ip_network(subnet)
    assert subnet != "10.5.7.0/24"
    six, inside = other().text("fd00:7::/64 fd00:7::9").split()
    assert ip_address(inside) in ip_network(six)


def test_a_port_and_an_end_of_a_sentence_are_no_part_of_it() -> None:
    bare = other().text("10.9.8.7")
    found = other().text("10.9.8.7:7946, [10.9.8.7]. From 10.9.8.7.")
    assert found == f"{bare}:7946, [{bare}]. From {bare}."
    assert other(bytes(KEY_BYTES)).text("10.9.8.7") != bare


@pytest.mark.parametrize(
    "after", [": timed out", ":", ":gone", ":failed", ":\n", "/64:"]
)
@pytest.mark.parametrize("address", ["fd00:1::2", "fd00:7::", "02:42:0a:00:00:02"])
def test_a_colon_after_it_is_no_part_of_it(address: str, after: str) -> None:
    bare = other().text(address)
    assert bare != address
    found = other().text(f"no answer from {address}{after}")
    assert address not in found
    if "/" not in after:
        assert found == f"no answer from {bare}{after}"


@pytest.mark.parametrize("address", ["fd00:1::2", "fd00:1:2:3:4:5:6:7"])
def test_a_port_may_follow_an_address(address: str) -> None:
    found = other().text(f"from {address}:47890 on")
    assert found == f"from {other().text(address)}:47890 on"
    assert address not in found


def test_a_mac_is_replaced_in_either_case() -> None:
    found = other().text("02:42:0a:00:00:05 02:42:0A:00:00:05").split()
    assert found[0] == found[1] != "02:42:0a:00:00:05"
    assert found[0].startswith("02:")


def test_secrets_are_taken_out_however_they_are_written() -> None:
    secret = bytes(range(200, 232))
    token = b"SNTKN-1-" + b"a1" * 25 + b"-" + b"z" * 25
    shown = (
        *(secret, secret.hex().encode(), secret.hex().upper().encode()),
        *(b"yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5uc=", token),
    )
    found = Redactor([secret]).clean(b" ".join(shown))
    assert found.replace(b"=", b"").split() == [HIDDEN] * 5
