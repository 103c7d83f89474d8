import pytest
from django.core.files.storage import storages

from subsidy_portal import crypto
from subsidy_portal.models import StoredFile, User


def test_what_was_sealed_opens_in_its_place():
    assert crypto.decrypt(crypto.encrypt("990000195001010019", "person:1"), "person:1") == "990000195001010019"


def test_the_same_value_is_never_sealed_the_same_way_twice():
    assert crypto.encrypt("x", "person:1") != crypto.encrypt("x", "person:1")


def test_a_card_pasted_into_another_row_does_not_open():
    with pytest.raises(crypto.Unreadable):
        crypto.decrypt(crypto.encrypt("6217990000000000018", "account:1"), "account:2")


@pytest.mark.parametrize("position", [0, 1, 5, 20, 31])
def test_one_flipped_bit_does_not_open(position: int):
    blob = bytearray(crypto.encrypt("6217990000000000018", "account:1"))
    blob[position] ^= 1
    with pytest.raises(crypto.Unreadable):
        crypto.decrypt(bytes(blob), "account:1")


def test_an_old_key_still_opens_and_new_rows_use_the_newest(settings):
    old = crypto.encrypt("x", "person:1")
    settings.DATA_KEYS = settings.DATA_KEYS | {2: "ab" * 32}
    new = crypto.encrypt("x", "person:1")
    assert (old[1], new[1]) == (1, 2)
    assert crypto.decrypt(old, "person:1") == crypto.decrypt(new, "person:1") == "x"


def test_equal_values_in_two_columns_have_different_indexes():
    assert crypto.blind_index("1", "person.id_number") != crypto.blind_index("1", "account.number")


def test_sm3_is_the_published_one():
    assert crypto.sm3(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@pytest.mark.django_db
def test_a_stored_file_lies_encrypted_and_refuses_changed_bytes():
    kept = StoredFile.keep(b"990000195001010019", name="a.xlsx", content_type="x/y", actor=User.objects.system())
    path = storages["archive"].path(kept.path)
    with open(path, "rb") as handle:
        raw = handle.read()
    assert b"990000195001010019" not in raw
    assert kept.read() == b"990000195001010019"
    with open(path, "wb") as handle:
        handle.write(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(crypto.Unreadable):
        kept.read()
