"""A link on the command line, on standard input, or missing."""

import pytest

ADVICE = "Get one from `proxim host` or the page on the other device."


def flat(text):
    return " ".join(text.split())


def test_link_from_standard_input_is_followed_by_chat(start, host):
    guest = start("join", "-", "--json")
    guest.type(f"{host.event('session')['link']}\none\n/close\n")
    assert host.event("chat")["text"] == "one"
    assert guest.finish()[1:] == ("", 0)


def test_person_is_asked_for_the_link_of_standard_input(start):
    guest = start("join", "-", terminal=True)
    guest.see(r"Paste the link, and press Enter\.")
    guest.type("nonsense\n")
    guest.see("a link looks like")
    assert guest.exit() == 2


def test_receiver_and_sender_read_the_link_from_standard_input(start, node, photo, tmp_path):
    giver = start("send", "--yes", "--json", "--node", node, str(photo))
    taker = start("receive", "-", "--yes", "--json", "--save-to", str(tmp_path / "one"))
    taker.type(f"{giver.event('session')['link']}\n")
    assert (giver.exit(), taker.exit()) == (0, 0)
    taker = start("receive", "--yes", "--json", "--node", node, "--save-to", str(tmp_path / "two"))
    giver = start("send", "--to", "-", "--json", str(photo))
    giver.type(f"{taker.event('session')['link']}\n")
    taker.event("prompt")
    taker.type(f"{giver.event('pending')['code']}\n")
    assert (giver.exit(), taker.exit()) == (0, 0)
    for folder in ("one", "two"):
        assert (tmp_path / folder / photo.name).read_bytes() == photo.read_bytes()


@pytest.mark.parametrize("command", [("receive", "-"), ("send", __file__, "--to", "-")])
def test_person_is_asked_for_the_link_of_a_transfer(start, command):
    program = start(*command, terminal=True)
    program.see(r"Paste the link, and press Enter\.")
    program.type("nonsense\n")
    program.see("a link looks like")
    assert program.exit() == 2


def test_join_with_an_empty_line_says_how_a_link_looks(start):
    guest = start("join", "-")
    guest.type("\n")
    _, err, code = guest.finish()
    assert code == 2
    assert "a link looks like https://node.example/join#<session id>.<seed>.<key>, or" in flat(err)


def test_join_without_a_link_says_where_to_get_one(run):
    _, err, code = run("join")
    assert code == 2
    assert ADVICE in flat(err)
    assert "Missing argument 'LINK'" in flat(err)
