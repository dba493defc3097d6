"""The link of ``proxim join``: on the command line, on standard input, or missing."""

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


def test_join_with_an_empty_line_says_how_a_link_looks(start):
    guest = start("join", "-")
    guest.type("\n")
    _, err, code = guest.finish()
    assert code == 2
    assert "a link looks like" in flat(err)


def test_join_without_a_link_says_where_to_get_one(run):
    _, err, code = run("join")
    assert code == 2
    assert ADVICE in flat(err)
